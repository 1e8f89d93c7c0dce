"""The Dagster components of this package, as ``dg list components`` finds them."""

from dq_assets.components.table_group import TableGroupComponent

__all__ = ["TableGroupComponent"]
