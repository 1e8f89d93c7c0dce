"""Reading dq.yaml: every mistake at once, with its line and its fix, and no secret."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from dq_assets.errors import ConfigError
from dq_assets.settings_file import check_settings, find_settings_path, load_settings, show_settings

VALID = """\
version: 1
connections:
  warehouse: {type: duckdb, path: data/shop.duckdb}
table_groups:
  sales:
    connection: warehouse
"""


@pytest.fixture
def file(tmp_path):
    """Write a configuration file and return its path."""

    def write(text):
        path = tmp_path / "dq.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


EXPECTED = """\
dq.yaml:1: version = 2: not one of the choices. Fix: write 1.
dq.yaml:2: nam = 'x': unknown key. Fix: remove it; allowed here: version, project, metadata, connections, table_groups.
dq.yaml:4: metadata.data_quality_storage_format = 'hudi': not supported. Fix: supported is: delta.
dq.yaml:5: metadata.data_quality_schema = '1st': not a Databricks identifier. \
Fix: it starts with a letter or underscore and holds letters, digits and underscores only.
dq.yaml:7: connections.warehouse.thread = 3: unknown key. Fix: did you mean `threads`?
dq.yaml:8: connections.9x: a name starts with a letter and holds letters, digits and underscores only (it becomes part of Dagster names). Fix: rename it.
dq.yaml:11: connections.9x.memory_limit = 'lots': not in the form that this setting has. Fix: read: Like 4GB; default: DuckDB's own.
dq.yaml:12: connections.9x.lock_wait_s = -3: expected a number greater than or equal to 0. Fix: write a number greater than or equal to 0.
dq.yaml:15: table_groups.sales.connection = 'warehose': this connection is not declared. Fix: did you mean `warehouse`?
dq.yaml:16: table_groups.sales.timezone = 'Mars/Phobos': not an IANA time zone. Fix: write it like UTC or Europe/Berlin.
dq.yaml:17: table_groups.sales.include = []: expected at least 1 item after validation, not 0. Fix: write at least one, or leave the key out.
dq.yaml:18: table_groups.sales.fail_run_on = 'sometimes': not one of the choices. Fix: write 'never', 'error' or 'fatal'.
dq.yaml:19: table_groups.sales.failed_row_sample = 'many': expected a valid integer, unable to parse string as an integer. Fix: write a whole number.
dq.yaml:20: table_groups.sales.store_values = 'perhaps': not one of the choices. Fix: write 'none', 'masked' or 'all'.
dq.yaml:21: table_groups.sales.batch = {'column': 'a'}: a time batch needs both `column` and `grain`. Fix: leave both out for a table reloaded as a whole.
dq.yaml:22: table_groups.sales.tables = 3: expected a valid dictionary. Fix: write `key: value` lines below it.
dq.yaml:23: table_groups.sales.schedules.validate = 'soon': not a cron expression. Fix: write five fields, as in '0 6 * * *'.
dq.yaml:25: table_groups.sales.tests[0].table: this key is missing. Fix: add `table: …`.
dq.yaml:26: table_groups.sales.tests[1].name = 'a': tests[0] of this group has the same name. Fix: give each test of a group its own name.
dq.yaml:29: table_groups.other.connection: this key is missing. Fix: add `connection: …`.
dq.yaml:30: table_groups.other.description = 3: expected a valid string. Fix: write text, in quotes where YAML reads it as something else.
""".splitlines()


def only(problems):
    (problem,) = problems
    return problem


def with_group(lines):
    return VALID + "".join(f"    {line}\n" for line in lines.splitlines())


def test_importing_the_module_loads_nothing_heavy():
    program = "import sys, dq_assets.settings_file; print({'duckdb', 'pandas', 'sqlalchemy', 'sqlglot', 'pyarrow', 'dagster'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout == "set()\n"


def test_a_valid_file_has_no_problems(file):
    path = file(VALID)
    assert check_settings(path) == []
    assert load_settings(path).table_groups["sales"].timezone == "UTC"


def test_every_mistake_is_told_at_once_with_its_line_and_fix(file):
    path = file("""\
version: 2
nam: x
metadata:
  data_quality_storage_format: hudi
  data_quality_schema: 1st
