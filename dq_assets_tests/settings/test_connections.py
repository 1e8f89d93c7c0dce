"""Connections of several types in one mapping, and secrets that are referred to."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from dq_assets.errors import ConfigError
from dq_assets.settings import DuckDBConnection, PostgreSQLConnection, Settings, read_secret
from dq_assets.settings_file import check_settings, load_settings, show_settings

WITH_PASSWORD = [
    "postgresql://ann:hunter2@db/shop",
    "postgresql://ann:@db/shop",
    "postgresql://ann:hun:t@er2@db/shop",
    "postgresql+psycopg://ann:hunter2@db/shop",
    "postgresql://ann@db/shop?password=hunter2",
    "postgresql://ann@db/shop?sslmode=require&sslpassword=hunter2",
    "mysql://ann:hunter2@db/shop",
]
UNREADABLE = [
    "postgresql://ann:hun#ter2@db/shop",
    "postgresql://ann:hun/ter2@db/shop",
    "postgresql://ann:12/hunter2@db/shop",
    "postgresql://ann@db:hunter2/shop",
    "postgresql://ann@db",
    "postgresql://ann@db/",
    "postgresql://[hunter2/shop",
]


def postgresql(**settings):
    return PostgreSQLConnection(**{"type": "postgresql", "url": "postgresql://ann@db/shop", **settings})


def secured(reference):
    return postgresql(password=reference)


def problems(tmp_path, text):
    path = tmp_path / "dq.yaml"
    path.write_text(f"version: 1\nconnections:\n  a: {text}\n", encoding="utf-8")
    return [(problem.line, problem.key, problem.problem, problem.fix) for problem in check_settings(path)]


def test_each_type_has_its_own_keys(tmp_path):
    assert problems(tmp_path, "{type: duckdb, path: x}") == problems(tmp_path, "{type: postgresql, url: 'postgresql://ann@db/shop'}") == []
    assert problems(tmp_path, "{type: postgresql, url: 'postgresql://ann@db/shop', path: x}") == [
        (3, "connections.a.path", "unknown key", "remove it; allowed here: type, url, password, schemas, connect_timeout_s, statement_timeout_s")
    ]
    assert problems(tmp_path, "{type: duckdb, path: x, thread: 1}") == [(3, "connections.a.thread", "unknown key", "did you mean `threads`?")]
    assert problems(tmp_path, "{type: postgresql}") == [(3, "connections.a.url", "this key is missing", "add `url: …`")]
    assert problems(tmp_path, "{type: postgresql, url: 'postgresql://ann@db/shop', schemas: [a, 3]}") == [
        (3, "connections.a.schemas[1]", "expected a valid string", "write text, in quotes where YAML reads it as something else")
    ]


def test_a_type_that_is_missing_or_unknown_is_told(tmp_path):
    assert problems(tmp_path, "{type: sqlite, path: x}") == [(3, "connections.a.type", "not one of the choices", "write 'duckdb' or 'postgresql'")]
    assert problems(tmp_path, "{path: x}") == [(3, "connections.a.type", "this key is missing", "add `type: …`")]
    assert problems(tmp_path, "[x]")[0][1:] == (
        "connections.a",
        "expected a valid dictionary or object to extract fields from",
        "write `key: value` lines below it",
    )


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        *((url, "the URL carries a password") for url in WITH_PASSWORD),
        *((url, "this URL cannot be read") for url in UNREADABLE),
        *((url, "not the URL of a PostgreSQL database") for url in ("mysql://ann@db/shop", "shop", "", "postgres://ann@db/shop", "postgresql+asyncpg://a@b/c")),
    ],
)
def test_a_url_that_will_not_do_is_told_without_the_password(url, problem, tmp_path):
    path = tmp_path / "dq.yaml"
    path.write_text(f"version: 1\nconnections:\n  a: {{type: postgresql, url: '{url}'}}\n", encoding="utf-8")
    (found,) = check_settings(path)
    assert (found.key, found.problem) == ("connections.a.url", problem)
    with pytest.raises(ConfigError) as caught:
        load_settings(path)
    with pytest.raises(ValidationError) as direct:
        postgresql(url=url)
    with pytest.raises(ValidationError) as whole:
        Settings(version=1, connections={"a": {"type": "postgresql", "url": url}})
    told = [str(found), repr(found), *(text for error in (caught, direct, whole) for text in (str(error.value), repr(error.value)))]
    if url not in {"postgresql://ann@db:hunter2/shop", "postgresql://[hunter2/shop"}:  # no password, but a port and a host that are none
        assert not any("hunter2" in text or "ter2" in text for text in told)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ann@db/shop",
        "postgresql+psycopg://ann@db:5433/shop?sslmode=verify-full",
        "postgresql:///shop?host=%2Frun%2Fpostgresql",
        "postgresql://a%40n@[::1]:5432/sh%2Fop",
    ],
)
def test_a_url_without_a_password_is_taken(url):
    assert postgresql(url=url).url == url


@pytest.mark.parametrize(
    ("reference", "problem"),
    [
        ("hunter2", "secrets are referred to, never written down"),
        ("databricks:dq/orders", "a Databricks secret is not read outside Databricks in this version"),
    ],
)
def test_a_password_is_a_reference_that_can_be_followed(reference, problem, tmp_path):
    found = problems(tmp_path, f"{{type: postgresql, url: 'postgresql://ann@db/shop', password: '{reference}'}}")
    assert found == [
        (3, "connections.a.password", problem, "write env:NAME, file:PATH or databricks:SCOPE/KEY" if reference == "hunter2" else "write env:NAME or file:PATH")
    ]


def test_a_secret_is_read_where_it_is(tmp_path, monkeypatch):
    monkeypatch.setenv("ORDERS", "hunter2 ")
    (tmp_path / "secret").write_text(" hünter2\n")
    assert read_secret("env:ORDERS") == "hunter2 "
    assert read_secret(f"file:{tmp_path / 'secret'}") == " hünter2"


@pytest.mark.parametrize("reference", ["env:NOT_THERE", "file:nowhere/to/be/found", "file:.", "file:{binary}", "databricks:a/b"])
def test_a_secret_that_cannot_be_read_is_named(reference, tmp_path):
    (tmp_path / "binary").write_bytes(b"hunter2\xff")
    with pytest.raises(ConfigError) as caught:
        read_secret(reference.replace("{binary}", str(tmp_path / "binary")))
    assert caught.value.code == "DQ-CONF-040"
    assert reference.partition(":")[0] in caught.value.message
    assert "hunter2" not in str(caught.value)


def test_the_file_of_a_password_counts_from_the_configuration_file(tmp_path):
    assert secured("file:secrets/orders").below(tmp_path).password == f"file:{tmp_path}/secrets/orders"
    assert secured("file:~/orders").below(tmp_path).password == f"file:{Path('~/orders').expanduser()}"
    assert secured("env:ORDERS").below(tmp_path) == secured("env:ORDERS")
    assert DuckDBConnection(type="duckdb", path="data").below(tmp_path).path == tmp_path / "data"


def test_a_hurried_connection_waits_less_and_never_longer():
    assert postgresql().hurried(2).connect_timeout_s == 2
    assert postgresql(connect_timeout_s=1).hurried(2).connect_timeout_s == 1
    assert DuckDBConnection(type="duckdb", path="x").hurried(5).lock_wait_s == 5


def test_the_environment_overrides_settings_of_each_type(tmp_path, monkeypatch):
    path = tmp_path / "dq.yaml"
    path.write_text("version: 1\nconnections:\n  a: {type: postgresql, url: 'postgresql://ann@db/shop'}\n", encoding="utf-8")
    monkeypatch.setenv("DQ_CONNECTIONS__A__STATEMENT_TIMEOUT_S", "7")
    monkeypatch.setenv("DQ_CONNECTIONS__A__URL", "postgresql://bob@db/shop")
    assert load_settings(path).connections["a"] == postgresql(url="postgresql://bob@db/shop", statement_timeout_s=7)
    monkeypatch.setenv("DQ_CONNECTIONS__A__URL", "postgresql://ann:hunter2@db/shop")
    (problem,) = check_settings(path)
    assert problem.file == "environment variable DQ_CONNECTIONS__A__URL"
    assert "hunter2" not in str(problem)
    monkeypatch.delenv("DQ_CONNECTIONS__A__URL")
    assert "postgresql://ann@db/shop" in show_settings(load_settings(path))
