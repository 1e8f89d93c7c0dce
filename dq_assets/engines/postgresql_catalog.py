"""What PostgreSQL's catalogs say about tables: names, columns, sizes, and the state of their rows.

Decision: a change token is computed from the rows where that is cheap (``HASHED_BYTES``): definition, row count and the sum of the row hashes, as
for DuckDB. Beyond that it is made of counters: those of inserted, updated and deleted rows (which include what was rolled back), the table's
files (TRUNCATE and rewrites make new ones), and the times at which counters were reset, since they start again at 0 after a crash or when
somebody resets them. Counters come late, by up to a minute while the writer's session stays open; then the token changes later, never not at all.
The counters of PostgreSQL 14 and older get lost under load, and a standby counts nothing; there the token is the snapshot, the set of all
transactions that are over, so every write to any table of the server changes it.

Foreign tables have neither counters nor transactions here, so their rows are read whatever their size. A view is read if the planner's estimate is
below ``HASHED_COST``, or if it reads foreign tables; otherwise, and when reading it fails, its token is the snapshot.

Tables whose rows the role may not read are not there for us, as in the information schema. Partitions are not listed: they are their table's rows.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol

from dq_assets.engines.change_token import digest
from dq_assets.errors import SourceError
from dq_assets.records.enums import GeneralType
from dq_assets.records.tables import Column, TableName

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pyarrow as pa
    from sqlglot import exp

HASHED_BYTES = 128 * 1024 * 1024
"""Up to which size a table's rows are read for its change token; 100 MB take half a second."""
HASHED_COST = 100_000.0
"""Up to which estimate of the planner a view's rows are read for its change token; reading 128 MB costs about half of it."""
HASHED_AT_ONCE = 20
"""How many tables one statement reads for their change tokens."""

_FAMILIES = {
    **dict.fromkeys(("text", "varchar", "bpchar", "char", "name"), GeneralType.TEXT),
    **dict.fromkeys(("int2", "int4", "int8", "numeric", "float4", "float8"), GeneralType.NUMBER),
    **dict.fromkeys(("date", "timestamp", "timestamptz"), GeneralType.DATE),
    **dict.fromkeys(("time", "timetz"), GeneralType.TIME),
    "bool": GeneralType.BOOLEAN,
}
_READABLE = """
    c.relkind IN ('r', 'v', 'm', 'p', 'f')
    AND pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_table_privilege(c.oid, 'SELECT')"""
