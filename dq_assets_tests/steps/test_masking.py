"""Which values of the data reach the metadata file: the whole file is searched for them."""

from __future__ import annotations

from datetime import timedelta

import pytest

PERSONAL = {
    "contact": "canary.{}@example.com",
    "first_name": "Canaryfirst{}",
    "last_name": "Canarylast{}",
    "full_name": "КанарейкаИмя",
    "salary": 7_000_000,
    "birth_date": None,
}
PLAIN = {"city": "Canarycity{}", "points": 3_000_000}
BY_HAND = [
    {"name": "no plain contact", "rule_type": "CUSTOM", "table": "people", "parameters": {"sql": "SELECT contact AS city, last_name AS note FROM people"}},
    {"name": "no contact", "rule_type": "Pattern_Match", "table": "people", "columns": ["contact"], "parameters": {"regex": "^never$"}},
    {"name": "no city", "rule_type": "Pattern_Match", "table": "people", "columns": ["city"], "parameters": {"regex": "^never$"}},
    {"name": "no birth", "rule_type": "Required", "table": "people", "columns": ["birth_date"], "filter": "points < 0"},
]


def _people(lake, day, *, extra=None):
    moment = lake.after(day).replace(tzinfo=None) - timedelta(hours=20)
    names = [i % 7 for i in range(30)]
    rows = {column: [pattern.format(i) for i in names] for column, pattern in {**PERSONAL, **PLAIN}.items() if isinstance(pattern, str)}
    rows |= {"salary": [7_000_000 + i for i in names], "points": [3_000_000 + i for i in names]}
    rows |= {"details": [{"email": f"Canarynested{i}"} for i in names]}
    rows |= {"birth_date": [moment.replace(year=1961) + timedelta(days=i) for i in names], "at": [moment] * 30}
    lake.write("people", lake.key(day), rows | (extra or {}))


@pytest.fixture
def kept(new_lake):
    """The text of the metadata after the whole way of the data, with one failing batch."""

    def kept_(store_values):
        lake = new_lake(store_values=store_values, tables={"people": {"batch": {"column": "at", "grain": "day"}}}, tests=BY_HAND)
        for day in range(16):
            _people(lake, day)
        lake.register()
        lake.learn(15)
        # One row in the batch, so that averages are values, and a column that no profile has seen.
        _people(lake, 16, extra={"second_email": ["canary.new@example.com"] * 30})
        lake.write("people", lake.key(17), {"salary": [7_654_321], "points": [3_654_321], "at": [lake.after(17).replace(tzinfo=None) - timedelta(hours=20)]})
        run = lake.test(17)
        lake.learn(17)
        lake.alert(17)
        assert {rule for rule, *_ in lake.alarms(run)} >= {"CUSTOM", "Pattern_Match"}
        return lake.dump()

    return kept_


PERSONAL_CANARIES = ["canary.", "Canaryfirst", "Canarylast", "Канарейка", "Canarynested", "700000", "7654321", "1961-"]
PLAIN_CANARIES = ["Canarycity", "300000", "3654321"]


def test_masked_keeps_no_value_of_a_personal_column_anywhere_and_the_others(kept):
    text = kept("masked")

    assert [canary for canary in PERSONAL_CANARIES if canary in text] == []
    assert [canary for canary in PLAIN_CANARIES if canary not in text] == []
    assert "***" in text


def test_none_keeps_no_value_of_any_column(kept):
    text = kept("none")

    assert [canary for canary in PERSONAL_CANARIES + PLAIN_CANARIES if canary in text] == []


def test_all_keeps_them(kept):
    text = kept("all")

    assert [canary for canary in PERSONAL_CANARIES + PLAIN_CANARIES if canary not in text] == []
