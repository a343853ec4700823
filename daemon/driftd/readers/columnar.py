"""What Parquet and Arrow files share: typed record batches, and rows written in the types of an existing file."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from driftd.errors import UnreadableFileError
from driftd.readers.conform import Block, arrow_schema
from driftd.readers.types import Kind, Schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from driftd.readers.source import Mark

ROWS = 65536  # rows that are read at a time


def block(batch: pa.RecordBatch, line: int, mark: Mark) -> Block:
    """Wrap a record batch whose first row is row `line` of its file."""
    return Block(
        dict(zip(batch.schema.names, batch.columns, strict=True)), batch.num_rows, lambda row: line + row, mark
    )


def empty(path: str, stored: pa.Schema, mark: Mark) -> Block:
    """Tell the columns of a file before its rows, so that one without rows is judged as well."""
    twice = {name for name in stored.names if stored.names.count(name) > 1}
    if twice:
        raise UnreadableFileError(f"{path}: has two columns {min(twice)}", remedy="rename one of them")
    return Block({field.name: pa.nulls(0, field.type) for field in stored}, 0, lambda row: row + 1, mark)


@contextmanager
def fitted(
    batches: Iterable[pa.RecordBatch], schema: Schema, stored: pa.Schema | None
) -> Iterator[tuple[pa.Schema, Iterator[pa.RecordBatch]]]:
    """Give the types in which rows are to be written, and the rows in them.

    The types are those of an existing file, which may have columns of its own; an integer type becomes double where a row holds a fraction.
    The rows pass through a temporary file, since only the last one tells.
    """
    with tempfile.TemporaryFile() as file:
        fractions = set()
        with pa.ipc.new_stream(file, arrow_schema(schema)) as spool:
            for batch in batches:
                spool.write_batch(batch)
                fractions |= {name for name in schema.of_kind(Kind.NUMERIC) if _has_fraction(batch.column(name))}
        file.seek(0)
        types = _types(schema, stored, fractions)
        with pa.ipc.open_stream(file) as rows:
            yield types, in_types(rows, types)


def _has_fraction(values: pa.Array) -> bool:
    return not pc.all(pc.equal(values, pc.trunc(values)), min_count=0).as_py()


def _types(schema: Schema, stored: pa.Schema | None, fractions: set[str]) -> pa.Schema:
    if stored is None:
        # as strings: not every reader takes a dictionary for what it stands for
        kinds = schema.kinds
        return pa.schema(
            pa.field(f.name, pa.string() if kinds[f.name] is Kind.CATEGORICAL else f.type) for f in arrow_schema(schema)
        )
    fields = [
        field.with_type(pa.float64()) if field.name in fractions and not pa.types.is_floating(field.type) else field
        for field in stored
    ]
    return pa.schema(fields, stored.metadata)


def in_types(batches: Iterable[pa.RecordBatch], types: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Cast rows to these types; a column that they do not have is null."""
    for batch in batches:
        arrays = [
            _cast(batch.column(field.name), field.type)
            if field.name in batch.schema.names
            else pa.nulls(batch.num_rows, field.type)
            for field in types
        ]
        yield pa.RecordBatch.from_arrays(arrays, schema=types)


def _cast(values: pa.Array, wanted: pa.DataType) -> pa.Array:
    if values.type == wanted:
        return values
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if pa.types.is_dictionary(wanted):
        return values.cast(wanted.value_type).dictionary_encode().cast(wanted)
    return values.cast(wanted, safe=not pa.types.is_floating(wanted))
