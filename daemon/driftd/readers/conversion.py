"""Values of a file to the Arrow type of their kind; what cannot be read keeps its place as null and gets a reason."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from driftd.readers.types import Kind

if TYPE_CHECKING:
    from collections.abc import Callable

ENTITY = pa.struct([("start", pa.int32()), ("end", pa.int32()), ("label", pa.string())])
VECTOR = pa.list_(pa.float64())
ARROW = {
    Kind.NUMERIC: pa.float64(),
    Kind.CATEGORICAL: pa.dictionary(pa.int32(), pa.string()),
    Kind.BOOLEAN: pa.bool_(),
    Kind.DATETIME: pa.timestamp("us", "UTC"),
    Kind.TEXT: pa.string(),
    Kind.VECTOR: VECTOR,
    Kind.ENTITIES: pa.list_(ENTITY),
}
NOUN = {
    Kind.NUMERIC: "a number",
    Kind.CATEGORICAL: "a category",
    Kind.BOOLEAN: "true or false",
    Kind.DATETIME: "a date or time (ISO 8601)",
    Kind.TEXT: "text",
    Kind.VECTOR: "a list of numbers",
    Kind.ENTITIES: "a list of entities",
}
EXACT = 2**53  # integers from here on are not all doubles
ZONED = r":.*(?:Z|[+-]\d\d(?::?\d\d)?)$"  # a zone after a time of day
NULLS = ["", "NA", "N/A", "#N/A", "NaN", "nan", "null", "NULL"]  # where a number, a time, true or false is wanted

Bad = dict[int, str]  # row in the array: the cell, as the reason shows it


def fits(stored: pa.DataType, kind: Kind) -> bool:
    """Say whether a column that a file declares as `stored` can hold this kind."""
    if pa.types.is_dictionary(stored):
        stored = stored.value_type
    return pa.types.is_null(stored) or any(holds(stored) for holds in _HOLD[kind])


def is_text(stored: pa.DataType) -> bool:
    """Say whether a type is one of Arrow's strings."""
    return bool(pa.types.is_string(stored) or pa.types.is_large_string(stored) or pa.types.is_string_view(stored))


def _is_number(stored: pa.DataType) -> bool:
    return bool(pa.types.is_integer(stored) or pa.types.is_floating(stored) or pa.types.is_decimal(stored))


def is_entities(stored: pa.DataType) -> bool:
    """Say whether a type is a list of spans with start, end and label."""
    lists = pa.types.is_list(stored) or pa.types.is_large_list(stored)
    return lists and pa.types.is_struct(stored.value_type) and {f.name for f in stored.value_type} >= set(ENTITY.names)


def is_vector(stored: pa.DataType) -> bool:
    """Say whether a type is a list of numbers."""
    lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return any(each(stored) for each in lists) and _is_number(stored.value_type)


_HOLD: dict[Kind, tuple[Callable[[pa.DataType], bool], ...]] = {
    Kind.NUMERIC: (_is_number,),
    Kind.BOOLEAN: (pa.types.is_boolean, pa.types.is_integer),
    Kind.DATETIME: (is_text, pa.types.is_timestamp, pa.types.is_date),
    Kind.TEXT: (is_text,),
    Kind.VECTOR: (is_vector,),
    Kind.CATEGORICAL: (is_text, _is_number, pa.types.is_boolean),
    Kind.ENTITIES: (is_entities,),
}


def convert(values: pa.Array, kind: Kind) -> tuple[pa.Array, Bad]:
    """Bring a column that the file declares to be of a fitting type to the type of its kind."""
    if kind is Kind.VECTOR and not is_text(values.type) and not pa.types.is_null(values.type):
        # nothing can be said of no numbers
        values = pc.if_else(pc.equal(pc.list_value_length(values), 0), None, values)
    if pa.types.is_dictionary(values.type) and values.dictionary.null_count:
        # a null may also stand in the dictionary, where nobody looks for it
        values = values.cast(values.type.value_type)
    if values.type == ARROW[kind]:
        return values, {}
    if values.null_count == len(values):
        return pa.nulls(len(values), ARROW[kind]), {}
    if kind is Kind.CATEGORICAL:
        return categories(values), {}
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    return _salvage(values, kind)


