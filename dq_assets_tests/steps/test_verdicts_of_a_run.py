"""What a test run says when something is in its way, and who is told."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dq_assets.errors import ConfigError, EvaluationError, RuleError
from dq_assets.records.batches import BatchRange
from dq_assets.records.enums import RunStatus, Verdict

NEXT = 30


def _break(file):
    file.write_bytes(b"no parquet")


def test_an_unreadable_source_makes_every_test_an_error_and_the_run_is_completed(lake):
    lake.data.rename(lake.root / "aside")

    run = lake.test(NEXT)

    assert run.status is RunStatus.COMPLETED
    assert {result.result_status for result in lake.results(run)} == {Verdict.ERROR}
    assert len(lake.results(run)) == len(lake.tests()) == run.error_tests
    assert all("DQ-CONN-001" in result.error_message for result in lake.results(run))


def test_an_unreadable_table_makes_its_tests_errors_and_no_others(lake):
    _break(lake.data / "customers" / "all.parquet")

    run = lake.test(NEXT - 1)

    verdicts = {(result.table_name, result.result_status) for result in lake.results(run) if result.result_status is not Verdict.PASS}
    combos = {test.test_id for test in lake.tests() if test.rule_type == "Combo_Match"}
    assert verdicts == {("customers", Verdict.ERROR), ("orders", Verdict.ERROR)}
    assert {result.test_id for result in lake.results(run) if result.table_name == "orders" and result.result_status is Verdict.ERROR} == combos


def test_a_table_that_is_gone_makes_its_tests_errors(lake):
    (lake.data / "customers" / "all.parquet").unlink()

    run = lake.test(NEXT - 1)

    assert {result.result_status for result in lake.results(run) if result.table_name == "customers"} == {Verdict.ERROR}


def test_a_batch_column_that_is_gone_makes_the_tests_errors_but_schema_drift_speaks(lake):
    for file in (lake.data / "orders").iterdir():
        file.unlink()
    lake.write("orders", "all", {"order_id": [1]})

    run = lake.test(NEXT)

    by_rule = {test.test_id: test.rule_type for test in lake.tests()}
    verdicts = {(by_rule[result.test_id] == "Schema_Drift", result.result_status) for result in lake.results(run) if result.table_name == "orders"}
    assert verdicts == {(True, Verdict.FAIL), (False, Verdict.ERROR)}


@pytest.mark.parametrize(("named", "judged"), [("2024-01-05", {5}), ("2024-01-05..2024-01-07", {5, 6, 7}), ("2024-01-30..2024-02-01", {30, 31, 32})])
def test_batches_named_by_hand_are_judged_empty_ones_too(lake, named, judged):
    run = lake.test(NEXT + 5, batches=BatchRange.parse(named))

    assert {result.batch_key for result in lake.results(run)} - {None} == {lake.key(day - 1) for day in judged}
    assert ("Row_Ct", None, lake.key(31), "fail") in lake.alarms(run) or 32 not in judged


def test_a_range_of_another_grain_means_the_batches_within_it(lake):
    run = lake.test(NEXT, batches=BatchRange.parse("2024-W02..2024-W03"))

    assert {result.batch_key for result in lake.results(run)} - {None} == {lake.key(day) for day in range(7, 21)}


def test_tests_written_by_hand_run_beside_the_proposed_ones(new_lake):
    written = [
        {
            "name": "few cheap",
            "rule_type": "min_val",
            "table": "main.orders",
            "columns": ["amount"],
            "parameters": {"minimum": 100, "maximum": 200},
            "high": 10_000,
        },
        {"name": "paid has amount", "rule_type": "Required", "table": "orders", "columns": ["amount"], "filter": "status = 'paid'", "severity": "fatal"},
        {"name": "at least", "rule_type": "row_count", "table": "orders", "low": 1_000},
    ]
    lake = new_lake(tests=written)
    lake.begin(1)
    lake.arrive(0, lambda rows: rows["amount"].__setitem__(rows["status"].index("paid"), None))
    lake.register()
    lake.learn(0)

    verdicts = {result.test_id: (result.result_status.value, result.severity and result.severity.value) for result in lake.results(lake.test(0))}
    by_name = {test.name: verdicts[test.test_id] for test in lake.tests() if test.test_id in verdicts}
    assert by_name["few cheap"] == ("pass", None)
    assert by_name["paid has amount"] == ("fail", "fatal")
    assert by_name["at least"] == ("fail", "error")


@pytest.mark.parametrize(
    ("written", "error", "says"),
    [
        ({"rule_type": "Nonsense"}, RuleError, "DQ-RULE-001.*Nonsense.*Required"),
        ({"rule_type": "Required"}, RuleError, "DQ-RULE-003.*0 are named"),
        ({"rule_type": "Required", "columns": ["amount"], "filter": "amount IN (SELECT 1)"}, RuleError, "DQ-RULE-006"),
        ({"rule_type": "Required", "columns": ["amount"], "table": "order"}, ConfigError, "DQ-CONF-013.*order.*main.orders"),
        ({"rule_type": "Row_Ct"}, ConfigError, "DQ-CONF-014.*low, high"),
    ],
)
def test_a_hand_written_test_that_cannot_work_is_refused_when_it_is_learned(new_lake, written, error, says):
    lake = new_lake(tests=[{"name": "mine", "table": "orders", **written}])
    lake.begin(1)
    lake.register()
    lake.profile(0)

    with pytest.raises(error, match=says):
        lake.suggest(0)


def test_suggesting_without_a_profile_and_testing_without_tables_say_what_to_run(new_lake):
    lake = new_lake()
    lake.begin(1)
    with pytest.raises(EvaluationError, match=r"DQ-RUN-001.*dq register"):
        lake.test(0)
    lake.register()
    with pytest.raises(EvaluationError, match=r"DQ-RUN-002.*dq profile"):
        lake.suggest(0)


def _nulls(rows):
    rows["amount"][0:60:3] = [None] * 20


def test_a_failing_test_is_told_of_once_per_run_and_again_in_the_next_run(lake):
    lake.arrive(NEXT, _nulls)
    lake.arrive(NEXT + 1, _nulls)
    lake.test(NEXT + 1)

    first, again = lake.alert(NEXT + 1), lake.alert(NEXT + 1)
    lake.arrive(NEXT + 2, _nulls)
    lake.test(NEXT + 2)
    later = lake.alert(NEXT + 2)

    told = [item for item in first.alerts if "Required" in item.title]
    assert len(told) == 1
    assert [line.split(":")[0] for line in told[0].details.splitlines()] == [lake.key(NEXT), lake.key(NEXT + 1)]
    assert (first.new, again.new, later.new) == (len(first.alerts), 0, 1)
    assert again.alerts == first.alerts


def test_a_muted_test_is_told_of_to_nobody_until_the_mute_ends(lake):
    lake.arrive(NEXT, _nulls)
    lake.test(NEXT)
    test = next(test for test in lake.tests() if test.rule_type == "Required" and test.column_name == "amount")
    muted = [item.model_copy(update={"muted_until": lake.after(NEXT + 1)}) if item.test_id == test.test_id else item for item in lake.tests()]
    lake.context.store.apply_suite(lake.context.group(lake.group), lake.group, muted, now=lake.after(NEXT), actor="ann")

    assert [item.title for item in lake.alert(NEXT).alerts if "Required" in item.title] == []
    assert len([item for item in lake.alert(NEXT + 2).alerts if "Required" in item.title]) == 1


def test_a_serious_finding_is_told_of_once_over_all_runs(lake):
    lake.arrive(NEXT, lambda rows: rows["note"].__setitem__(0, "bell\x07"))
    lake.profile(NEXT)
    first = lake.alert(NEXT)
    lake.profile(NEXT + 1)

    assert [item.title for item in first.alerts] == ["main.orders.note: Non-printing characters"]
    assert (first.new, lake.alert(NEXT + 1).new) == (1, 0)


def test_a_new_alert_keeps_the_time_of_its_run(lake):
    lake.arrive(NEXT, _nulls)
    run = lake.test(NEXT)

    assert {item.created_at for item in lake.alert(NEXT + 1).alerts} == {run.started_at}
    assert run.started_at + timedelta(days=1) == lake.after(NEXT + 1)