_TABLES = f"""
SELECT n.nspname AS schema_name, c.relname AS table_name
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE {_READABLE} AND NOT c.relispartition
  AND CASE WHEN $1::pg_catalog.text[] = '{{}}' THEN n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' ELSE n.nspname = ANY ($1) END
ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C"
"""  # noqa: S608 - put together from constants; values are parameters
_WANTED = f"""
wanted AS (
  SELECT c.oid, n.nspname, c.relname, c.relkind, c.reltype
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN ROWS FROM (pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[])) AS asked (nspname, relname)
    ON n.nspname = asked.nspname AND c.relname = asked.relname
  WHERE {_READABLE}
)"""  # noqa: S608 - as above
_COLUMNS = f"""
WITH RECURSIVE {_WANTED}, columns AS (
  SELECT wanted.nspname, wanted.relname, a.attname, a.attnum, a.atttypid, a.atttypmod, a.attnotnull
  FROM wanted LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = wanted.oid AND a.attnum > 0 AND NOT a.attisdropped
), base AS (
  SELECT DISTINCT atttypid AS declared, atttypid AS type FROM columns
  UNION
  SELECT base.declared, t.typbasetype FROM base JOIN pg_catalog.pg_type t ON t.oid = base.type WHERE t.typtype = 'd'
)
SELECT columns.nspname AS schema_name, columns.relname AS table_name, columns.attname AS column_name,
  pg_catalog.format_type(columns.atttypid, columns.atttypmod) AS data_type,
  t.typname AS base_name, t.typtype AS base_kind, tn.nspname = 'pg_catalog' AS base_built_in,
  NOT (columns.attnotnull OR EXISTS (
    SELECT FROM base d JOIN pg_catalog.pg_type dt ON dt.oid = d.type WHERE d.declared = columns.atttypid AND dt.typnotnull)) AS nullable
FROM columns LEFT JOIN base ON base.declared = columns.atttypid
  LEFT JOIN pg_catalog.pg_type t ON t.oid = base.type LEFT JOIN pg_catalog.pg_namespace tn ON tn.oid = t.typnamespace
WHERE columns.attname IS NULL OR t.typtype <> 'd'
ORDER BY columns.nspname, columns.relname, columns.attnum
"""  # noqa: S608 - as above
_STATES = f"""
WITH RECURSIVE {_WANTED}, member AS (
  SELECT oid AS root, oid FROM wanted
  UNION
  SELECT member.root, i.inhrelid FROM member JOIN pg_catalog.pg_inherits i ON i.inhparent = member.oid
)
SELECT wanted.nspname AS schema_name, wanted.relname AS table_name, wanted.relkind AS kind,
  pg_catalog.sum(pg_catalog.pg_table_size(c.oid)) FILTER (WHERE c.relkind IN ('r', 'm'))::pg_catalog.int8 AS bytes,
  pg_catalog.bool_or(c.relkind = 'f') AS remote,
  pg_catalog.array_agg(ROW(c.oid, pg_catalog.pg_relation_filenode(c.oid), pg_catalog.pg_stat_get_tuples_inserted(c.oid),
    pg_catalog.pg_stat_get_tuples_updated(c.oid), pg_catalog.pg_stat_get_tuples_deleted(c.oid)) ORDER BY c.oid)::pg_catalog.text AS counters,
  (SELECT pg_catalog.array_agg(ROW(a.attname, a.attnotnull, pg_catalog.format_type(a.atttypid, a.atttypmod)) ORDER BY a.attnum)::pg_catalog.text
   FROM pg_catalog.pg_attribute a WHERE a.attrelid = wanted.oid AND a.attnum > 0 AND NOT a.attisdropped) AS definition
FROM wanted JOIN member ON member.root = wanted.oid JOIN pg_catalog.pg_class c ON c.oid = member.oid
GROUP BY wanted.oid, wanted.nspname, wanted.relname, wanted.relkind
"""  # noqa: S608 - as above
_SERVER = """
SELECT pg_catalog.pg_is_in_recovery() OR pg_catalog.current_setting('server_version_num')::pg_catalog.int4 < 150000 AS uncounted,
  ROW(pg_catalog.pg_postmaster_start_time(), pg_catalog.txid_current_snapshot())::pg_catalog.text AS snapshot,
  ROW(pg_catalog.pg_postmaster_start_time(), (SELECT stats_reset FROM pg_catalog.pg_stat_database WHERE datname = pg_catalog.current_database()),
    (SELECT stats_reset FROM pg_catalog.pg_stat_bgwriter))::pg_catalog.text AS resets
"""


class Querying(Protocol):
    """What is needed of a session here."""

    def query_positional(self, sql: str, values: Sequence[object] = ()) -> pa.Table:
        """Run a statement with parameters ``$1``, ``$2`` and so on."""
        ...

    def relation(self, table: TableName) -> exp.Table:
        """Return the identifier of a table."""
        ...


def general_type(base_name: str, *, kind: str, built_in: bool) -> GeneralType:
    """Return the family of a type by PostgreSQL's own short name for it.

    Args:
        base_name: as ``pg_type`` has it; of a domain that of the type it is over.
        kind: ``typtype``; ``e`` is an enumeration.
        built_in: whether it is of ``pg_catalog``; of the other types only ``citext`` is known.
    """
    if kind == "e" or (base_name == "citext" and not built_in):
        return GeneralType.TEXT
    return _FAMILIES.get(base_name, GeneralType.OTHER) if built_in and kind == "b" else GeneralType.OTHER


def tables(session: Querying, schemas: Sequence[str]) -> list[TableName]:
    """Return every table, view, materialized view, partitioned and foreign table that may be read, sorted by schema and name."""
    return [TableName(**row) for row in session.query_positional(_TABLES, [list(schemas)]).to_pylist()]