def parse(values: pa.Array, kind: Kind) -> tuple[pa.Array, Bad]:
    """Read a column of text from a file that knows no types. An empty cell is null; so is `NA` where no text is wanted."""
    if kind in (Kind.NUMERIC, Kind.BOOLEAN) and values.type == ARROW[kind]:
        return values, {}
    if pa.types.is_dictionary(values.type):
        return _without_empty(values), {}
    bad: Bad = {}
    if pa.types.is_binary(values.type):
        values, bad = _salvage(values, Kind.TEXT)
    wanted = kind in (Kind.TEXT, Kind.CATEGORICAL)
    values = pc.if_else(pc.is_in(values, pa.array([""] if wanted else NULLS)), None, values)
    array, worse = convert(values, kind)
    return array, {**worse, **bad}


def _without_empty(values: pa.DictionaryArray) -> pa.DictionaryArray:
    # asked first, as looking for the place of what is not there takes ten times as long
    if not pc.any(pc.equal(values.dictionary, "")).as_py():
        return values
    empty = pc.index(values.dictionary, "").as_py()
    indices = pc.if_else(pc.equal(values.indices, empty), None, values.indices)
    return pa.DictionaryArray.from_arrays(indices, values.dictionary)


def categories(values: pa.Array) -> pa.DictionaryArray:
    """Render each value as its category; a whole number is written without a fraction, whatever its type."""
    if pa.types.is_dictionary(values.type):
        if is_text(values.type.value_type):
            return values.cast(ARROW[Kind.CATEGORICAL])
        values = values.cast(values.type.value_type)
    if pa.types.is_floating(values.type) or pa.types.is_decimal(values.type):
        values = number_texts(values.cast(pa.float64(), safe=False))
    return values.cast(pa.string()).dictionary_encode()


def number_texts(values: pa.Array) -> pa.Array:
    """Write doubles as text: whole ones below 2^53 as integers, others by their shortest spelling, NaN as null."""
    whole = pc.and_(pc.equal(values, pc.trunc(values)), pc.less(pc.abs(values), EXACT))
    integers = pc.if_else(whole, values, None).cast(pa.int64()).cast(pa.string())
    others = pc.if_else(pc.is_nan(values), None, values).cast(pa.string())
    return pc.if_else(whole, integers, others)


def vector_texts(values: pa.Array) -> pa.Array:
    """Write vectors as JSON; what is not finite is null there."""
    flat = values.flatten()
    texts = pc.fill_null(number_texts(pc.if_else(pc.is_finite(flat), flat, None)), "null")
    joined = pc.binary_join(pa.ListArray.from_arrays(_starts(values), texts), ",")
    return pc.if_else(values.is_valid(), pc.binary_join_element_wise("[", joined, "]", ""), None)


def _starts(values: pa.Array) -> pa.Array:
    """Return where each list begins in the flat values, and the end."""
    lengths = values.value_lengths().fill_null(0)
    return pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(lengths)])


def _numbers(values: pa.Array) -> pa.Array:
    return (pc.utf8_trim_whitespace(values) if is_text(values.type) else values).cast(pa.float64(), safe=False)


def _booleans(values: pa.Array) -> pa.Array:
    if pa.types.is_integer(values.type) and not pc.all(pc.is_in(values, pa.array([0, 1], values.type))).as_py():
        raise pa.ArrowInvalid("neither 0 nor 1")
    return (pc.utf8_trim_whitespace(values) if is_text(values.type) else values).cast(pa.bool_())


