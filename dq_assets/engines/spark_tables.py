"""What a Spark session's catalog says about tables: names, columns, sizes, and the state of their rows.

Decision: a change token is the cheapest thing that cannot miss a change. A Delta table has a version. A table that is files (Parquet, ORC, CSV, JSON,
text, Avro) has their names, sizes and times, which Spark gives with the rows in the hidden column ``_metadata``; no data column is read for it. All
else, views and temporary views and what other systems keep, is read: row count and sum of row hashes. Spark's ``xxhash64`` passes over nulls, so each
column is hashed together with whether it is null, and what it does not take (maps, intervals, variants) or takes loosely (collated text) goes in as text
or bytes.

Temporary views have no schema in Spark; here it is called ``session``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Protocol

from pyspark.errors import PySparkException
from pyspark.sql import types as st
from sqlglot import exp

from dq_assets.engines.change_token import digest
from dq_assets.errors import SourceError
from dq_assets.records.enums import GeneralType
from dq_assets.records.tables import Column, TableName

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import SparkSession

TEMPORARY_SCHEMA = "session"
"""What the schema of temporary views is called."""
GLOBAL_TEMPORARY_SCHEMA = "global_temp"

_FILE_PROVIDERS = frozenset({"avro", "binaryfile", "csv", "json", "orc", "parquet", "text", "xml"})
_CHAR_TYPE = "__CHAR_VARCHAR_TYPE_STRING"
_SIZE = re.compile(r"Statistics\(sizeInBytes=([\d.E+]+) (B|KiB|MiB|GiB|TiB|PiB)\b")
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_FAMILIES: tuple[tuple[GeneralType, tuple[type[st.DataType], ...]], ...] = (
    (GeneralType.TEXT, (st.StringType, st.CharType, st.VarcharType)),
    (GeneralType.NUMBER, (st.ByteType, st.ShortType, st.IntegerType, st.LongType, st.FloatType, st.DoubleType, st.DecimalType)),
    (GeneralType.DATE, (st.DateType, st.TimestampType, st.TimestampNTZType)),
    (GeneralType.BOOLEAN, (st.BooleanType,)),
)
_HASHED: tuple[type[st.DataType], ...] = (*_FAMILIES[1][1], *_FAMILIES[2][1], *_FAMILIES[3][1], st.BinaryType)


class Querying(Protocol):
    """What is needed of a session here."""

    def query(self, sql: exp.Expr | str) -> pa.Table:
        """Run a statement."""
        ...

    def relation(self, table: TableName) -> exp.Table:
        """Return the identifier of a table."""
        ...


def identifier(table: TableName) -> exp.Table:
    """Return the name of a table in SQL; a temporary view goes by its own name alone."""
    schema = None if table.schema_name == TEMPORARY_SCHEMA else table.schema_name
    return exp.table_(table.table_name, db=schema, quoted=True)


def refresh(spark: SparkSession, name: str) -> None:
    """Let Spark look up a table's files anew; what cannot be refreshed, since it is gone or broken, is told by who reads it."""
    try:
        spark.catalog.refreshTable(name)
    except PySparkException:
        return


def tables(session: Querying) -> list[TableName]:
    """Return the tables and views of each schema and the temporary views, sorted by schema and name."""
    found: set[TableName] = set()
    schemas = session.query("SHOW SCHEMAS").column(0).to_pylist()
    for schema in [*schemas, GLOBAL_TEMPORARY_SCHEMA]:
        try:
            # The temporary views of the session are listed with every schema.
            listed = session.query(f"SHOW TABLES IN {exp.to_identifier(schema, quoted=True).sql(dialect='spark')}")
        except SourceError:
            if schema == GLOBAL_TEMPORARY_SCHEMA:  # a catalog may have none
                continue
            raise
        found |= {TableName(schema_name=row["namespace"] or TEMPORARY_SCHEMA, table_name=row["tableName"]) for row in listed.to_pylist()}
    return sorted(found, key=lambda table: (table.schema_name, table.table_name))


