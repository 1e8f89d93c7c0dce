"""A code location with the ingestion sensor of ``$DQ_CONFIG`` and no other sensor, whose jobs run in one process."""

import os
from pathlib import Path

import dagster as dg

from dq_assets.orchestration import build_defs
from dq_assets.settings_file import load_settings


@dg.definitions
def defs() -> dg.Definitions:
    """Return the definitions of the configuration."""
    built = build_defs(load_settings(Path(os.environ["DQ_CONFIG"])))
    return dg.Definitions(
        assets=built.assets,
        asset_checks=built.asset_checks,
        jobs=built.jobs,
        sensors=[sensor for sensor in built.sensors or [] if sensor.name == "sales_ingestion"],
        executor=dg.in_process_executor,
    )
