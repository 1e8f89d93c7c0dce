"""What holds for every test: no telemetry, no settings from the caller's shell, the same examples each time."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

pytest_plugins = ["dq_assets_tests.servers"]

# Set before any test module imports dagster, and inherited by the processes that tests start.
os.environ["DAGSTER_DISABLE_TELEMETRY"] = "1"
for name in [name for name in os.environ if name.startswith("DQ_") or name == "DAGSTER_HOME"]:
    del os.environ[name]

# No seed, no clock, no database of earlier failures: a run says the same thing everywhere.
settings.register_profile("house", derandomize=True, deadline=None, database=None)
settings.load_profile("house")


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return Path(__file__).resolve().parent.parent
