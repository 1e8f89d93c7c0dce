"""Alerts: what somebody should look at."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from dq_assets.records.base import Record
from dq_assets.records.enums import Severity


class AlertSource(StrEnum):
    """What an alert is about."""

    PROFILE_ANOMALY = "profile_anomaly"
    TEST_FAILURE = "test_failure"
    RUN_FAILURE = "run_failure"


class Alert(Record):
    """A row of ``dq_alerts``."""

    alert_id: str
    project_key: str
    source_type: AlertSource
    source_ref: str
    severity: Severity
    title: str
    details: str
    acknowledged: bool = False
    created_at: datetime
