"""Words on a pipe: text as it is, nothing cut, nothing that a terminal would obey."""

from __future__ import annotations

import json

import pytest

from dq_assets.cli.output import Output, plain
from dq_assets.errors import ConfigError


def test_markup_in_a_name_is_text(capsys):
    output = Output(as_json=False)
    output.line("[red]orders[/red] :smile:")
    output.table(["table"], [["[bold]orders[/bold]"]])
    assert capsys.readouterr().out == "[red]orders[/red] :smile:\ntable\n[bold]orders[/bold]\n"


@pytest.mark.parametrize(
    ("text", "shown"),
    [("\x1b[2Jgone", r"\x1b[2Jgone"), ("a\nb", "a b"), ("a\u202eb", r"a\u202eb"), ("café ≤ 3", "café ≤ 3"), (None, ""), (1234567, "1,234,567"), (True, "True")],
)
def test_a_value_cannot_command_the_terminal(text, shown):
    assert plain(text) == shown


def test_a_long_cell_is_never_cut_nor_broken_on_a_pipe(capsys):
    Output(as_json=False).table(["what", "rows"], [["x" * 500, 12]], right=["rows"])
    heading, row = capsys.readouterr().out.splitlines()
    assert row == "x" * 500 + "    12"
    assert heading.split() == ["what", "rows"]


def test_a_table_without_rows_is_not_shown(capsys):
    Output(as_json=False).table(["what"], [])
    assert capsys.readouterr().out == ""


def test_a_document_is_the_only_thing_printed_and_valid_json_whatever_it_holds(capsys):
    output = Output(as_json=True)
    output.line("a line")
    output.table(["a"], [["table"]])
    output.text("text")
    output.document({"share": float("nan"), "limit": float("inf"), "name": "café \x1b"})
    out = capsys.readouterr().out
    assert json.loads(out) == {"share": None, "limit": None, "name": "café \x1b"}
    assert out.isascii()


def test_an_error_is_one_line_on_stderr_with_code_and_fix(capsys):
    Output(as_json=True).error(ConfigError("DQ-CONF-003", "no group [x].", "declare it."), "sales")
    assert capsys.readouterr() == ("", "error: sales: DQ-CONF-003: no group [x]. Fix: declare it.\n")


def test_nobody_is_told_of_progress_through_a_pipe(capsys):
    Output(as_json=False).progress("testing main.orders")
    assert capsys.readouterr() == ("", "")
