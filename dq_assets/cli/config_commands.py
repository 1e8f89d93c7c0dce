"""``dq config``: is the configuration right, and what does it say. Neither writes anything nor asks a source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer  # noqa: TC002 - typer reads the annotations when it runs

from dq_assets.cli.invocation import Invocation
from dq_assets.cli.options import AsJson  # noqa: TC001 - as above
from dq_assets.cli.output import counted
from dq_assets.errors import ConfigError, DQError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dq_assets.settings import ManualTest, Settings
    from dq_assets.settings_file import ConfigProblem


def check(context: typer.Context, as_json: AsJson = False) -> None:
    """Print everything that is wrong with the configuration."""
    from dq_assets.settings_file import check_settings, load_settings

    with Invocation(context, "config check", as_json) as call:
        path = call.settings_path()
        problems = check_settings(path)
        settings = load_settings(path) if not problems else None
        problems += _test_problems(path, settings)
        call.document |= {"file": str(path), "problems": problems}
        for problem in problems:
            call.output.line(str(problem))
        if settings is None or problems:
            call.note(ConfigError.exit_code)
            call.output.line(f"{counted(len(problems), 'problem')} in {path}.", "red")
        else:
            tests = sum(len(group.tests) for group in settings.table_groups.values())
            said = [counted(len(settings.connections), "connection"), counted(len(settings.table_groups), "table group"), counted(tests, "hand-written test")]
            call.output.line(f"OK: {path}: {', '.join(said)}. No source was asked.", "green")


def show(context: typer.Context, as_json: AsJson = False) -> None:
    """Print what is in effect, secrets hidden."""
    import yaml

    from dq_assets.settings_file import show_settings

    with Invocation(context, "config show", as_json) as call:
        text = show_settings(call.settings())
        call.output.text(text)
        call.document["settings"] = yaml.safe_load(text)


def _test_problems(path: Path, settings: Settings | None) -> list[ConfigProblem]:
    """Return what the rule catalogue says against the hand-written tests; of a file that is wrong elsewhere, against those that can be read."""
    from dq_assets.settings_file import ConfigProblem

    lines, written = _written_tests(path)
    if settings is not None:
        written = [(group, position, test) for group, declared in settings.table_groups.items() for position, test in enumerate(declared.tests)]
    return [
        ConfigProblem(
            file=str(path),
            line=lines.get((group, position)),
            key=f"table_groups.{group}.tests[{position}]",
            value="",
            problem=f"test {test.name!r}: {error.message.removeprefix(f'test {test.name!r}: ').removesuffix('.')}",
            fix=error.fix,
        )
        for group, position, test in written
        for error in _rule_errors(group, test)
    ]


def _rule_errors(group_name: str, written: ManualTest) -> Iterator[DQError]:
    """Yield why a hand-written test could not be compiled, taking for granted that its table exists."""
    from dq_assets.records.tables import GroupTable, TableGroup, TableName
    from dq_assets.rules.compile import checked_rule, filter_of
    from dq_assets.steps.suggest import manual_test

    group = TableGroup(table_group_id="", project_key="", connection_id="", name=group_name)
    schema, _, table = written.table.rpartition(".")
    try:
        test = manual_test(group, group_name, [GroupTable(table_group_id="", name=TableName(schema_name=schema, table_name=table))], written)
    except DQError as error:
        yield error
        return
    for checked in (checked_rule, filter_of):
        try:
            checked(test)
        except DQError as error:
            yield error


def _written_tests(path: Path) -> tuple[dict[tuple[str, int], int], list[tuple[str, int, ManualTest]]]:
    """Return, of the file alone, the line of each hand-written test by group and position, and those tests that can be read."""
    import yaml
    from pydantic import ValidationError

    from dq_assets.settings import ManualTest

    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError):
        return {}, []
    lines: dict[tuple[str, int], int] = {}
    readable: list[tuple[str, int, ManualTest]] = []
    for group, declared in _entries(dict(_entries(root)).get("table_groups")):
        tests = dict(_entries(declared)).get("tests")
        for position, node in enumerate(tests.value if isinstance(tests, yaml.SequenceNode) else []):
            lines[group, position] = node.start_mark.line + 1
            try:
                readable.append((group, position, ManualTest.model_validate(yaml.SafeLoader("").construct_document(node))))
            except (ValidationError, yaml.YAMLError, ValueError):
                continue
    return lines, readable


def _entries(node: Any) -> Iterator[tuple[str, Any]]:
    """Yield key and value of a mapping node; nothing of any other node."""
    import yaml

    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield str(key.value), value
