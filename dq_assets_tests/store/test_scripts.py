"""The three committed texts, the code's view of them and the provisioned database say the same."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import sqlglot
from sqlalchemy import inspect
from sqlglot import exp

from dq_assets.store import drafting, schema
from dq_assets.store.database import Database
from dq_assets.store.migrations import load_scripts, migrate, split_statements

DIALECTS = {"databricks": "databricks", "sqlite": "sqlite", "postgresql": "postgres"}
PARTITIONED = {"dq_test_results": "detected_at", "dq_audit_log": "created_at"}


def parsed(dialect: str) -> list[exp.Expression]:
    return [sqlglot.parse_one(statement, read=DIALECTS[dialect]) for script in load_scripts(dialect) for statement in script.statements]


def described(dialect: str) -> dict[str, dict]:
    """Tables by name: columns with nullability, primary key, foreign keys."""
    found = {}
    for statement in parsed(dialect):
        if statement.kind != "TABLE" or statement.find(exp.PartitionedOfProperty):
            continue
        name, parts = statement.this.this.name, statement.this.expressions
        columns = [
            (part.name, any(isinstance(c.kind, exp.NotNullColumnConstraint) for c in part.constraints)) for part in parts if isinstance(part, exp.ColumnDef)
        ]
        defaults = {part.name for part in parts if isinstance(part, exp.ColumnDef) and part.find(exp.DefaultColumnConstraint)}
        primary = [key.name for part in parts if (found_key := part.find(exp.PrimaryKey)) for key in found_key.expressions]
        if dialect == "postgresql" and name in PARTITIONED:
            assert primary.pop() == PARTITIONED[name], name
        foreign = {
            (key.expressions[0].name, key.args["reference"].this.this.name, key.args["reference"].this.expressions[0].name)
            for part in parts
            if (key := part.find(exp.ForeignKey))
        }
        found[name] = {"columns": columns, "defaults": defaults, "primary": primary, "foreign": foreign}
    return found


def indexes(dialect: str) -> set[str]:
    return {statement for script in load_scripts(dialect) for statement in script.statements if " INDEX " in statement.split("(")[0]}


@pytest.fixture(scope="module")
def database(tmp_path_factory) -> Database:
    made = Database(f"sqlite:///{tmp_path_factory.mktemp('scripts')}/m.db")
    made.create()
    migrate(made.engine, "sqlite", datetime(2026, 1, 1, tzinfo=UTC))
    return made


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_statement_is_understood_and_may_be_repeated(dialect) -> None:
    statements = parsed(dialect)
    assert len(statements) > 20
    for statement in statements:
        assert isinstance(statement, exp.Create), statement.sql()[:80]
        assert statement.args["exists"] or statement.args["replace"], f"{statement.this.sql()[:60]} cannot be repeated"


def test_the_three_texts_describe_the_same_tables_columns_nullability_and_keys() -> None:
    databricks = described("databricks")
    assert len(databricks) == 23
    assert described("sqlite") == databricks
    assert described("postgresql") == databricks


def test_indexes_are_the_same_where_the_store_has_them() -> None:
    assert indexes("sqlite") == indexes("postgresql")
    assert not indexes("databricks")
    assert sum(statement.startswith("CREATE UNIQUE") for statement in indexes("sqlite")) == 9


def test_views_show_completed_runs_only_in_every_dialect() -> None:
    for dialect in DIALECTS:
        views = [statement for statement in parsed(dialect) if statement.kind == "VIEW"]
        assert [view.this.name for view in views] == ["dq_profile_columns", "dq_profile_anomalies"]
        for view in views:
            assert "p.status = 'completed'" in view.sql(), dialect
    columns = [[column.alias_or_name for column in view.expression.expressions] for view in parsed("databricks") if view.kind == "VIEW"]
    assert columns == [[column.alias_or_name for column in view.expression.expressions] for view in parsed("sqlite") if view.kind == "VIEW"]


def test_databricks_tables_are_delta_with_comments_and_ask_for_defaults_where_they_use_them() -> None:
    for statement in parsed("databricks"):
        if statement.kind != "TABLE":
            continue
        text = statement.sql("databricks")
        assert "USING DELTA" in text
        assert statement.find(exp.SchemaCommentProperty), text[:60]
        assert not statement.this.this.args.get("db"), "names are unqualified: the runner selects the schema"
        columns = [part for part in statement.this.expressions if isinstance(part, exp.ColumnDef)]
        assert all(column.find(exp.CommentColumnConstraint) for column in columns), text[:60]
        assert bool(statement.find(exp.DefaultColumnConstraint)) == ("allowColumnDefaults" in text), text[:60]


def test_databricks_clusters_the_large_tables_as_they_are_read() -> None:
    clusters = {
        statement.this.this.name: [column.name for column in cluster.expressions]
        for statement in parsed("databricks")
        if (cluster := statement.find(exp.ClusterProperty))
    }
    assert clusters["dq_profile_metrics"] == ["table_id", "window_start"]
    assert clusters["dq_test_results"] == ["test_id", "detected_at"]


def test_postgresql_partitions_the_large_tables_with_a_default_partition() -> None:
    texts = [statement for script in load_scripts("postgresql") for statement in script.statements]
    for table, column in PARTITIONED.items():
        assert any(text.startswith(f"CREATE TABLE IF NOT EXISTS {table} (") and text.endswith(f"PARTITION BY RANGE ({column})") for text in texts)
        assert f"CREATE TABLE IF NOT EXISTS {table}_default PARTITION OF {table} DEFAULT" in texts


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_the_drafting_command_still_drafts_what_is_committed(dialect) -> None:
    for source, committed in zip(load_scripts("databricks"), load_scripts(dialect), strict=True):
        assert drafting.draft(source.text, dialect) == committed.text, f"{dialect}/{committed.name} was edited by hand: say so here and why"


def test_drafting_refuses_what_it_cannot_draft() -> None:
    with pytest.raises(ValueError, match="neither a table nor a view"):
        drafting.draft("DROP TABLE dq_tests;", "sqlite")


def test_the_codes_tables_equal_the_provisioned_database(database) -> None:
    inspector = inspect(database.engine)
    assert set(inspector.get_table_names()) == set(schema.metadata.tables)
    for name, table in schema.metadata.tables.items():
        reflected = inspector.get_columns(name)
        assert [(column["name"], column["nullable"]) for column in reflected] == [(column.name, column.nullable) for column in table.columns], name
        kinds = [(column["name"], column["type"]._type_affinity) for column in reflected]
        assert kinds == [(column.name, getattr(column.type, "impl", column.type)._type_affinity) for column in table.columns], name
        assert set(inspector.get_pk_constraint(name)["constrained_columns"]) == {column.name for column in table.primary_key}, name
        foreign = {(key["constrained_columns"][0], key["referred_table"], key["referred_columns"][0]) for key in inspector.get_foreign_keys(name)}
        assert foreign == {(key.parent.name, key.column.table.name, key.column.name) for key in table.foreign_keys}, name
        unique = {(index["name"], tuple(index["column_names"])) for index in inspector.get_indexes(name) if index["unique"]}
        assert unique == {(index.name, tuple(index.columns.keys())) for index in table.indexes}, name


def test_semicolons_in_strings_and_comments_do_not_end_a_statement() -> None:
    script = "-- one; two\nCREATE TABLE a (b TEXT DEFAULT ';', -- three; four\n c TEXT);\n/* ; */\nSELECT 'x;''y';\n"
    assert split_statements(script, "sqlite") == ("CREATE TABLE a (b TEXT DEFAULT ';', -- three; four\n c TEXT)", "SELECT 'x;''y'")


def test_a_script_whose_last_statement_has_no_semicolon_is_refused() -> None:
    with pytest.raises(ValueError, match="no semicolon"):
        split_statements("SELECT 1; SELECT 2", "sqlite")
