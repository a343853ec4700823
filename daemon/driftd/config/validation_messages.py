"""What is wrong with a value, in words: pydantic's errors as a person who writes YAML would say them."""

import difflib
from collections.abc import Callable, Mapping, Sequence
from types import NoneType, UnionType
from typing import Any, get_args

from pydantic import BaseModel

from driftd.config.settings import Settings
from driftd.config.yaml_positions import Where

Problem = Mapping[str, Any]


def place(problem: Problem) -> Where:
    """Return the path of keys that a problem is about."""
    return tuple(part for part in problem["loc"] if part != "[key]")


def words(problem: Problem) -> str:
    """Say what is wrong."""
    kind, value = problem["type"], problem["input"]
    if kind == "extra_forbidden":
        return _unknown(place(problem))
    if kind == "value_error":
        return str(problem["msg"]).removeprefix("Value error, ")
    if kind in _EXPECTED:
        return f"must be {_EXPECTED[kind]}, not {_shown(value)}"
    if kind in _SAID:
        return _SAID[kind](value, problem.get("ctx", {}))
    return f"{problem['msg']}: {_shown(value)}"


def near(name: str, names: Sequence[str]) -> str | None:
    """Return the name that was probably meant."""
    return next(iter(difflib.get_close_matches(name, names, n=1, cutoff=0.5)), None)


_SECTION = "a section of names and values"
_EXPECTED = {
    "model_type": _SECTION,
    "dict_type": _SECTION,
    "tuple_type": "a list such as [a, b]",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "string_type": "a text",
    "path_type": "a path",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
}


def _literal(value: object, context: Mapping[str, Any]) -> str:
    names = context["expected"].replace(" or ", ", ").replace("'", "").split(", ")
    meant = near(str(value), names)
    guess = f"did you mean {meant!r}? " if meant else ""
    return f"{_shown(value)} is none of its values; {guess}there are: {', '.join(names)}"


_SAID: dict[str, Callable[[Any, Mapping[str, Any]], str]] = {
    "missing": lambda _value, _context: "must be set",
    "literal_error": _literal,
    "greater_than": lambda value, context: f"must be more than {context['gt']:g}, not {value}",
    "greater_than_equal": lambda value, context: f"must be at least {context['ge']:g}, not {value}",
    "less_than": lambda value, context: f"must be less than {context['lt']:g}, not {value}",
    "less_than_equal": lambda value, context: f"must be at most {context['le']:g}, not {value}",
    "too_short": lambda _value, _context: "must name at least one",
    "string_pattern_mismatch": lambda value, _context: (
        f"{value!r} is no name here; take at most 63 of a-z, 0-9 and -, with no - at the ends"
    ),
}


def _shown(value: object) -> str:
    if value is None:
        return "empty"
    if isinstance(value, dict | list | tuple):
        return "a list" if not isinstance(value, dict) else _SECTION
    if isinstance(value, bool):
        return f"{str(value).lower()} (YAML reads yes, no, on and off as that; quotes make them texts)"
    return repr(value)


def _unknown(at: Where) -> str:
    names = names_at(at[:-1])
    meant = near(str(at[-1]), names)
    return "unknown setting; " + (f"did you mean {meant!r}?" if meant else f"here can be: {', '.join(names)}")


def names_at(at: Where) -> list[str]:
    """Return the names that may be set in the section at a path."""
    kind: Any = Settings
    for part in at:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            field = next((f for key, f in kind.model_fields.items() if (f.alias or key) == part), None)
            kind = _section(field.annotation) if field else None
        else:
            kind = get_args(kind)[-1] if get_args(kind) and get_args(kind)[-1] is not ... else get_args(kind)[0]
    return [f.alias or key for key, f in kind.model_fields.items()] if kind else []


def _section(kind: Any) -> Any:
    """Return a type without its `or null`."""
    return next(each for each in get_args(kind) if each is not NoneType) if isinstance(kind, UnionType) else kind