connections:
  warehouse: {type: duckdb, path: data, thread: 3}
  9x:
    type: duckdb
    path: y
    memory_limit: lots
    lock_wait_s: -3
table_groups:
  sales:
    connection: warehose
    timezone: Mars/Phobos
    include: []
    fail_run_on: sometimes
    failed_row_sample: many
    store_values: perhaps
    batch: {column: a}
    tables: 3
    schedules: {validate: soon}
    tests:
      - {name: a, rule_type: x}
      - name: a
        rule_type: x
        table: t
  other:
    description: 3
""")
    problems = check_settings(path)
    assert [str(problem).replace(str(path), "dq.yaml") for problem in problems] == EXPECTED
    with pytest.raises(ConfigError) as caught:
        load_settings(path)
    assert caught.value.code == "DQ-CONF-001"
    assert caught.value.message.startswith("21 problems in the configuration.\n")
    assert all(str(problem) in caught.value.message for problem in problems)


@pytest.mark.parametrize(
    ("name", "message"),
    [("a" * 121, "121 characters"), ("a b", "identifier"), ("1a", "identifier"), ("a;drop", "identifier"), ("ä", "identifier"), ("", "identifier")],
)
def test_a_schema_name_must_be_an_identifier(name, message, file):
    problem = only(check_settings(file(f"version: 1\nmetadata:\n  data_quality_schema: {name!r}\n")))
    assert (problem.line, problem.key) == (3, "metadata.data_quality_schema")
    assert message in problem.problem


def test_a_schema_name_of_120_characters_is_one(file):
    assert check_settings(file(f"version: 1\nmetadata: {{data_quality_schema: _{'a' * 119}}}\n")) == []


@pytest.mark.parametrize("cron", ["0 6 * * *", "@daily", "*/5 * * * 1-5"])
def test_cron_expressions_are_schedules(cron, file):
    path = file(with_group(f"schedules: {{learn: '{cron}', validate: '{cron}'}}"))
    assert load_settings(path).table_groups["sales"].schedules.validate_ == cron


@pytest.mark.parametrize("cron", ["daily", "0 6 * *", "0 6 * * * *", "", "@sometimes"])
@pytest.mark.parametrize("job", ["learn", "validate"])
def test_anything_else_is_not(job, cron, file):
    problem = only(check_settings(file(with_group(f"schedules:\n  {job}: '{cron}'"))))
    assert (problem.line, problem.key) == (8, f"table_groups.sales.schedules.{job}")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://bob:hunter2@host/db",
        "postgresql://bob:hun@ter2@host/db",
        "postgresql://bob:hun/ter2@host/db",
        "postgresql://:hunter2@host/db",
        "databricks://token:hunter2@host?http_path=x",
        "postgresql://host/db?user=bob&password=hunter2",
        "postgresql://host/db?sslpassword=hunter2&x=1",
    ],
)
def test_a_password_in_a_url_is_refused_and_not_repeated(url, file):
    path = file(f"version: 1\nmetadata:\n  url: {url}\n")
    problem = only(check_settings(path))
    assert (problem.line, problem.key) == (3, "metadata.url")
    with pytest.raises(ConfigError) as caught:
        load_settings(path)
    for text in (str(problem), repr(problem), str(caught.value), repr(caught.value)):
        assert "hun" not in text
        assert "ter2" not in text
    assert "***" in problem.value


@pytest.mark.parametrize("key", ["password", "api_token", "client_secret", "private_key", "credentials", "PASSWORD"])
def test_a_value_under_a_key_that_sounds_secret_is_not_repeated(key, file):
    for text in (
        f"version: 1\n{key}: hunter2\n",
        f"version: 1\n{key}: {{a: [hunter2]}}\n",
        VALID.replace("path:", f"{key}: hunter2, path:"),
        with_group(f"batch: {{{key}: hunter2}}"),
        with_group(f"tests: [{{name: 1, rule_type: x, table: t, parameters: {{{key}: hunter2}}}}, {{{key}: hunter2}}]"),
    ):
        problems = check_settings(file(text))
        assert problems
        assert "hunter2" not in "".join(map(repr, problems))


def test_a_syntax_error_has_a_line_and_does_not_repeat_the_text(file):
    problem = only(check_settings(file("version: 1\nmetadata:\n  password: hunter2: x\n")))
    assert problem.line == 3
    assert problem.problem.startswith("not valid YAML")
    assert "hunter2" not in str(problem)


@pytest.mark.parametrize("text", ["a: !!python/object/apply:os.system [hunter2]", "a: 2024-99-99 # hunter2", "a: \x00hunter2", "a: *hunter2", "- [" * 3000])
def test_what_yaml_cannot_read_is_a_problem(text, file):
    problem = only(check_settings(file(f"version: 1\n{text}\n")))
    assert problem.problem.startswith(("not valid YAML", "expected", "unknown"))
    assert "99" not in problem.problem


def test_a_key_that_stands_twice_is_told_with_both_lines(file):
    problems = check_settings(file(VALID + "    timezone: UTC\n    timezone: Asia/Tokyo\nversion: 1\n"))
    assert [(problem.line, problem.key, problem.problem) for problem in problems] == [
        (8, "table_groups.sales.timezone", "this key is already on line 7"),
        (9, "version", "this key is already on line 1"),
    ]


def test_a_key_that_is_not_text_is_told(file):
    problem = only(check_settings(file("version: 1\nconnections:\n  on: {type: duckdb, path: x}\n")))
    assert (problem.line, problem.problem) == (3, "this key is not text")


def test_anchors_and_merged_mappings_work_and_keep_their_lines(file):
    text = """\
