"""Reading ``dq.yaml``: every mistake at once, each with its line and its fix.

Decision: pydantic says what is valid (``settings``), YAML's node tree says where it stands. A mistake that an environment variable
brought in names the variable. What might be a secret is never repeated: values under a key that sounds like one, passwords in URLs.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import typing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_settings import EnvSettingsSource, SettingsError

from dq_assets.errors import ConfigError
from dq_assets.records.base import Record
from dq_assets.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pydantic_core import ErrorDetails

Location = tuple[str | int, ...]

DEFAULT_FILE = "dq.yaml"
MAX_NODES = 100_000
"""More nodes than any configuration has; aliases of aliases multiply without end."""

_SECRET_KEY = re.compile(r"password|token|secret|(?<!asset_)key|credential", re.IGNORECASE)
_NAMES_BELOW = ("connections", "table_groups", "tables")
_URL_PASSWORD = re.compile(r"(://[^:/@\s]*:)\S*@")
_URL_PARAMETER = re.compile(r"([?&][^=&\s]*(?:password|token|secret|key|credential)[^=&\s]*=)[^&\s]*", re.IGNORECASE)
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_HIDDEN = "***"
_KIND_FIXES = (
    ("int", "write a whole number"),
    ("float", "write a number"),
    ("bool", "write true or false"),
    ("string_type", "write text, in quotes where YAML reads it as something else"),
    ("path_type", "write a path, in quotes where YAML reads it as something else"),
    ("dict_type", "write `key: value` lines below it"),
    ("model", "write `key: value` lines below it"),
    ("tuple_type", "write a list, as in [first, second]"),
    ("too_short", "write at least one, or leave the key out"),
    ("string_too_short", "write some text"),
)


class ConfigProblem(Record):
    """One mistake in the configuration."""

    file: str
    """The file, or the environment variable that overrides it."""
    line: int | None
    """Line in the file, from 1; None for an environment variable and for what concerns the whole file."""
    key: str
    """Dotted path of the setting; empty for the whole file."""
    value: str
    """What was found, shortened and without secrets; empty where nothing was."""
    problem: str
    fix: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        setting = f" {self.key} = {self.value}:" if self.value else f" {self.key}:" if self.key else ""
        end = "" if self.fix.endswith(("?", ".")) else "."
        return f"{place}:{setting} {self.problem}. Fix: {self.fix}{end}"


class _Document:
    """A parsed file: its data, the line of each setting, and what is wrong with it."""

    def __init__(self, file: str, model: type[BaseModel] = Settings) -> None:
        self.file = file
        self.model = model
        self.data: dict[str, Any] = {}
        self.lines: dict[Location, int] = {}
        self.problems: list[ConfigProblem] = []

    def add(self, location: Location, problem: str, fix: str, *, value: str = "", line: int | None = None) -> None:
        found = line if line is not None else self.line(location)
        self.problems.append(ConfigProblem(file=self.file, line=found, key=_key(location), value=value, problem=problem, fix=fix))

    def line(self, location: Location) -> int | None:
        """Return the line of a setting, or of the nearest one around it."""
        for length in range(len(location), -1, -1):
            if location[:length] in self.lines:
                return self.lines[location[:length]]
        return None


def find_settings_path(explicit: str | None) -> Path | None:
    """Return the configuration file: the one asked for, else ``$DQ_CONFIG``, else ``./dq.yaml`` if it exists, else None."""
    if named := explicit or os.environ.get("DQ_CONFIG"):
        return Path(named)
    default = Path(DEFAULT_FILE)
    return default if default.exists() else None


def check_settings(path: Path) -> list[ConfigProblem]:
    """Return every mistake in a configuration file and in the environment variables over it, by line; empty when it is valid.

    Raises:
        ConfigError: ``DQ-CONF-002`` when the file cannot be read.
    """
    return _read(path)[1]


def load_settings(path: Path) -> Settings:
    """Return the settings of a file, overridden by the environment. Relative paths count from the file's folder.

    Raises:
        ConfigError: ``DQ-CONF-001`` with every mistake, one a line; ``DQ-CONF-002`` when the file cannot be read.
    """
    settings, problems = _read(path)
    if settings is None or problems:
        raise all_problems(problems)
    return with_absolute_paths(settings, path.absolute().parent)


def all_problems(problems: Sequence[ConfigProblem]) -> ConfigError:
    """Return the error ``DQ-CONF-001`` that tells every problem, one a line."""
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    return ConfigError("DQ-CONF-001", f"{count} in the configuration.\n" + "\n".join(str(problem) for problem in problems))


def problems_elsewhere(error: ValidationError, model: type[BaseModel], file: str, lines: Mapping[Location, int]) -> list[ConfigProblem]:
    """Return the mistakes in settings that stand in another file than ``dq.yaml``, by line.

    Args:
        error: what validating them raised.
        model: what they were validated by.
        file: where they stand.
        lines: line in the file, from 1, of each setting; of one that is not there the nearest around it is told.
    """
    document = _Document(file, model)
    document.lines = dict(lines)
    for details in error.errors(include_url=False):
        _add_error(document, {}, details)
    return _by_line(document)


def show_settings(settings: Settings) -> str:
    """Return the settings as YAML text, defaults included, secrets hidden."""
    shown = _redacted(settings.model_dump(mode="json", by_alias=True), ())
    return yaml.safe_dump(shown, sort_keys=False, allow_unicode=True)


def with_absolute_paths(settings: Settings, folder: Path) -> Settings:
    """Return the settings with the paths of connections and of the metadata file counted from ``folder``."""
    connections = {name: item.below(folder) for name, item in settings.connections.items()}
    file, mark, options = settings.metadata.url.removeprefix("sqlite:///").partition("?")
    url = settings.metadata.url
    if file and not file.startswith((":memory:", "file:")):
        url = f"sqlite:///{folder / Path(file).expanduser()}{mark}{options}"
    metadata = settings.metadata.model_copy(update={"url": url})
    return settings.model_copy(update={"connections": connections, "metadata": metadata})


def _parse(path: Path) -> _Document:
    document = _Document(str(path))
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        document.add((), "not UTF-8 text", "save it as UTF-8")
        return document
    except OSError as error:
        raise ConfigError(
            "DQ-CONF-002", f"the configuration file {path} cannot be read: {error.strerror}.", "name an existing file, or write dq.yaml."
        ) from error
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            document.add((), "the file is empty", "begin with `version: 1`")
        elif not isinstance(node, yaml.MappingNode):
            document.add((), "the file is not a mapping", "write `key: value` lines, beginning with `version: 1`.", line=1)
        else:
            _index(document, node)
            if not document.problems:
                document.data = loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        document.add((), f"not valid YAML: {error.problem or error.context}", "correct the line, or the one before it.", line=line)
    except (yaml.YAMLError, ValueError, RecursionError):
        # These quote the text they stumbled over, which may be a secret.
        document.add((), "not valid YAML: a character or value that cannot be read", "put odd values in quotes")
    return document


def _index(document: _Document, root: yaml.MappingNode) -> None:
    """Note the line of every setting; report duplicate keys, keys that are not text, and runaway aliases."""
    stack: list[tuple[yaml.Node, Location, frozenset[int]]] = [(root, (), frozenset())]
    visited = 0
    while stack:
        node, location, around = stack.pop()
        visited += 1
        if visited > MAX_NODES or id(node) in around:
            document.add(location, "an alias that contains itself or grows without end", "write the values out")
            return
        inside = around | {id(node)}
        if isinstance(node, yaml.ScalarNode) and _SURROGATE.search(node.value):
            # YAML's escapes can name them; no database and no terminal takes them.
            document.add(location, "half a character, as `\\ud83d` is without the half that follows it", "write the character itself")
        if isinstance(node, yaml.SequenceNode):
            for position, item in enumerate(node.value):
                document.lines[(*location, position)] = item.start_mark.line + 1
                stack.append((item, (*location, position), inside))
        elif isinstance(node, yaml.MappingNode):
            seen: dict[str, int] = {}
            for key, item in node.value:
                line = key.start_mark.line + 1
                if key.tag == "tag:yaml.org,2002:merge":
                    stack.append((item, location, inside))
                    continue
                if not isinstance(key, yaml.ScalarNode) or key.tag != "tag:yaml.org,2002:str":
                    shown = key.value if isinstance(key, yaml.ScalarNode) else "a collection"
                    document.add((*location, str(shown)), "this key is not text", "put the key in quotes.", line=line)
                    continue
                here = (*location, key.value)
                if key.value in seen:
                    document.add(here, f"this key is already on line {seen[key.value]}", "keep one of the two.", line=line)
                    continue
                seen[key.value] = line
                # A merged mapping (`<<`) comes later and does not win.
                document.lines.setdefault(here, line)
                stack.append((item, here, inside))


def _read(path: Path) -> tuple[Settings | None, list[ConfigProblem]]:
    document = _parse(path)
    settings = None if document.problems else _validate(document)
    return settings, _by_line(document)


def _by_line(document: _Document) -> list[ConfigProblem]:
    return sorted(document.problems, key=lambda problem: (problem.line is not None, problem.line or 0))


def _validate(document: _Document) -> Settings | None:
    try:
        overrides = EnvSettingsSource(Settings)()
    except SettingsError as error:
        field = re.search(r'field "(\w+)"', str(error))
        name = f"DQ_{field[1].upper()}" if field else "DQ_*"
        document.problems.append(_environment_problem(name, (), "", "not valid JSON", "write JSON, or one variable for each setting"))
        return None
    _check_references(document, overrides)
    # Keys with a leading underscore would reach pydantic as its own switches instead of being refused.
    data = {key: value for key, value in document.data.items() if not key.startswith("_")}
    for key in document.data.keys() - data.keys():
        document.add((key,), "unknown key", _unknown_key_fix(_place(document.model, (key,))[1], (key,)))
    try:
        settings = Settings(**data)
    except ValidationError as error:
        for details in error.errors(include_url=False):
            # The one check over several sections is pydantic's last; _check_references makes it even when others failed.
            if details["loc"]:
                _add_error(document, overrides, details)
        return None
    return settings


def _check_references(document: _Document, overrides: Mapping[str, Any]) -> None:
    merged = _merged(document.data, overrides)
    connections, groups = merged.get("connections", {}), merged.get("table_groups", {})
    if not isinstance(groups, dict) or not isinstance(connections, dict):
        return
    for name, group in groups.items():
        if not isinstance(group, dict):
            continue
        wanted = group.get("connection")
        if isinstance(wanted, str) and wanted not in connections:
            known = sorted(map(str, connections))
            similar = difflib.get_close_matches(wanted, known, n=1)
            fix = f"did you mean `{similar[0]}`?" if similar else f"declare it under `connections`, where there is: {', '.join(known) or 'none'}"
            location: Location = ("table_groups", name, "connection")
            _add(document, overrides, location, _shown(wanted, location), "this connection is not declared", fix)
        tests = group.get("tests")
        seen: dict[str, int] = {}
        for position, test in enumerate(tests if isinstance(tests, list) else []):
            title = test.get("name") if isinstance(test, dict) else None
            if isinstance(title, str) and (first := seen.setdefault(title, position)) != position:
                location = ("table_groups", name, "tests", position, "name")
                _add(
                    document,
                    overrides,
                    location,
                    _shown(title, location),
                    f"tests[{first}] of this group has the same name",
                    "give each test of a group its own name.",
                )


def _add_error(document: _Document, overrides: Mapping[str, Any], details: ErrorDetails) -> None:
    location, around = _place(document.model, tuple(part for part in details["loc"] if part != "[key]"))
    kind, message = details["type"], details["msg"].removeprefix("Value error, ")
    if kind.startswith("union_tag"):
        location = (*location, details["ctx"]["discriminator"].strip("'"))
    found = _shown(details["ctx"]["tag"] if kind == "union_tag_invalid" else details["input"], location)
    if kind in ("missing", "union_tag_not_found"):
        _add(document, overrides, location, "", "this key is missing", f"add `{location[-1]}: …`")
    elif kind == "extra_forbidden":
        _add(document, overrides, location, found, "unknown key", _unknown_key_fix(around, location))
    elif "[key]" in details["loc"]:
        _add(document, overrides, location, "", message, "rename it")
    elif kind in ("literal_error", "enum"):
        _add(document, overrides, location, found, "not one of the choices", f"write {details['ctx']['expected']}")
    elif kind == "union_tag_invalid":
        _add(document, overrides, location, found, "not one of the choices", f"write {' or '.join(details['ctx']['expected_tags'].rsplit(', ', 1))}")
    elif kind == "string_pattern_mismatch":
        _add(document, overrides, location, found, "not in the form that this setting has", f"read: {around.get(str(location[-1]), '')}")
    elif kind == "value_error":
        problem, _, fix = message.partition("; ")
        _add(document, overrides, location, found, problem, fix or "write a value that meets this")
    else:
        by_kind = next((fix for prefix, fix in _KIND_FIXES if kind.startswith(prefix)), "")
        expected = re.sub(r"^\w+ should (be |have )?", "", message)
        number = "a number " if kind.startswith(("greater", "less")) else ""
        _add(document, overrides, location, found, f"expected {number}{expected}", by_kind or f"write {number}{expected}")


def _add(document: _Document, overrides: Mapping[str, Any], location: Location, value: str, problem: str, fix: str) -> None:
    if variable := _variable(document, overrides, location):
        document.problems.append(_environment_problem(variable, location, value, problem, fix))
    else:
        document.add(location, problem, fix, value=value)


def _variable(document: _Document, overrides: Mapping[str, Any], location: Location) -> str | None:
    """Return the environment variable that set ``location``, or None when the file did."""
    by_environment = 0
    inside: Any = overrides
    for part in location:
        try:
            inside = inside[part]
        except (KeyError, IndexError, TypeError):
            break
        by_environment += 1
    by_file = next((length for length in range(len(location), 0, -1) if location[:length] in document.lines), 0)
    if by_environment <= by_file and by_environment < len(location):
        return None
    wanted = [str(part).lower() for part in location[:by_environment]]
    matching = []
    for name in os.environ:
        parts = name.lower().removeprefix("dq_").split("__")
        if name.lower().startswith("dq_") and (parts[: len(wanted)] == wanted or wanted[: len(parts)] == parts):
            matching.append(name)
    return max(matching, key=len, default=None)


def _environment_problem(variable: str, location: Location, value: str, problem: str, fix: str) -> ConfigProblem:
    return ConfigProblem(file=f"environment variable {variable}", line=None, key=_key(location), value=value, problem=problem, fix=fix)


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        merged[key] = _merged(under, value) if isinstance(under, dict) and isinstance(value, dict) else value
    return merged


def _sections(annotation: object) -> Iterator[type[BaseModel]]:
    """Yield the models that an annotation speaks of: ``X``, ``X | None``, ``dict[str, X]``, ``tuple[X, ...]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in typing.get_args(annotation):
        yield from _sections(part)


