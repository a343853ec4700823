"""YAML with positions: every value knows the line it stands on."""

from pathlib import Path
from typing import Any

import yaml

from driftd.errors import ConfigError

Where = tuple[str | int, ...]
Positions = dict[Where, tuple[int, int]]


def read_yaml(text: str, name: str | Path) -> tuple[Any, Positions]:
    """Return the document and, for each path of keys, its (line, column), both from 1."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else str(name)
        raise ConfigError(
            f"{place}: this is not YAML: {error.problem or error.context}",
            remedy="check the indentation and quotes there",
        ) from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{name}: this is not YAML: {error}", remedy="save it as UTF-8 text") from error
    if node is None:
        return None, {(): (1, 1)}
    positions: Positions = {}
    return _value(node, (), positions, yaml.SafeLoader(""), str(name)), positions


def _value(node: yaml.Node, at: Where, positions: Positions, loader: yaml.SafeLoader, name: str) -> Any:
    positions.setdefault(at, (node.start_mark.line + 1, node.start_mark.column + 1))
    if isinstance(node, yaml.SequenceNode):
        return [_value(child, (*at, i), positions, loader, name) for i, child in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, at, positions, loader, name)
    try:
        return loader.construct_object(node)
    except yaml.YAMLError as error:
        line, column = positions[at]
        raise ConfigError(f"{name}:{line}:{column}: {error}", remedy="write a plain value there") from error


def _mapping(
    node: yaml.MappingNode, at: Where, positions: Positions, loader: yaml.SafeLoader, name: str
) -> dict[Any, Any]:
    loader.flatten_mapping(node)  # resolves `<<: *anchor`
    result: dict[Any, Any] = {}
    for key_node, child in node.value:
        key = loader.construct_object(key_node)
        line, column = key_node.start_mark.line + 1, key_node.start_mark.column + 1
        if not isinstance(key, str):
            raise ConfigError(f"{name}:{line}:{column}: the key {key!r} is not a text", remedy="put it into quotes")
        if key in result:
            first = positions[*at, key][0]
            raise ConfigError(
                f"{name}:{line}:{column}: {key!r} is set twice, first on line {first}", remedy="keep one of the two"
            )
        positions[*at, key] = (line, column)
        result[key] = _value(child, (*at, key), positions, loader, name)
    return result
