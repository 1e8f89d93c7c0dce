"""What ``dg scaffold defs dq_assets.components.TableGroupComponent NAME`` writes.

Decision: the file is valid as it is written, and what is commonly changed next stands in it as a comment, so that nobody begins with an empty mapping.
"""

import re
from typing import Literal

import dagster as dg
import yaml
from pydantic import BaseModel, Field

GRAINS = Literal["hour", "day", "week", "month"]

_DATA = "{{ context.project_root }}/data"
_YAML = """\
type: {type_name}

attributes:
  name: {name}
  connection:
    type: duckdb
    path: {path} # a DuckDB file, or a folder where each sub-folder or file of Parquet or CSV is a table
  table_group:
{group}
"""
_BATCH = """\
    batch: {{column: {column}, grain: {grain}}} # a table that is reloaded as one: tables: {{NAME: {{batch: {{}}}}}}"""
_BATCH_HINT = """\
    # batch: {column: ordered_at, grain: day} # which rows arrive together; without it each table is reloaded as one"""
_ATTACH = """\
    source_assets: attach # checks go onto assets that are there already, under these keys
    asset_key: {asset_key}"""
_GROUP_HINT = """\
    include: ["*"] # masks over `table` or `schema.table`
    schedules: {} # learn: "0 3 * * 0", validate: "0 6 * * *"; without them the group's sensor sees what arrives"""

_PYTHON = '''\
"""The table group {name}."""

from pathlib import Path

import dagster as dg
from dq_assets import TableGroupComponent
from dq_assets.settings import DuckDBConnection, MetadataSettings, TableGroupOptions


@dg.component_instance
def load(context: dg.ComponentLoadContext) -> TableGroupComponent:
    """Return the component."""
    return TableGroupComponent(
        name="{name}",
        connection=DuckDBConnection(type="duckdb", path={path}),
        table_group=TableGroupOptions.model_validate({group}),
        metadata=MetadataSettings(url=f"sqlite:///{{context.project_root}}/.dq/metadata.db"),
    )
'''


class TableGroupParameters(BaseModel):
    """What can be said when a table group is scaffolded; all of it can be changed in the file later."""

    path: str | None = Field(default=None, description="DuckDB file or folder, a relative one counts from the new file; default: data in the project.")
    batch_column: str | None = Field(default=None, description="The time column that says which batch a row belongs to.")
    grain: GRAINS = Field(default="day", description="Length of a batch.")
    asset_key: str | None = Field(default=None, description="Put the checks onto assets that are there already, as in marts/{table}.")


class TableGroupScaffolder(dg.Scaffolder[TableGroupParameters]):
    """Writes a ``defs.yaml``, or a ``component.py`` where Python was asked for."""

    @classmethod
    def get_scaffold_params(cls) -> type[TableGroupParameters]:
        """Return the parameters that the command takes as options."""
        return TableGroupParameters

    def scaffold(self, request: dg.ScaffoldRequest[TableGroupParameters]) -> None:
        """Write the file; the group is named after its folder."""
        name = group_name(request.target_path.stem)
        text = _text(request.type_name, name, request.params)
        if request.scaffold_format == "python":
            path = f"Path(__file__).parent / {request.params.path!r}" if request.params.path else 'Path(context.project_root) / "data"'
            group = yaml.safe_load(text)["attributes"]["table_group"]
            (request.target_path / "component.py").write_text(_PYTHON.format(name=name, path=path, group=group), encoding="utf-8")
        elif request.append:
            with request.target_path.open("a", encoding="utf-8") as file:
                file.write(f"---\n{text}")
        else:
            (request.target_path / "defs.yaml").write_text(text, encoding="utf-8")


def group_name(text: str) -> str:
    """Return text as a name that a table group may have: a letter, then letters, digits and underscores."""
    name = re.sub(r"[^A-Za-z0-9_]", "_", text)
    return name if re.match(r"[A-Za-z]", name) else f"group_{name}"


def _text(type_name: str, name: str, parameters: TableGroupParameters) -> str:
    batch = _BATCH.format(column=_quoted(parameters.batch_column), grain=parameters.grain) if parameters.batch_column else _BATCH_HINT
    attach = [_ATTACH.format(asset_key=_quoted(parameters.asset_key))] if parameters.asset_key else []
    return _YAML.format(type_name=type_name, name=name, path=_quoted(parameters.path or _DATA), group="\n".join([_GROUP_HINT, batch, *attach]))


def _quoted(text: str) -> str:
    """Return text as YAML within a line: in quotes where it needs some."""
    return yaml.safe_dump([text], default_flow_style=True, width=10_000).strip()[1:-1]
