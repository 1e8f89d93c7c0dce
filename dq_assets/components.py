"""The Dagster component: a table group declared in a ``defs.yaml``.

Decision: its attributes are validated by the models of ``dq.yaml``, so there is one schema of a group, whichever file declares it. Relative paths count
from the folder of the ``defs.yaml``.
"""

from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from dq_assets.orchestration import build_defs
from dq_assets.settings import Settings
from dq_assets.settings_file import with_absolute_paths


class TableGroupComponent(dg.Component, dg.Model, dg.Resolvable):
    """Profile, test and watch the tables of one connection.

    ``connection`` and ``table_group`` take the keys of ``connections.<name>`` and ``table_groups.<name>`` in ``examples/dq.yaml``;
    ``table_group`` without its ``connection``. In a code location with several components all but one set ``metadata_schema: false``.
    """

    name: str
    connection_name: str = "source"
    connection: dict[str, Any]
    table_group: dict[str, Any] = Field(default_factory=dict)
    metadata: dict[str, Any] = Field(default_factory=dict)
    project: str = "default"
    metadata_schema: bool = True

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Return the group's definitions."""
        settings = Settings.model_validate(
            {
                "version": 1,
                "project": self.project,
                "metadata": self.metadata,
                "connections": {self.connection_name: self.connection},
                "table_groups": {self.name: {**self.table_group, "connection": self.connection_name}},
            }
        )
        return build_defs(with_absolute_paths(settings, Path(context.path)), metadata_schema=self.metadata_schema)