def _place(model: type[BaseModel], location: Location) -> tuple[Location, dict[str, str]]:
    """Return where a mistake stands in the file, and the keys allowed beside its last one with their descriptions.

    Args:
        model: what the file was validated by.
        location: pydantic's, which names the member of a union that it took after the key under which the union stands.
    """
    sections: list[type[BaseModel]] = [model]
    around: dict[str, str] = {}
    place: list[str | int] = []
    below_names = False
    for part in location:
        if len(sections) > 1 and (member := [section for section in sections if part in typing.get_args(section.model_fields["type"].annotation)]):
            sections = member
            continue
        place.append(part)
        if isinstance(part, int):
            continue
        if below_names:
            below_names = False
            continue
        fields = {field.alias or name: field for section in sections for name, field in section.model_fields.items()}
        around = {name: field.description or "" for name, field in fields.items()}
        sections = list(_sections(fields[part].annotation)) if part in fields else []
        below_names = part in fields and typing.get_origin(fields[part].annotation) is dict
    return tuple(place), around


def _unknown_key_fix(allowed: Mapping[str, str], location: Location) -> str:
    if similar := difflib.get_close_matches(str(location[-1]), list(allowed), n=1):
        return f"did you mean `{similar[0]}`?"
    return f"remove it; allowed here: {', '.join(allowed)}"


def _key(location: Location) -> str:
    text = ""
    for part in location:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (part if re.fullmatch(r"[\w*-]+", part) else json.dumps(part, ensure_ascii=False))
    return text


def _is_secret(location: Location) -> bool:
    # Names that users give (of connections, groups, tables) are not keys: a group may be called `monkeys`.
    return any(
        isinstance(part, str) and _SECRET_KEY.search(part) and not (position and location[position - 1] in _NAMES_BELOW)
        for position, part in enumerate(location)
    )


def _redacted(value: Any, location: Location) -> Any:
    if isinstance(value, dict):
        return {key: _redacted(item, (*location, key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted(item, (*location, position)) for position, item in enumerate(value)]
    if value is not None and _is_secret(location):
        return _HIDDEN
    if isinstance(value, str):
        return _URL_PARAMETER.sub(rf"\1{_HIDDEN}", _URL_PASSWORD.sub(rf"\1{_HIDDEN}@", value))
    return value


def _shown(value: object, location: Location) -> str:
    text = repr(_redacted(value, location))
    return text if len(text) <= 80 else text[:79] + "…"
