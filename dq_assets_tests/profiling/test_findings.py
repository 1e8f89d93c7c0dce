"""Each kind of finding: on a table that has it, not on its clean twin; and its predicate selects the rows it counts."""

from __future__ import annotations

import pytest

from dq_assets.profiling.findings import BY_CODE, FINDING_TYPES, KINDS
from dq_assets.records.batches import BatchSpec
from dq_assets.records.enums import StoreValues

PLAIN = "unnest(['one', 'two', 'three', 'one'])"
FAR = ", ".join(f"'{i}'" for i in range(40))
DAYS = ", ".join(f"'2024-01-{i:02}'" for i in range(1, 31))
SAME = ", ".join(["'same'"] * 99)
# id, column with it, column without it, rows the predicate selects (None: it has no predicate)
CASES = [
    (1002, "unnest(['one', '', '  ', 'N/A', NULL, 'two'])", PLAIN, 3),
    (1002, "unnest(['1', '99', '2', ' '])", "unnest(['1', '99', '2', '000'])", 2),
    (1002, "unnest(['n/a', 'none', ''])", "unnest(['n/a', 'none'])", 3),
    (1006, "unnest([NULL, '', '  ', 'n/a'])", PLAIN, None),
    (1006, "unnest([NULL::INTEGER, NULL])", "unnest([NULL::INTEGER, 1])", None),
    (1009, "unnest(['one', ' two', '  three'])", PLAIN, 2),
    (1010, "unnest(['''one''', '\"two\"', '\"', 'it''s'])", PLAIN, 2),
    (1011, f"unnest([{FAR}, 'x', NULL])", f"unnest([{FAR}])", 1),
    (1011, f"unnest([{FAR}, 'x'])", "unnest(['1', '2', 'x'])", 1),
    (1012, f"unnest([{DAYS}, 'soon', NULL])", f"unnest([{DAYS}])", 1),
    (1013, "CASE WHEN i > 1 THEN i % 7 END FROM range(100) r(i)", "CASE WHEN i > 2 THEN i % 7 END FROM range(100) r(i)", 2),
    (1014, f"unnest([{SAME}, 'other', NULL])", f"unnest([{SAME}])", None),
    (1015, "unnest(['yes', 'yes', 'maybe'])", "unnest(['yes', 'yes', 'maybe', 'No'])", None),
    (1017, "unnest(['A-1', 'a1', 'b'])", "unnest(['A-1', 'a2', 'b'])", None),
    (1018, "unnest([DATE '1899-12-31', '2024-01-01', NULL])", "unnest([DATE '1900-01-01', '2024-01-01'])", 1),
    (1018, "unnest([DATE '2080-01-01', '2024-01-01'])", "unnest([DATE '2050-01-01', '2024-01-01'])", None),
    (1019, "unnest([DATE '2023-06-15', '2001-01-01'])", "unnest([DATE '2023-06-16', '2001-01-01'])", None),
    (1020, "unnest([DATE '2023-12-10', '2001-01-01'])", "unnest([DATE '2024-06-01', '2001-01-01'])", None),
    (1031, "unnest(['one', 'bell\x07', NULL])", PLAIN, 1),
]


@pytest.mark.parametrize(("kind", "with_it", "without_it", "selected"), CASES)
def test_a_finding_is_raised_where_it_is_and_selects_the_rows_it_counts(profiled, kind, with_it, without_it, selected):
    quoted = '"od""d. name"'

    def table(expression):
        value, _, source = expression.partition(" FROM ")
        return f"CREATE TABLE t AS SELECT {value} AS {quoted}" + (f" FROM {source}" if source else "")

    found = profiled(table(with_it))
    (finding,) = [item for item in found.profile.findings if item.anomaly_type_id == kind]
    if selected is None:
        assert finding.row_predicate is None
    else:
        assert finding.affected_rows == selected == found.count(finding.row_predicate)
    assert kind not in {kind for _, kind in profiled(table(without_it)).findings()}


def test_every_predicate_of_an_enum_column_can_be_run(profiled):
    found = profiled("CREATE TYPE word AS ENUM ('', ' a', 'n/a', 'b')", "CREATE TABLE t AS SELECT unnest(['', ' a', 'n/a', 'b', 'b']::word[]) AS c")

    assert {(item.anomaly_type_id, item.affected_rows, found.count(item.row_predicate)) for item in found.profile.findings if item.row_predicate} == {
        (1002, 2, 2),
        (1009, 1, 1),
    }


@pytest.mark.parametrize(
    ("column", "values", "risk"),
    [
        ("emailAddress", "unnest(['x'])", "B/CONTACT"),
        ("first_name", "unnest(['x'])", "B/NAME"),
        ("SSN", "unnest([1])", "A/ID"),
        ("birth_date", "DATE '1961-01-01'", "B/DEMO"),
        ("contact", "unnest(['a@example.com', 'b@example.com', 'x'])", "B/CONTACT"),
        ("contact2", "unnest(['a@example.com', 'x'])", None),
        ("planning", "unnest(['x'])", None),
        ("is_email", "true", None),
        ("class_name", "unnest(['x'])", None),
        ("shipping", "unnest(['x'])", None),
    ],
)
def test_personal_data_is_told_by_the_name_or_by_the_share_of_addresses(profiled, column, values, risk):
    found = profiled(f"CREATE TABLE t AS SELECT {values} AS {column}")

    assert found.column(column).pii_risk == risk
    assert (1100 in {kind for _, kind in found.findings()}) == (risk is not None)


def test_a_clean_table_has_no_finding(profiled):
    found = profiled(f"CREATE TABLE t AS SELECT {PLAIN} AS word, 1.5 AS number, DATE '2024-06-14' AS day, true AS flag")

    assert found.findings() == set()


def test_no_detail_carries_a_value_of_the_data(profiled):
    found = profiled(
        "CREATE TABLE t AS SELECT unnest(['canary yes', ' Canary', 'canary', '\"canary\"', 'canary\x07', '']) AS email,"
        " unnest(['yes', 'yes', 'canary', 'y es', 'YES', 'yes']) AS a",
        store_values=StoreValues.MASKED,
    )

    assert {1002, 1009, 1010, 1015, 1017, 1031, 1100} <= {kind for _, kind in found.findings()}
    assert [item.detail for item in found.profile.findings if "canary" in (item.detail + (item.row_predicate or "")).lower() or "'yes'" in item.detail] == []


def test_an_empty_table_has_no_finding(profiled):
    assert profiled('CREATE TABLE t (a VARCHAR, b DOUBLE, c DATE, "at" TIMESTAMP)', batch=BatchSpec(column="at", grain="day")).findings() == set()


def test_kinds_have_ids_and_codes_of_their_own():
    assert len({kind.anomaly_type_id for kind in FINDING_TYPES}) == len(BY_CODE) == len(KINDS)