def _datetimes(values: pa.Array) -> pa.Array:
    wanted = ARROW[Kind.DATETIME]
    if not is_text(values.type):
        return values.cast(pa.timestamp("us", getattr(values.type, "tz", None)), safe=False).cast(wanted)
    values = pc.replace_substring_regex(pc.utf8_trim_whitespace(values), r"(\.\d{6})\d+", r"\1")
    zoned = pc.match_substring_regex(values, ZONED)
    if not pc.any(zoned).as_py():
        return values.cast(pa.timestamp("us")).cast(wanted)
    local = pc.if_else(zoned, None, values).cast(pa.timestamp("us")).cast(wanted)
    return pc.coalesce(pc.if_else(zoned, values, None).cast(wanted), local)


def _vectors(values: pa.Array) -> pa.Array:
    if not is_text(values.type):
        return values.cast(VECTOR)
    # the decoder takes several values in a cell, and none, for lines of their own
    if pc.any(pc.invert(pc.match_substring_regex(values, r"^\s*\[[^\[\]]*\]\s*$"))).as_py():
        raise pa.ArrowInvalid("no list of numbers")
    try:
        found = _LISTS.decode_lines("\n".join("null" if cell is None else cell for cell in values.to_pylist()))
    except msgspec.MsgspecError as error:
        raise pa.ArrowInvalid(str(error)) from error
    return pa.array(found, VECTOR)


_LISTS = msgspec.json.Decoder(list[float | None] | None)


def _plain(kind: Kind) -> Callable[[pa.Array], pa.Array]:
    return lambda values: values.cast(ARROW[kind])


_CASTS = {Kind.NUMERIC: _numbers, Kind.BOOLEAN: _booleans, Kind.DATETIME: _datetimes, Kind.VECTOR: _vectors}


def _salvage(values: pa.Array, kind: Kind) -> tuple[pa.Array, Bad]:
    """Cast what can be cast: a part that fails is halved until the cells that are to blame stand alone."""
    cast = _CASTS.get(kind) or _plain(kind)
    parts: list[pa.Array] = []
    bad: Bad = {}
    todo = [(0, len(values))]
    while todo:
        first, size = todo.pop()
        part = values.slice(first, size)
        try:
            parts.append(cast(part))
        except pa.ArrowInvalid:
            if size == 1:
                bad[first] = shown(part[0].as_py())
                parts.append(pa.nulls(1, ARROW[kind]))
            else:
                half = size // 2
                todo += [(first + half, size - half), (first, half)]
    return pa.concat_arrays(parts), bad


def misplaced(entities: pa.Array, text: pa.Array | None) -> dict[int, str]:
    """Find the rows whose entities do not lie in their text; offsets count code points, the end may be one past the text's."""
    if entities.null_count == len(entities):
        return {}
    flat = entities.flatten()
    start, end = (flat.field(name).to_numpy(zero_copy_only=False) for name in ("start", "end"))
    row = pc.list_parent_indices(entities).to_numpy()
    wrong = ~((start >= 0) & (start < end))  # a null offset is NaN here, and wrong
    if text is not None:
        length = pc.fill_null(pc.utf8_length(text), 0).to_numpy(zero_copy_only=False)
        wrong |= (end > length[row] + 1) | (
            start >= length[row]
        )  # one past the end is common, and as in a slice the end
    null = pc.or_(flat.is_null(), flat.field("label").is_null())  # what a null lies over may look sound
    wrong |= null.to_numpy(zero_copy_only=False)
    found: dict[int, str] = {}
    for each in wrong.nonzero()[0]:
        entity = flat[int(each)].as_py()
        span = entity and list(entity.values())  # it may itself be null
        size = "" if text is None else f" of {length[row[each]]} characters"
        found.setdefault(
            int(row[each]), f"entity {json.dumps(span, ensure_ascii=False)} does not lie in its text{size}"
        )
    return found


def shown(value: object, limit: int = 60) -> str:
    """Show a value in a message, shortened."""
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"
