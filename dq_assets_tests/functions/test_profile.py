"""What `profile` promises: whatever is handed over, the same profile of it; parts of it; the forms it is taken in."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from dq_assets import profile
from dq_assets.engines import open_engine
from dq_assets.errors import ConfigError, SourceError
from dq_assets.records.enums import Quality
from dq_assets.settings import DuckDBConnection

NOW = datetime(2024, 3, 2, 12, tzinfo=UTC)
ROWS = 3000


@pytest.fixture(scope="module")
def visits() -> pa.Table:
    """Three days of visits: a key, a number with gaps, a category, an address."""
    random = np.random.default_rng(7)
    return pa.table(
        {
            "visit_id": np.arange(ROWS),
            "seconds": pa.array([None if i % 10 == 0 else float(v) for i, v in enumerate(random.integers(1, 900, ROWS))]),
            "page": random.choice(["home", "cart", "help"], ROWS, p=[0.6, 0.3, 0.1]),
            "email": [f"user{i % 40}@example.com" for i in range(ROWS)],
            "at": [datetime(2024, 2, 28 + day, tzinfo=UTC).replace(tzinfo=None) for day in (0, 1) for _ in range(ROWS // 3)]
            + [datetime(2024, 3, 1)] * (ROWS // 3),  # noqa: DTZ001 - wall-clock by definition
        }
    )


@pytest.fixture(scope="module")
def places(visits, tmp_path_factory) -> dict[str, object]:
    """The same rows in every place that is profiled."""
    folder = tmp_path_factory.mktemp("visits")
    with duckdb.connect(str(folder / "visits.duckdb")) as connection:
        connection.from_arrow(visits).create("visits")
        connection.execute(f"COPY visits TO '{folder}/visits.parquet' (FORMAT parquet)")
        (folder / "lake" / "visits").mkdir(parents=True)
        connection.execute(f"COPY visits TO '{folder}/lake/visits/a.parquet' (FORMAT parquet)")
    return {
        "database": folder / "visits.duckdb",
        "parquet": str(folder / "visits.parquet"),
        "folder": folder / "lake",
        "engine": open_engine(DuckDBConnection(type="duckdb", path=folder / "visits.duckdb")),
        "arrow": visits,
        "pandas": visits.to_pandas(),
        "polars": pl.from_arrow(visits),
    }


def numbers(found) -> dict:
    """What was found, without what the place decides: the name, and how types are spelled."""
    return {
        column.column_name: (column.null_count, column.distinct_count, column.min_value, column.percentiles, column.metrics, column.top_values)
        for column in found.columns
    } | {"keys": found.candidate_keys, "table": found.metrics}


@pytest.mark.parametrize("place", ["database", "parquet", "folder", "engine", "pandas", "polars"])
def test_the_same_rows_have_the_same_profile_wherever_they_are(places, place):
    assert numbers(profile(places[place], as_of=NOW)) == numbers(profile(places["arrow"], as_of=NOW))


def test_a_duckdb_relation_is_profiled(visits):
    with duckdb.connect() as connection:
        relation = connection.from_arrow(visits)
        assert profile(relation, as_of=NOW).row_count == ROWS


def test_what_a_profile_says(visits):
    found = profile(visits, name="visits", as_of=NOW, store_values="all")

    assert (found.name, found.row_count, found.candidate_keys, found.metrics["duplicate_row_count"]) == ("visits", ROWS, (("visit_id",),), 0)
    assert found["visit_id"].metrics["order"] == "increasing"
    assert (found["visit_id"].metrics["min_step"], found["visit_id"].metrics["max_step"]) == (1, 1)
    assert found["seconds"].null_count == ROWS // 10
    assert [top.value for top in found["page"].top_values] == ["home", "cart", "help"]
    assert found["page"].metrics["entropy"] == pytest.approx(-sum(top.relative_freq * math.log2(top.relative_freq) for top in found["page"].top_values))
    assert found["email"].metrics["email_count"] == ROWS
    assert found["page"].approximations == {}


def test_whole_rows_may_be_left_out(visits):
    found = profile(visits, as_of=NOW, whole_rows=False)
    assert (found.candidate_keys, found.metrics) == ((), {"row_count": ROWS})
    assert "order" not in found["visit_id"].metrics
    assert found["visit_id"].distinct_count == ROWS


def test_batches_come_in_data_time_and_add_up(visits):
    days = profile(visits, batch=("at", "day"), as_of=NOW)

    assert [day.batch_key for day in days] == ["2024-02-28", "2024-02-29", "2024-03-01"]
    assert [day.row_count for day in days] == [ROWS // 3] * 3
    whole = profile(visits, as_of=NOW)
    assert sum(day["seconds"].metrics["sum_value"] for day in days) == whole["seconds"].metrics["sum_value"]
    assert days.to_arrow().num_rows == 3 * 5
    assert profile(visits, batch={"column": "at", "grain": "month"}, as_of=NOW)[0].batch_key == "2024-02"


def test_personal_values_are_hidden_unless_asked_for(visits):
    hidden, shown = profile(visits, as_of=NOW), profile(visits, as_of=NOW, store_values="all")

    assert {hidden["email"].min_value, *(top.value for top in hidden["email"].top_values)} == {"***"}
    assert hidden["email"].shapes == ()
    assert "user" not in hidden.to_markdown() + hidden._repr_html_()
    assert shown["email"].min_value == "user0@example.com"


def test_a_sample_says_so_with_an_interval_that_holds_and_repeats_by_its_seed(visits):
    exact = profile(visits, as_of=NOW)
    found = profile(visits, as_of=NOW, sample={"share": 0.2, "seed": 3})

    assert found.row_count == ROWS
    assert 0.15 * ROWS < found.rows_read < 0.25 * ROWS
    estimate = found["seconds"].approximations["null_count"]
    assert (estimate.quality, estimate.rows_read) == (Quality.SAMPLED, found.rows_read)
    assert estimate.low <= exact["seconds"].null_count <= estimate.high
    assert set(found["page"].metrics) <= set(found["page"].approximations)
    assert found.candidate_keys == ()
    again = profile(visits, as_of=NOW, sample={"share": 0.2, "seed": 3})
    other = profile(visits, as_of=NOW, sample={"share": 0.2, "seed": 4})
    assert numbers(again) == numbers(found)
    assert numbers(other) != numbers(found)


def test_a_cap_of_rows_and_a_window_of_days_bound_a_sample(visits):
    assert profile(visits, as_of=NOW, sample={"rows": 500}).rows_read < 700
    assert profile(visits, as_of=NOW, sample={"rows": 10 * ROWS}).rows_read == ROWS
    assert [day.batch_key for day in profile(visits, as_of=NOW, batch=("at", "day"), sample={"days": 2})] == ["2024-03-01"]


def test_intervals_of_samples_hold_in_about_nineteen_of_twenty_cases(visits):
    exact = {(column.column_name, name): value for column in profile(visits, as_of=NOW).columns for name, value in column.metrics.items()}
    held = tried = 0
    for seed in range(20):
        for column in profile(visits, as_of=NOW, sample={"share": 0.1, "seed": seed}).columns:
            for name, estimate in column.approximations.items():
                truth = exact.get((column.column_name, name))
                if estimate.low is not None and estimate.high is not None and isinstance(truth, int):
                    tried += 1
                    held += estimate.low <= truth <= estimate.high
    assert tried > 500
    assert held / tried > 0.93


def test_the_forms_of_a_profile(visits, tmp_path):
    found = profile(visits, name="visits", as_of=NOW)

    table = found.to_arrow()
    assert table.column("column_name").to_pylist() == visits.column_names
    assert table.column("null_count").to_pylist()[1] == ROWS // 10
    assert table.column("min_number").to_pylist()[2] is None
    frame = found.to_pandas()
    assert isinstance(frame, pd.DataFrame)
    assert frame.set_index("column_name").loc["page", "distinct_count"] == 3
    assert "| `page`" in found.to_markdown()
    assert "<html" not in found._repr_html_()
    page = found.to_html(tmp_path / "visits.html")
    assert page.read_text(encoding="utf-8").lower().startswith("<!doctype html>")


def test_progress_is_told(visits):
    said: list[str] = []
    profile(visits, as_of=NOW, progress=said.append)
    assert said[-1].startswith("5 of 5 columns, ")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"timezone": "Berlin"}, "DQ-PROF-001"),
        ({"batch": ("page", "day")}, "DQ-PROF-001"),
        ({"batch": ("at", "century")}, "DQ-PROF-001"),
        ({"batch": ("nowhere", "day")}, "DQ-PROF-001"),
        ({"sample": {"share": 2}}, "DQ-PROF-001"),
        ({"sample": {"half": True}}, "DQ-PROF-001"),
        ({"store_values": "some"}, "DQ-PROF-001"),
    ],
)
def test_an_argument_that_cannot_be_used_is_named(visits, arguments, code):
    with pytest.raises(ConfigError) as refused:
        profile(visits, as_of=NOW, **arguments)
    assert refused.value.code == code
    assert next(iter(arguments)) in str(refused.value)


def test_what_is_not_there_is_named(places, tmp_path):
    with pytest.raises(ConfigError, match="orders"):
        profile(places["database"], table="orders")
    with pytest.raises(SourceError, match="DQ-CONN-001"):
        profile(tmp_path / "nowhere.duckdb")
    with pytest.raises(SourceError, match="DQ-FRAME-001"):
        profile([1, 2, 3])
    with pytest.raises(ConfigError, match="memory_limit"):
        profile(places["database"], memory_limit="much")


def test_a_late_statement_is_ended(tmp_path):
    with duckdb.connect(str(tmp_path / "slow.duckdb")) as connection:
        connection.execute("CREATE VIEW slow AS SELECT a.i * b.i AS product FROM range(1000000) a(i), range(1000000) b(i)")
    with pytest.raises(SourceError, match="DQ-SQL-002"):
        profile(tmp_path / "slow.duckdb", timeout_s=0.2)


def test_a_column_that_cannot_be_measured_is_one_finding_and_the_rest_is_there(tmp_path):
    with duckdb.connect(str(tmp_path / "broken.duckdb")) as connection:
        connection.execute("CREATE TABLE t AS SELECT i AS id, 'x' || i AS word, TIMESTAMP '2024-01-01' + i * INTERVAL 1 HOUR AS moment FROM range(48) r(i)")
        connection.execute("CREATE VIEW v AS SELECT id, CAST(word AS INTEGER) AS number, moment FROM t")
    whole = profile(tmp_path / "broken.duckdb", table="v", as_of=NOW)
    days = profile(tmp_path / "broken.duckdb", table="v", batch=("moment", "day"), as_of=NOW)

    for found in (whole, days[-1]):
        assert {item.column_name for item in found.findings if "could not" in item.detail or "failed" in item.detail} == {"number"}
        assert found["id"].distinct_count in (48, 24)
        assert (found["number"].record_count, found["number"].distinct_count) == (0, None)
