"""Why ``records.crons`` asks cronsim for times on an unmoved clock only."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from cronsim import CronSim


def test_cronsim_goes_back_to_the_first_pass_of_a_repeated_hour() -> None:
    """A characterization: started in the second pass it names an instant that is over, so it is asked for times on an unmoved clock only."""
    second_pass = datetime(2024, 10, 27, 2, 10, fold=1, tzinfo=ZoneInfo("Europe/Berlin"))
    assert next(CronSim("30 2 * * *", second_pass)).timestamp() < second_pass.timestamp()


def test_cronsim_leaves_times_out_where_the_clock_is_moved_by_half_an_hour() -> None:
    """A characterization: it misses 02:40, which comes 29 minutes after 01:41, so when a time comes is decided in ``records.crons``."""
    before = datetime(2024, 10, 6, 1, 41, tzinfo=ZoneInfo("Australia/Lord_Howe"))
    assert next(CronSim("40 * * * *", before)).strftime("%H:%M") == "03:40"


def test_cronsim_reads_a_step_over_one_number_as_a_step_from_it() -> None:
    """A characterization: ``5-5/10`` is 5, 15, 25 and so on, not 5 alone, so such an expression is refused."""
    assert next(CronSim("5-5/10 * * * *", datetime(2024, 1, 1, 0, 5))).minute == 15  # noqa: DTZ001 - an unmoved clock
