"""The catalogue as a page for people: ``python -m dq_assets.rules.page > docs/rules.md``; a test holds the page against the catalogue."""

from __future__ import annotations

from dq_assets.rules.catalogue import RULE_TYPES

_INTRODUCTION = """\
# Rule types

A test is a rule type placed on a table and its columns. Most tests are proposed; one written by hand goes under `tests` of its group in `dq.yaml`,
as `examples/dq.yaml` shows. Names are those of DataKitchen TestGen; the aliases, names of the same rule in Databricks Labs DQX and DQOps, are read too.
In the SQL, `c` is the column, `x` a number as a double without NaN and infinities, `d` a time in the group's timezone, `v` a value as the list
holds it, `row` all columns, and `:name` a parameter. NULL fails no row rule but `Required`. This page is generated from the catalogue.

| Rule type | Aliases | Scope | Dimension | Parameters | Fails on, or measures | A failure reads |
|---|---|---|---|---|---|---|
"""
_WITHOUT_SQL = {
    "Combo_Match": "rows whose value is absent from the reference table",
    "Schema_Drift": "columns that differ from the learned schema",
    "CUSTOM": "rows the query returns",
}


def rules_page() -> str:
    """Return the page as markdown."""
    return _INTRODUCTION + "".join(
        f"| {' | '.join(_cell(cell) for cell in cells)} |\n"
        for cells in (
            (
                f"`{rule.name}`",
                ", ".join(f"`{alias}`" for alias in rule.aliases),
                rule.scope.value.replace("_", " "),
                rule.dimension.value,
                ", ".join(f"`{name}` ({kind.value})" for name, kind in rule.parameters.items()) or "none",
                f"`{rule.sql}`" if rule.sql else _WITHOUT_SQL[rule.name],
                rule.says,
            )
            for rule in RULE_TYPES
        )
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    print(rules_page(), end="")  # noqa: T201 - its output is the page
