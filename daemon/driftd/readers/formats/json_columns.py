"""Values as JSON has them, to columns."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from driftd.readers.conversion import ARROW, EXACT, VECTOR
from driftd.readers.row_identity import canonical, canonical_number, is_vector
from driftd.readers.types import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

DECODED = {  # what the typed decoder takes for a cell of each kind; the rest goes through `cell`
    Kind.NUMERIC: float | None,
    Kind.BOOLEAN: bool | None,
    Kind.CATEGORICAL: str | int | float | bool | None,
    Kind.DATETIME: str | None,
    Kind.TEXT: str | None,
    Kind.VECTOR: list[float | None] | None,
}


def cell(value: object, kind: Kind) -> Any:
    """Return a value as its kind has it; raises ValueError if it is none of that kind."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind is Kind.NUMERIC and number:
        return _double(value)
    if kind is Kind.BOOLEAN and (isinstance(value, bool) or value in (0, 1)):
        return bool(value)
    if isinstance(value, str) and kind in (Kind.CATEGORICAL, Kind.TEXT, Kind.DATETIME):
        return value
    if kind is Kind.VECTOR and is_vector(value):
        return [None if each is None else _double(each) for each in value]
    if kind is Kind.CATEGORICAL and (number or isinstance(value, bool)):
        return value
    raise ValueError


def _double(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.copysign(math.inf, value)


def column(values: Sequence[Any], kind: Kind) -> pa.Array:
    """Make a column of values that `cell` or the typed decoder has let pass."""
    if kind is Kind.CATEGORICAL:
        texts = [value if value is None or type(value) is str else _category(value) for value in values]
        return pa.array(texts, pa.string()).dictionary_encode()
    return pa.array(values, pa.string() if kind is Kind.DATETIME else ARROW[kind])


def _category(value: float) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < EXACT:
        value = int(value)
    return repr(value)


def raw_column(values: Sequence[object]) -> pa.Array | None:
    """Make a column of what most values are; others are null. None if they are lists or objects."""
    types = {bool: pa.bool_(), float: pa.float64(), str: pa.string(), list: VECTOR}
    families = [_family(value) for value in values]
    most = max([*types, object], key=families.count)
    if most not in families:
        return pa.nulls(len(values))
    if most is object:
        return None
    kept = [value if family is most else None for value, family in zip(values, families, strict=True)]
    kind = {float: Kind.NUMERIC, list: Kind.VECTOR}.get(most)
    return pa.array([cell(value, kind) for value in kept] if kind else kept, types[most])


def _family(value: object) -> type | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return bool
    if isinstance(value, int | float):
        return float
    if is_vector(value):
        return list
    return str if isinstance(value, str) else object


def values(column: pa.Array) -> list[Any]:
    """Return a column as JSON has it: whole numbers without a fraction, times as text, entities as lists of three."""
    if column.type == VECTOR:
        return [None if each is None else list(map(canonical, each)) for each in column.to_pylist()]
    if pa.types.is_list(column.type):
        return [
            None if spans is None else [[span["start"], span["end"], span["label"]] for span in spans]
            for spans in column.to_pylist()
        ]
    if pa.types.is_timestamp(column.type):
        column = pc.strftime(column, "%Y-%m-%dT%H:%M:%SZ")
    if pa.types.is_floating(column.type):
        return [None if value is None else canonical_number(value) for value in column.to_pylist()]
    found: list[Any] = column.to_pylist()
    return found
