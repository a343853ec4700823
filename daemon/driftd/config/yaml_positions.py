"""YAML with positions: every value knows the line it stands on."""

from pathlib import Path
from typing import Any

import yaml

from driftd.errors import ConfigError

Where = tuple[str | int, ...]
Positions = dict[Where, tuple[int, int]]


_COLLECTIONS = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")


def read_yaml(text: str, name: str | Path) -> tuple[Any, Positions]:
    """Return the document and, for each path of keys, its (line, column), both from 1."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if node is None:
            return None, {(): (1, 1)}
        reader = _Reader(str(name))
        return reader.value(node, ()), reader.positions
    except yaml.MarkedYAMLError as error:
        raise _said(error, str(name)) from error
    except yaml.reader.ReaderError as error:
        line, column = text.count("\n", 0, error.position) + 1, error.position - text.rfind("\n", 0, error.position)
        raise ConfigError(
            f"{name}:{line}:{column}: the character U+{ord(text[error.position]):04X} may not be in YAML",
            remedy="remove it; an editor may not show it",
        ) from error
    except RecursionError:
        raise ConfigError(
            f"{name}:1:1: this is nested without end", remedy="look for an alias inside of what it names"
        ) from None


def _said(error: yaml.MarkedYAMLError, name: str) -> ConfigError:
    """Say in plain words what most often goes wrong, and in YAML's own what does not."""
    mark, said = error.problem_mark or error.context_mark, error.problem or error.context or "something is wrong"
    remedy = "check the indentation and quotes there"
    if "'\\t'" in said:
        said, remedy = "a tab stands where YAML takes spaces only", "indent with spaces"
    elif "unexpected end of stream" in said and error.context_mark:
        mark, said, remedy = error.context_mark, "this quote is not closed", "close it"
    elif said == "mapping values are not allowed here":
        said = "a colon cannot stand here"
        remedy = "indent this line like its neighbours, or put a value with a colon into quotes"
    place = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
    return ConfigError(f"{place}: this is not YAML: {said}", remedy=remedy)


class _Reader:
    """Makes plain values of YAML nodes, and remembers where each one stands."""

    def __init__(self, name: str) -> None:
        self.positions: Positions = {}
        self._name = name
        self._loader = yaml.SafeLoader("")

    def value(self, node: yaml.Node, at: Where) -> Any:
        self.positions.setdefault(at, _place(node))
        if isinstance(node, yaml.ScalarNode):
            return self._plain(node)
        if node.tag not in _COLLECTIONS:
            raise self._error(node, f"{node.tag} is no kind of value here", "write plain values")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, at)
        return [self.value(child, (*at, i)) for i, child in enumerate(node.value)]

    def _mapping(self, node: yaml.MappingNode, at: Where) -> dict[str, Any]:
        self._no_key_twice(node)
        self._loader.flatten_mapping(node)  # resolves `<<: *anchor`: what is merged comes first, what is set here wins
        children = {self._key(key_node): (key_node, child) for key_node, child in node.value}
        for key, (key_node, _) in children.items():
            self.positions[*at, key] = _place(key_node)
        return {key: self.value(child, (*at, key)) for key, (_, child) in children.items()}

    def _no_key_twice(self, node: yaml.MappingNode) -> None:
        seen: dict[str, int] = {}
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self._key(key_node)
            if key in seen:
                raise self._error(key_node, f"{key!r} is set twice, first on line {seen[key]}", "keep one of the two")
            seen[key] = _place(key_node)[0]

    def _key(self, node: yaml.Node) -> str:
        key = self._plain(node) if isinstance(node, yaml.ScalarNode) else None
        if not isinstance(key, str):
            what = f"the key {key!r}" if key is not None else "this key"
            raise self._error(node, f"{what} is not a text", "put it into quotes")
        return key

    def _plain(self, node: yaml.ScalarNode) -> Any:
        try:
            value = self._loader.construct_object(node)
        except (yaml.YAMLError, ValueError) as error:
            problem = getattr(error, "problem", None) or str(error)
            raise self._error(node, problem, "write a plain value there") from error
        except (ArithmeticError, AttributeError, LookupError) as error:  # PyYAML stumbles over what a tag does not fit
            raise self._misfit(node) from error
        if isinstance(value, (dict, list, set)):  # empty, whatever the text says
            raise self._misfit(node)
        return value

    def _misfit(self, node: yaml.ScalarNode) -> ConfigError:
        kind = node.tag.replace("tag:yaml.org,2002:", "!!")
        return self._error(node, f"{node.value!r} is no {kind}", "write a plain value there, without a tag")

    def _error(self, node: yaml.Node, message: str, remedy: str) -> ConfigError:
        line, column = _place(node)
        return ConfigError(f"{self._name}:{line}:{column}: {message}", remedy=remedy)


def _place(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1
