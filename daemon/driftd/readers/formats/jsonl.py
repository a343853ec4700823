"""JSONL tables: an object a line, a key a column. Lines with labelled spans go to entity_jsonl."""

from __future__ import annotations

import json
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec
import pyarrow as pa

from driftd.readers import conversion, source
from driftd.readers.conform import Block
from driftd.readers.formats import entity_jsonl, json_columns, json_lines
from driftd.readers.types import Kind, Schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from driftd.readers.registry import Name
    from driftd.readers.source import Chunk, Mark

SPARSE = True
HEAD = 100  # lines that are looked at to see what a file holds


def blocks(path: str, name: Name, schema: Schema | None, start: Mark | None = None) -> Iterator[Block]:
    """Read a chunk of lines at a time."""
    chunks = source.chunks(path, name, start)
    first = next(chunks, None)
    if first is None:
        return
    head = _head(first)
    entities = bool(schema.of_kind(Kind.ENTITIES)) if schema else entity_jsonl.recognised(head)
    read = entity_jsonl.Reader(schema) if entities else _Table(schema, head) if schema else _raw
    for chunk in _again(first, chunks):
        yield read(chunk)


def _again(first: Chunk, rest: Iterator[Chunk]) -> Iterator[Chunk]:
    yield first
    yield from rest


def _head(chunk: Chunk) -> list[dict[str, Any]]:
    found = []
    for line in islice(chunk.lines(), HEAD):
        try:
            found.append(json_lines.untyped(line))
        except json_lines.WrongRowError:
            continue
    return found


class _Refusing:
    """Leaves every line to the repair."""

    def decode(self, _: bytes | memoryview, /) -> NoReturn:
        raise ValueError

    decode_lines = decode


class _Table:
    """Reads chunks with a decoder made for a schema."""

    def __init__(self, schema: Schema, head: list[dict[str, Any]]) -> None:
        self._schema = schema
        self._extra: dict[str, None] = {key: None for row in head for key in row if key not in schema.kinds}
        fields = [(f"c{i}", json_columns.DECODED[column.kind], None) for i, column in enumerate(schema.columns)]
        # msgspec takes no name that JSON would have to escape; such rows are read line by line
        plain = all(json.dumps(name, ensure_ascii=False) == f'"{name}"' for name in schema.names)
        keys = {f"c{i}": column.name for i, column in enumerate(schema.columns)} if plain else None
        self._row = msgspec.defstruct("Row", fields, rename=keys, gc=False)
        self._decoder: json_lines.Decoder[Any] = msgspec.json.Decoder(self._row) if plain else _Refusing()
        self._bad_cells: dict[str, conversion.Bad] = {}

    def __call__(self, chunk: Chunk) -> Block:
        self._bad_cells = {}
        found = json_lines.decode(chunk, self._decoder, self._repair)
        columns = {}
        for i, column in enumerate(self._schema.columns):
            values = list(map(attrgetter(f"c{i}"), found.rows))
            array = json_columns.column(values, column.kind)
            if array.null_count < len(array) or column.name in self._bad_cells or _names(chunk, column.name):
                columns[column.name] = array
        columns |= {name: pa.nulls(len(found.rows)) for name in self._extra}
        self._extra = {}
        return Block(columns, len(found.rows), found.line, chunk.start, tuple(found.bad), self._bad_cells)

    def _repair(self, row: int, line: bytes, error: Exception) -> Any:
        values = json_lines.untyped(line, error)
        kept = []
        for column in self._schema.columns:
            value = values.get(column.name)
            try:
                kept.append(json_columns.cell(value, column.kind))
            except ValueError:
                kept.append(None)
                self._bad_cells.setdefault(column.name, {})[row] = conversion.shown(value)
        return self._row(*kept)


def _names(chunk: Chunk, column: str) -> bool:
    """Say whether some line has this key, though with nothing behind it."""
    for line in chunk.lines():
        try:
            if column in json_lines.untyped(line):
                return True
        except json_lines.WrongRowError:
            continue
    return False


_UNTYPED = msgspec.json.Decoder(dict[str, Any])


def _raw(chunk: Chunk) -> Block:
    found = json_lines.decode(chunk, _UNTYPED, lambda _, line, error: json_lines.untyped(line, error))
    keys = {key: None for row in found.rows for key in row}
    columns = {key: json_columns.raw_column([row.get(key) for row in found.rows]) for key in keys}
    kept = {key: column for key, column in columns.items() if column is not None}
    return Block(kept, len(found.rows), found.line, chunk.start, tuple(found.bad))


def write(path: str, name: Name, schema: Schema, batches: Iterable[pa.RecordBatch], like: str | None) -> int:  # noqa: ARG001  # JSON has one spelling
    """Write an object a line."""
    with source.created(path, name) as sink:
        return _written(sink, schema, batches)


def extend(path: str, name: Name, schema: Schema, batches: Iterable[pa.RecordBatch], old: str) -> int:
    """Copy a file and write lines behind it."""
    with source.created(path, name) as sink, source.opened(old, name) as stream:
        if source.copied(stream, sink) not in (b"", b"\n"):
            sink.write(b"\n")
        return _written(sink, schema, batches)


def _written(sink: pa.NativeFile, schema: Schema, batches: Iterable[pa.RecordBatch]) -> int:
    encoder = msgspec.json.Encoder()
    rows = 0
    for batch in batches:
        columns = [json_columns.values(batch.column(name)) for name in schema.names]
        unlabelled = schema.of_kind(Kind.ENTITIES)
        for row in zip(*columns, strict=True):
            values = dict(zip(schema.names, row, strict=True))
            sink.write(
                encoder.encode({k: v for k, v in values.items() if v is not None or k not in unlabelled}) + b"\n"
            )
        rows += batch.num_rows
    return rows
