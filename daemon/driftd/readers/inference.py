"""What a column holds, told from a bounded sample of its values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from driftd.errors import SchemaMismatchError
from driftd.readers import conversion
from driftd.readers.registry import format_of
from driftd.readers.types import TEXT, Column, Kind, Schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

SAMPLE = 20_000  # rows, over all files
FILES = 20
STRAY = 0.01  # of the values may be of no or of another kind
WORDS = ["true", "false", "True", "False", "TRUE", "FALSE"]
# what a type in a file can mean, in the order of preference; integers fit booleans too, and nulls everything
TYPED = (Kind.NUMERIC, Kind.BOOLEAN, Kind.DATETIME, Kind.ENTITIES, Kind.VECTOR, Kind.CATEGORICAL)
PROSE, LONG_PROSE = 20, 60  # characters on average


def infer_kind(values: pa.ChunkedArray, *, typed: bool = True) -> Kind | None:
    """Tell the kind of a column; None if it is of no kind that driftd reads (bytes, lists of lists, objects).

    Numbers are numeric, also where they are few (0 and 1, zip codes): set `columns` if they are meant as categories. `true` and `false` are
    boolean; strings are datetime if they are ISO 8601. Of other strings, text is what reads like prose: on average at least 20 characters
    with a space (or letters beyond ASCII, for scripts without spaces), and more than half of the values different, or at least 60
    characters on average and more than 50 different values. The rest is categorical, as is a column that is null throughout.
    In a file that knows no types (`typed=False`) strings that spell numbers are numbers, and JSON lists of numbers vectors. One value in a hundred may be astray.
    """
    stored = values.type.value_type if pa.types.is_dictionary(values.type) else values.type
    if pa.types.is_null(stored):
        return Kind.CATEGORICAL
    if conversion.is_text(stored):
        return _kind_of_strings(values.cast(pa.string()), typed=typed)
    return next((kind for kind in TYPED if conversion.fits(stored, kind)), None)


def _kind_of_strings(values: pa.ChunkedArray, *, typed: bool) -> Kind:
    values = pc.utf8_trim_whitespace(values)
    values = values.filter(pc.invert(pc.is_in(values, pa.array(conversion.NULLS)))).combine_chunks().drop_null()
    if not len(values):
        return Kind.CATEGORICAL
    if not typed and pc.mean(pc.is_in(values, pa.array(WORDS))).as_py() >= 1 - STRAY:
        return Kind.BOOLEAN
    readable = (Kind.DATETIME,) if typed else (Kind.NUMERIC, Kind.DATETIME, Kind.VECTOR)
    found = next((kind for kind in readable if _share_read(values, kind) >= 1 - STRAY), None)
    return found or (Kind.TEXT if _is_prose(values) else Kind.CATEGORICAL)


def _share_read(values: pa.Array, kind: Kind) -> float:
    few = values.slice(0, 100).unique()
    if len(conversion.convert(few, kind)[1]) > len(few) // 2:
        return 0.0
    return 1 - len(conversion.convert(values, kind)[1]) / len(values)


def _is_prose(values: pa.Array) -> bool:
    length = pc.mean(pc.utf8_length(values)).as_py()
    several = pc.mean(pc.match_substring_regex(values, r"\s|[^\x00-\x7f]")).as_py()
    different = pc.count_distinct(values).as_py()
    if several <= 1 / 2 or length < PROSE:
        return False
    return bool(different > len(values) / 2 or (length >= LONG_PROSE and different > 50))  # noqa: PLR2004  # as the docstring says


def infer(data: Sequence[str] | Iterable[pa.RecordBatch], overrides: Mapping[str, Kind] | None = None) -> Schema:
    """Tell the columns of files, or of record batches, from the first rows of some of them.

    A column that some of the files lack is optional; one called `text` beside entities is text, however short. `overrides` has the last
    word on kinds, and may add a column of entities.
    """
    given = dict(overrides or {})
    samples = _samples(data)
    columns: list[Column] = []
    pointed = {TEXT} if any(_holds_entities(sample) for sample in samples) else set()
    for name in dict.fromkeys(name for sample in samples for name in sample):
        found = [sample[name] for sample in samples if name in sample]
        kind = given.pop(name, None) or (Kind.TEXT if name in pointed else _common(found))
        if kind is not None:
            columns.append(Column(name, kind, optional=len(found) < len(samples)))
    columns += [Column(name, kind, optional=True) for name, kind in given.items() if kind is Kind.ENTITIES]
    lacking = [name for name, kind in given.items() if kind is not Kind.ENTITIES]
    if lacking:
        raise SchemaMismatchError(
            f"the data have no column {lacking[0]}: they have {', '.join(column.name for column in columns)}",
            remedy="correct its name under `columns`",
        )
    return Schema(tuple(columns))


Values = tuple[pa.ChunkedArray, bool]  # of a column, and whether the file knows their type


def _samples(data: Sequence[str] | Iterable[pa.RecordBatch]) -> list[dict[str, Values]]:
    given = list(data)
    if not all(isinstance(each, str) for each in given):
        return [{name: (column, True) for name, column in _columns(pa.Table.from_batches(given)).items()}]
    paths = [given[i * len(given) // FILES] for i in range(FILES)] if len(given) > FILES else given
    samples = [_sample(path, max(100, SAMPLE // len(paths))) for path in paths]
    return [sample for sample, rows in samples if rows] or [sample for sample, _ in samples]


def _holds_entities(sample: dict[str, Values]) -> bool:
    return any(conversion.is_entities(values.type) for values, _ in sample.values())


def _columns(table: pa.Table) -> dict[str, pa.ChunkedArray]:
    return dict(zip(table.column_names, table.columns, strict=True))


def _sample(path: str, wanted: int) -> tuple[dict[str, Values], int]:
    name, form = format_of(path)
    parts: dict[str, list[pa.Array]] = {}
    rows, typed = 0, True
    for block in form.blocks(path, name, None):
        typed = block.typed
        for column, values in block.columns.items():
            part = values.slice(0, wanted - rows)
            parts.setdefault(column, []).append(part if typed else conversion.parse(part, Kind.TEXT)[0])
        rows += block.rows
        if rows >= wanted:
            break
    return {column: (_joined(arrays), typed) for column, arrays in parts.items()}, rows


def _joined(arrays: list[pa.Array]) -> pa.ChunkedArray:
    """Put together what may be of several types: of JSON and CSV each chunk has its own."""
    filled = [values for values in arrays if values.null_count < len(values)] or arrays[:1]
    types = [values.type for values in filled]
    most = max(types, key=types.count)
    return pa.chunked_array([values for values in filled if values.type == most], most)


def _common(found: list[Values]) -> Kind | None:
    filled = [(values, typed) for values, typed in found if values.null_count < len(values)] or found[:1]
    if len({(values.type, typed) for values, typed in filled}) == 1:
        chunks = [chunk for values, _ in filled for chunk in values.chunks]
        return infer_kind(pa.chunked_array(chunks, filled[0][0].type), typed=filled[0][1])
    votes: dict[Kind | None, int] = {}
    for values, typed in filled:
        kind = infer_kind(values, typed=typed)
        votes[kind] = votes.get(kind, 0) + len(values) - values.null_count
    return max(votes, key=lambda kind: votes[kind])
