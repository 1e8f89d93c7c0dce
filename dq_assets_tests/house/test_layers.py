"""Imports point downwards only: the design's table of layers as data, held against every import in the package.

Three kinds of import are told apart. ``module`` runs when the module is loaded, ``function`` when a function is called, and
``typing`` (under ``if TYPE_CHECKING``) never runs. Who may know whom holds for all three; a library may be allowed for fewer.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from typing import TYPE_CHECKING, Literal, NamedTuple

import pytest

import dq_assets

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Kind = Literal["module", "function", "typing"]

GROUND = {"errors", "records", "settings", "settings_file"}
DOMAIN = {"alerting", "calibration", "profiling", "rules"}
OUTSIDE = {"databricks", "engines", "store"}
BELOW_DOORS = GROUND | DOMAIN | OUTSIDE | {"steps"}

MAY_IMPORT: dict[str, set[str]] = {
    # ground
    "errors": set(),
    "records": {"errors"},
    "settings": {"errors", "records"},
    "settings_file": {"errors", "records", "settings"},
    # domain: pure logic on records, each part on those before it
    "calibration": {"errors", "records"},
    "profiling": {"calibration", "errors", "records"},
    "rules": {"calibration", "errors", "profiling", "records"},
    "alerting": {"calibration", "errors", "profiling", "records", "rules"},
    # outside: adapters that never know each other
    "databricks": GROUND,
    "engines": GROUND,
    "store": GROUND,
    # steps
    "steps": GROUND | DOMAIN | OUTSIDE,
    # doors
    "functions": BELOW_DOORS,
    "orchestration": BELOW_DOORS,
    "components": BELOW_DOORS | {"orchestration"},
    "definitions": BELOW_DOORS | {"components", "orchestration"},
    "api": BELOW_DOORS | {"functions"},
    "console": BELOW_DOORS | {"functions"},
    "demo": BELOW_DOORS | {"functions", "orchestration"},
    "cli": BELOW_DOORS | {"api", "console", "demo", "functions", "orchestration", "definitions"},
    # the package itself hands out names, lazily
    "": {"components", "errors", "functions", "orchestration", "settings", "settings_file"},
}
"""Which parts of the package a part may import, besides itself."""

ANYHOW: set[Kind] = {"module", "function", "typing"}
PURE: dict[str, dict[str, set[Kind]]] = {
    **dict.fromkeys(DOMAIN, dict.fromkeys(("numpy", "pyarrow", "pydantic", "sqlglot"), ANYHOW)),
    "profiling": {**dict.fromkeys(("numpy", "pyarrow", "pydantic", "sqlglot"), ANYHOW), "jinja2": {"module", "function"}},
    "": {},
    "errors": {},
    "records": {"cronsim": ANYHOW, "pydantic": ANYHOW, "pyarrow": {"typing"}, "sqlglot": {"typing"}},
    "settings": {"pydantic": ANYHOW, "pydantic_settings": ANYHOW},
    "settings_file": {"pydantic": ANYHOW, "pydantic_settings": ANYHOW, "yaml": ANYHOW},
}
"""Parts that may import only these libraries, and how."""

FRONT_ENDS = {"click", "dagster", "dagster_databricks", "dagster_webserver", "fastapi", "rich", "starlette", "typer", "uvicorn"}
NEVER: dict[str, set[str]] = {
    "steps": FRONT_ENDS,
    "engines": FRONT_ENDS,
    "store": FRONT_ENDS,
    "databricks": FRONT_ENDS - {"starlette", "uvicorn"},
    "functions": FRONT_ENDS,
    "orchestration": {"click", "rich", "typer"},
    "components": {"click", "rich", "typer"},
    "definitions": {"click", "rich", "typer"},
}
"""Libraries that a part must not import, in any way."""

HEAVY = {"databricks", "duckdb", "numpy", "pandas", "pyarrow", "pyspark", "sqlalchemy", "sqlglot"}
NOT_AT_MODULE_LEVEL: dict[str, set[str]] = {
    "cli": HEAVY | {"dagster"},
    "definitions": HEAVY,
    "components": HEAVY,
    "orchestration": HEAVY,
}
"""Libraries that a part must not load merely by being imported."""

RELEASED_WITH = {"dagster_pipes": "dagster", "py4j": "pyspark", "pydantic_core": "pydantic"}
"""Libraries that another one brings in exactly its own version; importing them is importing that one."""

PUBLIC_NAMES = set(dq_assets.__all__) - {"__version__"}


class Import(NamedTuple):
    """One import statement: where it stands, what it names, when it runs."""

    part: str
    place: str
    target: str
    kind: Kind


def _targets(node: ast.AST, package: list[str]) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        base = [*package[: len(package) - node.level + 1], *filter(None, [node.module])] if node.level else [str(node.module)]
        home = ".".join(base)
        return [f"{home}.{alias.name}" for alias in node.names] if home == "dq_assets" else [home]
    if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str):
        function = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        return [node.args[0].value] if function in {"import_module", "__import__"} else []
    return []


def _walk(node: ast.AST, kind: Kind, package: list[str]) -> Iterator[tuple[ast.AST, str, Kind]]:
    for target in _targets(node, package):
        yield node, target, kind
    if isinstance(node, ast.If) and "TYPE_CHECKING" in {getattr(node.test, "id", ""), getattr(node.test, "attr", "")}:
        for child in node.body:
            yield from _walk(child, "typing", package)
        for child in node.orelse:
            yield from _walk(child, kind, package)
        return
    inner: Kind = "function" if kind == "module" and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) else kind
    for child in ast.iter_child_nodes(node):
        yield from _walk(child, inner, package)


def imports_of(source: str, path: tuple[str, ...]) -> list[Import]:
    """Return every import in ``source``, the text of the module at ``path`` (``("dq_assets", "steps", "profile.py")``)."""
    part = path[1].removesuffix(".py") if path[1:] != ("__init__.py",) else ""
    found = _walk(ast.parse(source), "module", list(path[:-1]))
    return [Import(part, f"{'/'.join(path)}:{getattr(node, 'lineno', 0)}", target, kind) for node, target, kind in found]


def violations(statement: Import) -> list[str]:
    """Return what the table of layers says against one import, in words."""
    first, _, rest = statement.target.partition(".")
    said = f"{statement.place} imports {statement.target} ({statement.kind})"
    if statement.part not in MAY_IMPORT:
        return [f"{statement.place}: {statement.part!r} is not in the table of layers"]
    if first == "dq_assets":
        target = rest.partition(".")[0]
        if target in PUBLIC_NAMES:
            return [f"{said}: the package's own code imports a name from where it lives"]
        forbidden = MAY_IMPORT.keys() - MAY_IMPORT[statement.part] - {statement.part, ""}
        return [f"{said}: not below it"] if target in forbidden else []
    if first in sys.stdlib_module_names:
        return []
    first = RELEASED_WITH.get(first, first)
    found = []
    if statement.part in PURE and statement.kind not in PURE[statement.part].get(first, set()):
        found.append(f"{said}: not among the libraries of this layer")
    if first in NEVER.get(statement.part, set()):
        found.append(f"{said}: this layer does not know its front ends")
    if statement.kind == "module" and first in NOT_AT_MODULE_LEVEL.get(statement.part, set()):
        found.append(f"{said}: loads it in every process; import it inside the function")
    return found


@pytest.fixture(scope="module")
def statements(repository: Path) -> list[Import]:
    """Every import of the package."""
    links = {repository / "dq_assets" / "notebooks", repository / "dq_assets" / "sql"}
    files = [file for file in sorted((repository / "dq_assets").rglob("*.py")) if not links & {file, *file.parents}]
    return [statement for file in files for statement in imports_of(file.read_text(encoding="utf-8"), file.relative_to(repository).parts)]


def test_every_import_points_downwards(statements: list[Import]) -> None:
    assert [said for statement in statements for said in violations(statement)] == []


def test_every_library_is_declared(statements: list[Import], repository: Path) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    lines = [*project["dependencies"], *(line for extra in extras if extra != "dev" for line in extras[extra])]
    names = {re.split(r"[\[<>=]", line)[0].lower() for line in lines}
    homes = {**packages_distributions(), "psycopg": ["psycopg"], "pyspark": ["pyspark"], "dagster_databricks": ["dagster-databricks"]}
    foreign = {statement.target.partition(".")[0] for statement in statements} - sys.stdlib_module_names - {"dq_assets"}
    assert {library for library in foreign - RELEASED_WITH.keys() if not {home.lower().replace("_", "-") for home in homes.get(library, [])} & names} == set()


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("records/tables.py", "import dq_assets.settings"),
        ("records/tables.py", "from dq_assets import settings"),
        ("records/tables.py", "from ..settings import Settings"),
        ("records/engine.py", "import pyarrow"),
        ("settings.py", "def read():\n    from dq_assets.store import open_store"),
        ("engines/duckdb.py", "from dq_assets.store import open_store"),
        ("store/sqlite.py", "if TYPE_CHECKING:\n    from dq_assets.engines import duckdb"),
        ("rules/catalogue.py", "import duckdb"),
        ("rules/catalogue.py", "import importlib\nimportlib.import_module('duckdb')"),
        ("profiling/plan.py", "from dq_assets.steps.profile import profile"),
        ("steps/profile.py", "import dagster as dg"),
        ("steps/profile.py", "def show():\n    from rich.table import Table"),
        ("steps/profile.py", "if typing.TYPE_CHECKING:\n    import typer"),
        ("steps/profile.py", "from dq_assets.cli import main"),
        ("steps/profile.py", "from dq_assets import build_table_group_defs"),
        ("profiling/plan.py", "from dq_assets.rules import catalogue"),
        ("orchestration/assets.py", "class Resource:\n    import duckdb"),
        ("orchestration/assets.py", "from dq_assets.definitions import defs"),
        ("cli/main.py", "try:\n    import dagster\nexcept ImportError:\n    pass"),
        ("newcomer/module.py", "import json"),
    ],
)
def test_an_import_that_the_table_forbids_is_found(path: str, source: str) -> None:
    found = [said for statement in imports_of(source, ("dq_assets", *path.split("/"))) for said in violations(statement)]
    assert len(found) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("records/engine.py", "if TYPE_CHECKING:\n    import pyarrow as pa"),
        ("rules/catalogue.py", "from sqlglot import exp\nfrom . import predicates\nfrom dq_assets import __version__"),
        ("steps/profile.py", "import dq_assets.engines\nfrom dq_assets.store import open_store"),
        ("cli/main.py", "import typer\ndef ui():\n    import dagster"),
        ("__init__.py", "def __getattr__(name):\n    from dq_assets.errors import DQError"),
    ],
)
def test_an_import_that_the_table_allows_is_let_be(path: str, source: str) -> None:
    assert [said for statement in imports_of(source, ("dq_assets", *path.split("/"))) for said in violations(statement)] == []