version: 1
connections:
  a: &base {type: duckdb, path: x}
  b:
    <<: *base
    path: y
  c:
    <<: *base
    threads: none
"""
    assert [(problem.line, problem.key) for problem in check_settings(file(text))] == [(9, "connections.c.threads")]
    settings = load_settings(file(text.replace("none", "2")))
    assert [connection.path.name for connection in settings.connections.values()] == ["x", "y", "x"]


@pytest.mark.parametrize(
    "text",
    [
        "version: 1\nconnections: &a {x: *a}\n",
        "version: 1\na: &a [1,1,1,1,1,1,1,1,1,1]\n" + "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]\n" for a, b in zip("abcdefg", "bcdefgh", strict=True)),
    ],
)
def test_aliases_without_end_are_stopped(text, file):
    assert "alias" in only(check_settings(file(text))).problem


@pytest.mark.parametrize(("text", "line"), [("", None), ("# only a comment\n", None), ("- a list\n", 1), ("just text\n", 1)])
def test_a_file_without_settings_is_told(text, line, file):
    assert only(check_settings(file(text))).line == line


def test_a_file_that_is_not_utf_8_is_told(tmp_path):
    (tmp_path / "dq.yaml").write_bytes(b"version: 1 # \xff\n")
    assert only(check_settings(tmp_path / "dq.yaml")).problem == "not UTF-8 text"


@pytest.mark.parametrize("name", ["nowhere.yaml", "."])
def test_a_file_that_cannot_be_read_is_named(name, tmp_path):
    with pytest.raises(ConfigError, match="cannot be read") as caught:
        load_settings(tmp_path / name)
    assert caught.value.code == "DQ-CONF-002"


@pytest.mark.parametrize("key", ["_env_file", "_cli_parse_args", "_case_sensitive"])
def test_no_key_reaches_the_switches_of_the_library(key, file):
    problem = only(check_settings(file(f"version: 1\n{key}: x\n")))
    assert (problem.line, problem.problem) == (2, "unknown key")


def test_the_environment_wins_over_the_file(file, monkeypatch):
    monkeypatch.setenv("DQ_TABLE_GROUPS__SALES__TIMEZONE", "Asia/Tokyo")
    monkeypatch.setenv("DQ_CONNECTIONS__WAREHOUSE__THREADS", "3")
    monkeypatch.setenv("DQ_TABLE_GROUPS__SALES__INCLUDE", '["a*"]')
    settings = load_settings(file(with_group("timezone: UTC")))
    group = settings.table_groups["sales"]
    assert (group.timezone, group.include, group.connection, settings.connections["warehouse"].threads) == ("Asia/Tokyo", ("a*",), "warehouse", 3)


@pytest.mark.parametrize(
    ("variable", "value", "key"),
    [
        ("DQ_TABLE_GROUPS__SALES__TIMEZONE", "Mars", "table_groups.sales.timezone"),
        ("DQ_TABLE_GROUPS__SALES__CONNECTION", "nope", "table_groups.sales.connection"),
        ("DQ_CONNECTIONS__WAREHOUSE__THREAD", "3", "connections.warehouse.thread"),
        ("DQ_CONNECTIONS__OTHER__PATH", "x", "connections.other.type"),
        ("DQ_METADATA", '{"url": "x"}', "metadata.url"),
        ("DQ_METADATA", "{bad", ""),
        ("DQ_TABLE_GROUPS__SALES__TESTS", '[{"name": "a", "rule_type": "x"}]', "table_groups.sales.tests[0].table"),
    ],
)
def test_a_mistake_in_the_environment_names_the_variable(variable, value, key, file, monkeypatch):
    monkeypatch.setenv(variable, value)
    problem = only(check_settings(file(with_group("timezone: UTC"))))
    assert (problem.file, problem.line, problem.key) == (f"environment variable {variable}", None, key)


def test_a_mistake_in_the_file_stays_there_when_its_neighbour_comes_from_the_environment(file, monkeypatch):
    monkeypatch.setenv("DQ_TABLE_GROUPS__SALES__TIMEZONE", "Asia/Tokyo")
    problem = only(check_settings(file(with_group("store_values: perhaps"))))
    assert (problem.line, problem.key) == (7, "table_groups.sales.store_values")


def test_a_secret_in_the_environment_is_not_repeated(file, monkeypatch):
    monkeypatch.setenv("DQ_METADATA__URL", "postgresql://bob:hunter2@host/db")
    assert "hunter2" not in repr(only(check_settings(file(VALID))))


def test_relative_paths_count_from_the_folder_of_the_file(file, tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    file(VALID + "metadata: {url: 'sqlite:///.dq/metadata.db?timeout=5'}\n")
    settings = load_settings(Path("../dq.yaml"))
    assert settings.connections["warehouse"].path.resolve() == tmp_path / "data" / "shop.duckdb"
    assert settings.connections["warehouse"].path.is_absolute()
    url = settings.metadata.url.removeprefix("sqlite:///")
    assert url.endswith(".dq/metadata.db?timeout=5")
    assert Path(url.partition("?")[0]).resolve() == tmp_path / ".dq" / "metadata.db"


@pytest.mark.parametrize("url", ["sqlite:////var/dq/metadata.db", "sqlite:///:memory:"])
def test_absolute_urls_and_memory_stay_as_they_are(url, file):
    assert load_settings(file(f"version: 1\nmetadata: {{url: '{url}'}}\n")).metadata.url == url


def test_half_a_character_is_refused_before_anything_stores_it(file):
    problems = check_settings(file(with_group('description: "\\ud83d\\ude00"')))
    assert [(problem.key, problem.fix) for problem in problems] == [("table_groups.sales.description", "write the character itself")]


def test_showing_gives_yaml_that_loads_again_with_defaults_and_without_secrets(file):
    text = with_group("tests: [{name: a, rule_type: x, table: t, parameters: {api_token: hunter2, url: 'x://a:hunter2@b', values: [1]}}]")
    shown = show_settings(load_settings(file(text)))
    assert "hunter2" not in shown
    data = yaml.safe_load(shown)
    assert data["table_groups"]["sales"]["tests"][0]["parameters"] == {"api_token": "***", "url": "x://a:***@b", "values": [1]}
    assert data["table_groups"]["sales"]["schedules"] == {"learn": None, "validate": None, "timezone": None}
    assert data["metadata"]["data_quality_schema"] == "dq_metadata"
    assert check_settings(file(shown)) == []


def test_names_that_users_give_are_not_taken_for_secrets(file):
    shown = show_settings(load_settings(file(VALID.replace("sales", "monkeys").replace("warehouse", "token_store"))))
    assert "***" not in shown
    assert "shop.duckdb" in shown


def test_the_file_asked_for_comes_first_then_the_environment_then_the_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_settings_path(None) is None
    (tmp_path / "dq.yaml").write_text(VALID)
    assert find_settings_path(None) == Path("dq.yaml")
    monkeypatch.setenv("DQ_CONFIG", "other.yaml")
    assert find_settings_path(None) == Path("other.yaml")
    assert find_settings_path("asked.yaml") == Path("asked.yaml")
