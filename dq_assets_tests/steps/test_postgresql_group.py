"""A table group in PostgreSQL goes the whole way: profiled, learned from, judged."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from dq_assets.records.enums import Verdict
from dq_assets.settings import Settings
from dq_assets.steps.context import RunRequest, StepContext
from dq_assets.steps.profile import profile
from dq_assets.steps.register import register
from dq_assets.steps.suggest import suggest
from dq_assets.steps.test import test as run_tests

DAYS = 20
HISTORY = f"""
CREATE TABLE orders AS SELECT i AS order_id, TIMESTAMP '2024-01-01' + i * INTERVAL '15 minutes' AS ordered_at,
  (ARRAY['open', 'paid', 'shipped'])[1 + i % 3] AS status, (100 + i % 7)::numeric(10, 2) AS amount, 'A-' || (1000 + i % 50) AS code
FROM generate_series(0, {DAYS * 96 - 1}) AS s(i)
"""
NEXT_DAY = f"""
INSERT INTO orders SELECT 100000 + i, TIMESTAMP '2024-01-01' + INTERVAL '{DAYS} days' + i * INTERVAL '15 minutes', %s, 103, 'A-1001'
FROM generate_series(0, 95) AS s(i)
"""


@pytest.fixture
def shop(postgres_database, tmp_path):
    """A context on a database of orders, and its URL."""
    url = postgres_database(HISTORY, "CREATE TABLE status_names AS SELECT unnest(ARRAY['open', 'paid', 'shipped']) AS name")
    settings = Settings(
        version=1,
        metadata={"url": f"sqlite:///{tmp_path}/metadata.db"},
        connections={"db": {"type": "postgresql", "url": url.replace("postgresql://", "postgresql+psycopg://")}},
        table_groups={"shop": {"connection": "db", "tables": {"orders": {"batch": {"column": "ordered_at", "grain": "day"}}}}},
    )
    return StepContext.open(settings), url


def after(day: int) -> RunRequest:
    moment = datetime(2024, 1, 1, 6, tzinfo=UTC) + timedelta(days=day + 1)
    return RunRequest(as_of=moment, started_at=moment)


def test_a_group_in_postgresql_is_profiled_learned_and_judged(shop):
    context, url = shop
    register(context, "shop", after(0).started_at)
    run = profile(context, "shop", after(DAYS - 1))
    columns = {column.column_name: column for column in context.store.column_profiles(run.profile_run_id) if column.table.table_name == "orders"}
    suggest(context, "shop", after(DAYS - 1).started_at)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(NEXT_DAY.replace("%s", "'lost'"))
    judged = run_tests(context, "shop", after(DAYS))
    failed = {result.column_name for result in context.store.test_results(judged.test_run_id) if result.result_status is Verdict.FAIL}

    assert run.row_count == DAYS * 96 + 3
    assert columns["order_id"].distinct_count == DAYS * 96
    assert columns["amount"].metrics["sum_value"] == sum(100 + i % 7 for i in range(DAYS * 96))
    assert len(context.store.batches_of_profile(run.profile_run_id)) == DAYS
    assert {top.value for top in columns["status"].top_values} == {"open", "paid", "shipped"}
    assert "status" in failed


def test_an_unchanged_table_in_postgresql_is_carried_over(shop):
    context, _ = shop
    register(context, "shop", after(0).started_at)
    profile(context, "shop", after(DAYS - 1))
    first = context.store.column_profiles(context.store.latest_profile_run(context.group("shop").table_group_id).profile_run_id)
    run = profile(context, "shop", after(DAYS - 1).model_copy(update={"token": "again"}))
    assert context.store.column_profiles(run.profile_run_id) == first
