"""What the ``attributes`` of a ``defs.yaml`` may hold: the models of ``dq.yaml``, told to Dagster.

Decision: the settings models stay the one schema. Dagster reads a component's attributes before it renders templates, when ``threads: "{{ env.THREADS }}"``
is still text, so it is shown the component as a JSON schema whose leaves also take a template, and takes whatever it reads; the models judge what was
rendered. Their mistakes are told with file and line, as ``dq config check`` tells those of ``dq.yaml``.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import dagster as dg
from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, ValidationError, create_model
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from dq_assets.errors import ConfigError
from dq_assets.settings_file import Location, all_problems, problems_elsewhere

TEMPLATE = {"type": "string", "pattern": r"\{\{"}
_MARKS = ("{{", "{%")
_SAID_AROUND = ("title", "description", "default", "examples")


class Attributes(BaseModel):
    """Attributes as they are written: anything goes; the JSON schema says what the component will take."""

    model_config = ConfigDict(extra="allow")


@cache
def attributes_of(component: type[BaseModel]) -> type[Attributes]:
    """Return the model of a component's attributes, as Dagster wants one, with the JSON schema of the component itself."""

    class Shown(Attributes):
        @classmethod
        def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
            return templated_schema(component)

    return create_model(f"{component.__name__}Attributes", __base__=Shown)


def templated_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Return a model's JSON schema without references, in which a template may stand for each value that is no mapping or list."""
    whole = model.model_json_schema(by_alias=True)
    return _templated(whole, whole.get("$defs", {}))


def _templated(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    if reference := schema.get("$ref"):
        schema = {**definitions[reference.rpartition("/")[2]], **{key: value for key, value in schema.items() if key != "$ref"}}
    choices = [_templated(choice, definitions) for choice in schema.get("anyOf", ())]
    if schema.get("discriminator"):
        return {**_merged([_templated(choice, definitions) for choice in schema["oneOf"]]), **_around(schema)}
    if mapping := next((choice for choice in choices if choice.get("type") == "object"), None):
        # One schema, not a choice: of a choice a validator can only say that nothing fits, not which key below is wrong.
        return {**mapping, "type": ["object", "null"], **_around(schema)}
    if schema.get("type") == "object":
        properties = {key: _templated(value, definitions) for key, value in schema.get("properties", {}).items()}
        others = schema.get("additionalProperties", True)
        others = _templated(others, definitions) if isinstance(others, Mapping) else others
        kept = {key: value for key, value in schema.items() if key not in ("$defs", "properties")}
        return {**kept, **({"properties": properties} if properties else {}), "additionalProperties": others}
    if schema.get("type") == "array":
        return {**schema, "items": _templated(schema.get("items", {}), definitions)}
    if choices:
        taken = list(_flat(choices))
        return {"anyOf": taken if all(map(_takes_any_text, taken)) else [*taken, TEMPLATE], **_around(schema)}
    if _takes_any_text(schema):
        return dict(schema)
    return {"anyOf": [{key: value for key, value in schema.items() if key not in _SAID_AROUND}, TEMPLATE], **_around(schema)}


def _merged(choices: list[dict[str, Any]]) -> dict[str, Any]:
    """Return one schema for mappings of several kinds, which the models tell apart: a choice would hide which key is wrong, as above."""
    properties: dict[str, Any] = {}
    for choice in choices:
        for key, value in choice["properties"].items():
            seen = properties.get(key, value)
            properties[key] = seen if seen == value else {"anyOf": [*_flat([seen, value]), TEMPLATE], **_around(value)}
    required = [key for key in choices[0].get("required", ()) if all(key in choice.get("required", ()) for choice in choices)]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _takes_any_text(schema: Mapping[str, Any]) -> bool:
    """Whether a template fits as it is; null has nothing to say about it."""
    return schema.keys() <= {"type", "format", *_SAID_AROUND} and schema.get("type") in {"string", "null", None}


def _around(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {key: schema[key] for key in _SAID_AROUND if key in schema}


def _flat(choices: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for choice in choices:
        yield from (inner for inner in choice.get("anyOf", [choice]) if inner != TEMPLATE)


def rendered(context: dg.ResolutionContext, value: Any) -> Any:
    """Return an attribute with its templates rendered; other text stays as it is written, where Dagster would read ``"10"`` as a number.

    Raises:
        dagster.components.resolved.errors.ResolutionException: a template names what is not there; file and line are told.
    """
    if isinstance(value, dict):
        return {key: rendered(context.at_path(key), inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [rendered(context.at_path(position), inner) for position, inner in enumerate(value)]
    if isinstance(value, str) and any(mark in value for mark in _MARKS):
        return context.resolve_value(value)
    return value


def mistakes(error: ValidationError, component: type[BaseModel], context: dg.ResolutionContext) -> ConfigError:
    """Return what is wrong with a component's attributes: one line a mistake, with file and line where they came from a file."""
    tree = context.source_position_tree
    if tree is None:
        return all_problems(problems_elsewhere(error, component, f"attributes of {component.__name__}", {}))
    lines: dict[Location, int] = {(): tree.position.start.line}
    branches: list[tuple[Location, Any]] = [((), tree.children["attributes"])] if "attributes" in tree.children else []
    while branches:
        location, branch = branches.pop()
        lines[location] = branch.position.start.line
        branches += [((*location, key), child) for key, child in branch.children.items()]
    return all_problems(problems_elsewhere(error, component, tree.position.filename, lines))
