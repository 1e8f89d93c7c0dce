"""The shop's code location: its models, and checks of data quality on one of them."""

from pathlib import Path

import dagster as dg

from dq_assets import build_defs, load_settings
from shop.models import customers, orders


@dg.definitions
def defs() -> dg.Definitions:
    """Return the models and, attached to them, the table groups of ``dq.yaml``."""
    build = dg.define_asset_job("build_marts", selection=dg.AssetSelection.assets(customers, orders))
    models = dg.Definitions(assets=[customers, orders], jobs=[build])
    return dg.Definitions.merge(models, build_defs(load_settings(Path(__file__).parents[1] / "dq.yaml")))
