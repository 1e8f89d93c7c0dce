"""The closed vocabularies. One spelling each; what else they are read as is in the metadata schema."""

from __future__ import annotations

from enum import StrEnum


class Severity(StrEnum):
    """How bad a failing test or a finding is, mildest first."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    FATAL = "fatal"

    @property
    def rank(self) -> int:
        """0 (info) to 3 (fatal)."""
        return list(Severity).index(self)


class Verdict(StrEnum):
    """Outcome of one test on one batch. What could not be evaluated is ``error``, never ``pass``."""

    PASS = "pass"  # noqa: S105 - a verdict
    WARN = "warn"
    FAIL = "fail"
    ERROR = "error"
    SKIPPED = "skipped"
    LEARNING = "learning"

    @property
    def is_alarm(self) -> bool:
        """True for warn, fail and error: somebody should look."""
        return self in (Verdict.WARN, Verdict.FAIL, Verdict.ERROR)


class Dimension(StrEnum):
    """What aspect of quality a test speaks about; each is one Dagster check per table."""

    ACCURACY = "accuracy"
    COMPLETENESS = "completeness"
    CONSISTENCY = "consistency"
    TIMELINESS = "timeliness"
    UNIQUENESS = "uniqueness"
    VALIDITY = "validity"
    VOLUME = "volume"
    FRESHNESS = "freshness"
    SCHEMA = "schema"


class Scope(StrEnum):
    """What a rule looks at."""

    ROW = "row"
    COLUMN = "column"
    TABLE = "table"
    REFERENCE = "reference"
    TABLE_GROUP = "table_group"


class RunStatus(StrEnum):
    """State of a profile run or test run. Only ``completed`` makes a run's rows visible."""

    QUEUED = "queued"
    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class TriggerSource(StrEnum):
    """What started a run."""

    MANUAL = "manual"
    SCHEDULE = "schedule"
    INGESTION = "ingestion"
    ACTIVATION = "activation"
    API = "api"
    WEBHOOK = "webhook"


class GeneralType(StrEnum):
    """Family of a column's type, the letters of the metadata schema."""

    TEXT = "A"
    NUMBER = "N"
    DATE = "D"
    TIME = "T"
    BOOLEAN = "B"
    OTHER = "X"


class Likelihood(StrEnum):
    """How sure a finding is."""

    DEFINITE = "definite"
    LIKELY = "likely"
    POSSIBLE = "possible"
    POTENTIAL = "potential"


class BaselineStatus(StrEnum):
    """Whether a batch's metrics may teach the next suite."""

    LEARNED = "learned"
    EXCLUDED = "excluded"
    PENDING = "pending"


class Quality(StrEnum):
    """How a metric was obtained."""

    EXACT = "exact"
    APPROXIMATE = "approximate"
    SAMPLED = "sampled"


class Origin(StrEnum):
    """Who made a test."""

    GENERATED = "generated"
    MANUAL = "manual"
    CONTRACT = "contract"
    AI = "ai"


class StoreValues(StrEnum):
    """Which of the customers' values may leave the engine."""

    NONE = "none"
    MASKED = "masked"
    ALL = "all"
