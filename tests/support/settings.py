"""The settings as docs/configuration.md lists them: names, values and help from the model, defaults from the annotated file."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from driftd.config import Settings

ROOT = Path(__file__).parents[2]
ANNOTATED = ROOT / "config" / "driftd.yaml"
SCHEMA = Settings.model_json_schema(by_alias=True)
SHAPES = {"budget": "windows", "size": "iB", "duration": "min"}  # what tells the pattern of a value with a unit
ITSELF = "NAME"  # stands for the name of a project

Where = tuple[str, ...]
REQUIRED: set[Where] = {("projects", ITSELF, "repository"), ("projects", ITSELF, "source", "path")}


def settings() -> Iterator[tuple[Where, dict[str, Any]]]:
    """Yield every setting that is no section, with its JSON Schema."""
    yield from _below((), SCHEMA)


def sections() -> list[Where]:
    """Return the sections in the order of the model."""
    return list(dict.fromkeys(at[:-1] for at, _ in settings()))


def table(section: Where) -> str:
    """Render the settings of one section."""
    lines = ["| setting | values | default | meaning |", "| --- | --- | --- | --- |"]
    for at, schema in settings():
        if at[:-1] == section:
            lines.append(f"| `{at[-1]}` | {values(schema)} | {default(at)} | {schema['description']} |")
    return "\n".join(lines)


def default(at: Where) -> str:
    """Return a default as the annotated file writes it."""
    if at in REQUIRED:
        return "must be set"
    text = ANNOTATED.read_text()
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    for part in at:
        names = {key.value: value for key, value in node.value}
        node = names[part] if part != ITSELF else next(iter(names.values()))
    return f"`{text[node.start_mark.index : node.end_mark.index]}`"


def values(schema: dict[str, Any]) -> str:
    """Say what may be written."""
    if "anyOf" in schema:
        return " or ".join(values(each) for each in schema["anyOf"])
    if "$ref" in schema:
        return values(_resolved(schema))
    if "enum" in schema:
        return ", ".join(f"`{each}`" for each in schema["enum"])
    if schema["type"] == "object":
        return _mapping(schema)
    if schema["type"] == "array":
        return f"list of: {values(schema['items'])}"
    return _plain(schema) + _bounds(schema)


def _mapping(schema: dict[str, Any]) -> str:
    if "properties" in schema:
        return f"`{{{', '.join(schema['properties'])}}}`"
    return f"mapping to: {values(schema['additionalProperties'])}"


def _plain(schema: dict[str, Any]) -> str:
    if schema["type"] == ["string", "number"]:
        return next(name for name in SHAPES if SHAPES[name] in schema["pattern"])
    named = {
        "string": "text",
        "integer": "whole number",
        "number": "number",
        "null": "`null`",
        "boolean": "`true`, `false`",
    }
    return "path" if schema.get("format") == "path" else named[schema["type"]]


def _bounds(schema: dict[str, Any]) -> str:
    words = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}
    bounds = {name: schema[name] for name in words if name in schema and schema["type"] != ["string", "number"]}
    return "".join(f", {words[name]} {bound:g}" for name, bound in bounds.items())


def _below(at: Where, schema: dict[str, Any]) -> Iterator[tuple[Where, dict[str, Any]]]:
    for name, each in _resolved(schema)["properties"].items():
        inner = _resolved(each)
        if "properties" in inner:
            yield from _below((*at, name), inner)
        elif name == "projects":
            (project,) = inner["patternProperties"].values()
            yield from _below((*at, name, ITSELF), project)
        else:
            yield (*at, name), each


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in schema:
        return schema
    return SCHEMA["$defs"][re.sub(r".*/", "", schema["$ref"])]
