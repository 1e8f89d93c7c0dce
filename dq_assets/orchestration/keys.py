"""Names in the graph: asset keys, check names, run tags.

Decision: a source table's key is ``[connection, schema, table]``, so it stays the same whichever database the connection points to. Dagster derives
op output names from keys and takes letters, digits and underscores only (``%`` is refused, ``.`` and ``-`` become one underscore), so any other
character is written as its code point, ``_u20_``; two tables never share a key.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import dagster as dg

from dq_assets.records.enums import Dimension, TriggerSource

if TYPE_CHECKING:
    from collections.abc import Mapping

METADATA_SCHEMA = dg.AssetKey(["dq", "metadata_schema"])
TAG_TABLE_GROUP, TAG_AS_OF, TAG_BATCH, TAG_TESTS = "dq/table_group", "dq/as_of", "dq/batch", "dq/tests"
TAG_TRIGGER, TAG_TOKEN = "dq/trigger", "dq/run_token"
TAG_WORKER, TAG_JUDGED, TAG_REDO_OF = "dq/worker", "dq/judged", "dq/redo_of"
HYGIENE_CHECK, TABLE_CHECK, FATAL_CHECK = "dq_hygiene", "dq_table", "dq_fatal"
CHECK_OF_DIMENSION = {dimension: f"dq_{dimension.value}" for dimension in Dimension}
DIMENSION_OF_CHECK = {name: dimension for dimension, name in CHECK_OF_DIMENSION.items()}


def group_key(group_name: str, asset: str) -> dg.AssetKey:
    """Return the key of one of a group's own assets, as in ``dq/sales/test_results``."""
    return dg.AssetKey(["dq", group_name, asset])


def key_part(name: str) -> str:
    """Return a name as a part of an asset key; no two names give the same part."""
    escaped = re.sub(r"_(?=u[0-9a-f]+_)", "_u5f_", name)
    return re.sub(r"[^A-Za-z0-9_]", lambda match: f"_u{ord(match[0]):x}_", escaped)


def trigger_of(tags: Mapping[str, str]) -> str:
    """Return what started a run: its tag ``dq/trigger``; else ``schedule`` for a run of any schedule, ``manual`` for any other."""
    return tags.get(TAG_TRIGGER, (TriggerSource.SCHEDULE if "dagster/schedule_name" in tags else TriggerSource.MANUAL).value)