def columns(session: Querying, wanted: Sequence[TableName]) -> dict[TableName, list[Column]]:
    """Return the columns of each table in declared order; a missing table is absent."""
    found: dict[TableName, list[Column]] = {}
    for row in session.query_positional(_COLUMNS, _names(wanted)).to_pylist():
        listed = found.setdefault(_name(row), [])
        if row["column_name"] is not None:
            family = general_type(row["base_name"], kind=row["base_kind"], built_in=row["base_built_in"])
            position = len(listed) + 1  # attnum has holes where columns were dropped
            listed.append(Column(name=row["column_name"], data_type=row["data_type"], general_type=family, position=position, nullable=row["nullable"]))
    return found


def size_bytes(session: Querying, wanted: Sequence[TableName]) -> dict[TableName, int]:
    """Return the bytes of each table with its TOAST and its partitions, without indexes; views and foreign tables are absent."""
    rows = session.query_positional(_STATES, _names(wanted)).to_pylist()
    return {_name(row): row["bytes"] for row in rows if row["bytes"] is not None and not row["remote"]}


def snapshot(session: Querying) -> str:
    """Return text that changes with every transaction on the server that wrote something."""
    return str(session.query_positional(_SERVER).to_pylist()[0]["snapshot"])


def change_tokens(session: Querying, wanted: Sequence[TableName]) -> dict[TableName, str]:
    """Return a change token per table; a missing table is absent. See the module."""
    server = session.query_positional(_SERVER).to_pylist()[0]
    states = {_name(row): row for row in session.query_positional(_STATES, _names(wanted)).to_pylist()}
    hashed, others = [], {}
    for table, state in states.items():
        if state["remote"] or (_is_cheap(session, table) if state["kind"] == "v" else (state["bytes"] or 0) <= HASHED_BYTES):
            hashed.append(table)
        elif state["kind"] == "v" or server["uncounted"]:
            others[table] = digest(("snapshot", server["snapshot"]))
        else:
            others[table] = digest((state["definition"], state["counters"], server["resets"]))
    tokens = {}
    for first in range(0, len(hashed), HASHED_AT_ONCE):
        tokens.update(_hashes(session, hashed[first : first + HASHED_AT_ONCE], states))
    return {table: tokens.get(table) or others.get(table) or digest(("snapshot", server["snapshot"])) for table in wanted if table in states}


def _is_cheap(session: Querying, view: TableName) -> bool:
    try:
        answer = session.query_positional(f"EXPLAIN (FORMAT JSON) SELECT * FROM {session.relation(view).sql(dialect='postgres')}")  # noqa: S608 - an identifier
    except SourceError:
        return False
    (plan,) = answer.column(0).to_pylist()
    return bool(json.loads(plan)[0]["Plan"]["Total Cost"] <= HASHED_COST) or '"Node Type": "Foreign Scan"' in plan


def _hashes(session: Querying, hashed: Sequence[TableName], states: Mapping[TableName, Mapping[str, Any]]) -> dict[TableName, str]:
    """Return the tokens of the tables that can be read; if one cannot, the others are read one by one."""
    # ROW(t.*) is the row even where a column is called t.
    statement = " UNION ALL ".join(
        f"SELECT {index}, pg_catalog.count(*), pg_catalog.sum(pg_catalog.hashtextextended(ROW(t.*)::pg_catalog.text, 0))"  # noqa: S608 - an identifier
        f" FROM {session.relation(table).sql(dialect='postgres')} AS t"
        for index, table in enumerate(hashed)
    )
    try:
        answer = session.query_positional(statement)
    except SourceError:
        if len(hashed) == 1:
            return {}
        return {name: token for table in hashed for name, token in _hashes(session, [table], states).items()}
    rows: Iterable[tuple[Any, ...]] = zip(*(column.to_pylist() for column in answer.columns), strict=True)
    return {hashed[index]: digest((states[hashed[index]]["definition"], count, str(total))) for index, count, total in rows}


def _names(wanted: Sequence[TableName]) -> list[list[str]]:
    return [[table.schema_name for table in wanted], [table.table_name for table in wanted]]


def _name(row: Mapping[str, Any]) -> TableName:
    return TableName(schema_name=row["schema_name"], table_name=row["table_name"])