def general_type(type_: st.DataType) -> GeneralType:
    """Return the family of a Spark type; arrays, maps, structs, binary, intervals and variants are ``other``."""
    if type(type_).__name__ == "TimeType":  # Spark 4.1 and later
        return GeneralType.TIME
    return next((family for family, types in _FAMILIES if isinstance(type_, types)), GeneralType.OTHER)


def columns(schema: st.StructType) -> list[Column]:
    """Return the columns of a table, with its types as Spark spells them."""
    return [
        Column(
            name=field.name,
            data_type=(field.metadata or {}).get(_CHAR_TYPE) or field.dataType.simpleString(),
            general_type=general_type(field.dataType),
            position=position,
            nullable=field.nullable,
        )
        for position, field in enumerate(schema.fields, start=1)
    ]


def size_bytes(session: Querying, table: TableName) -> int | None:
    """Return the size of a table's files as the planner knows it, None for views and where it knows none."""
    if _details(session, table).get("Type") not in ("MANAGED", "EXTERNAL"):
        return None
    (plan,) = session.query(f"EXPLAIN COST SELECT * FROM {session.relation(table).sql(dialect='spark')}").column(0).to_pylist()  # noqa: S608 - an identifier
    # Without an answer Spark assumes 8 EiB, which is a unit of its own.
    size = _SIZE.search(plan)
    return round(float(size[1]) * 1024 ** _UNITS.index(size[2])) if size else None


def change_token(session: Querying, table: TableName, schema: st.StructType) -> str:
    """Return a change token; see the module."""
    provider = _details(session, table).get("Provider", "").lower()
    name = session.relation(table).sql(dialect="spark")
    if provider == "delta":
        (detail,) = session.query(f"DESCRIBE DETAIL {name}").select(["id"]).to_pylist()
        (version,) = session.query(f"DESCRIBE HISTORY {name} LIMIT 1").select(["version"]).to_pylist()
        return digest(("delta", detail["id"], version["version"]))
    state: Any = None
    if provider in _FILE_PROVIDERS:
        try:
            state = session.query(_files(name)).to_pylist()
        except SourceError:  # a column of the table may be called _metadata
            state = None
    return digest((schema.json(), state if state is not None else session.query(_rows(name, schema)).to_pylist()))


def _details(session: Querying, table: TableName) -> dict[str, str]:
    """Return what the catalog keeps about a table, by Spark's own words; nothing about a temporary view."""
    rows = session.query(f"DESCRIBE TABLE EXTENDED {session.relation(table).sql(dialect='spark')}").to_pylist()
    names = [row["col_name"] for row in rows]
    start = len(names) - names[::-1].index("# Detailed Table Information") if "# Detailed Table Information" in names else len(names)
    return {row["col_name"]: row["data_type"] for row in rows[start:]}


def _files(name: str) -> str:
    return (
        "SELECT count(*) AS n, sum(CAST(xxhash64(p, s, t) AS DECIMAL(38, 0))) AS h FROM (SELECT DISTINCT _metadata.file_path AS p,"  # noqa: S608 - an identifier
        f" _metadata.file_size AS s, _metadata.file_modification_time AS t FROM {name})"
    )


def _rows(name: str, schema: st.StructType) -> str:
    hashed = [part for field in schema.fields for part in _hashed(exp.column(field.name, quoted=True).sql(dialect="spark"), field.dataType)]
    return f"SELECT count(*) AS n, sum(CAST(xxhash64({', '.join(hashed)}) AS DECIMAL(38, 0))) AS h FROM {name}"  # noqa: S608 - identifiers


def _hashed(column: str, type_: st.DataType) -> list[str]:
    if isinstance(type_, st.StringType):
        return [f"CAST({column} AS BINARY)", f"{column} IS NULL"]
    if isinstance(type_, _HASHED):
        return [column, f"{column} IS NULL"]
    # Text of a nested null reads like the text "null"; JSON tells them apart but knows no intervals.
    nested = isinstance(type_, st.ArrayType | st.MapType | st.StructType) and "interval" not in type_.simpleString()
    json = [f"to_json(struct({column} AS c), map('ignoreNullFields', 'false'))"] if nested else []
    return [f"CAST({column} AS STRING)", f"{column} IS NULL", *json]
