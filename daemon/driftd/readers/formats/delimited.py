"""CSV and TSV: pyarrow parses a chunk at once; a chunk that it refuses is looked at row by row."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.csv

from driftd.concurrency import ahead
from driftd.errors import UnreadableFileError
from driftd.readers import conversion, source
from driftd.readers.conform import Block
from driftd.readers.formats import csv_rendering
from driftd.readers.formats.csv_records import last_end, record_ends
from driftd.readers.formats.csv_recovery import Records, strings
from driftd.readers.registry import format_of
from driftd.readers.types import BadRow, Kind, Schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from driftd.readers.registry import Name
    from driftd.readers.source import Chunk, Mark

SPARSE = False
DELIMITERS = {"csv": ",", "tsv": "\t"}
TRUE, FALSE = ["true", "True", "TRUE", "1"], ["false", "False", "FALSE", "0"]
WANTED = {Kind.NUMERIC: pa.float64(), Kind.BOOLEAN: pa.bool_(), Kind.CATEGORICAL: conversion.ARROW[Kind.CATEGORICAL]}


def blocks(path: str, name: Name, schema: Schema | None, start: Mark | None = None) -> Iterator[Block]:
    """Read a chunk of rows at a time, some chunks at once."""
    delimiter = DELIMITERS[name.format]
    cut = partial(last_end, delimiter=ord(delimiter))
    header = _header(path, name, delimiter)
    if header is None:
        return
    names, body = header
    table = _Table(delimiter, names, schema)
    if start is None:
        yield table.none(body)
    yield from ahead(table, source.chunks(path, name, start or body, cut))


def _header(path: str, name: Name, delimiter: str) -> tuple[list[str], Mark] | None:
    """Return the names in the first row and where the second one begins; None if the file is empty."""
    cut = partial(_first_end, delimiter=ord(delimiter))
    for chunk in source.chunks(path, name, None, cut):
        if chunk.bad:
            raise UnreadableFileError(f"{path}: its first row, which names the columns, is no row: {chunk.bad}")
        text = bytes(chunk.data)
        mark = source.Mark(chunk.start.at + len(text), chunk.start.line + source.newlines(text, len(text)))
        if not text.strip():
            continue
        parsed = strings(text, delimiter)
        try:
            names = [] if parsed is None else [column[0].as_py().decode().strip() for column in parsed.columns]
        except UnicodeDecodeError as error:
            raise UnreadableFileError(
                f"{path}: the names of its columns are not UTF-8", remedy="write UTF-8"
            ) from error
        if len(set(names)) < len(names):
            twice = next(each for each in names if names.count(each) > 1)
            raise UnreadableFileError(
                f"{path}: its first row names {twice!r} twice", remedy="rename one of the columns"
            )
        return names, mark
    return None


def _first_end(data: bytearray, end: int, delimiter: int) -> int:
    ends = record_ends(np.frombuffer(data, np.uint8, end), delimiter)
    return int(ends[0]) if len(ends) else 0


def write(path: str, name: Name, schema: Schema, batches: Iterable[pa.RecordBatch], like: str | None) -> int:
    """Write rows as text; null is an empty cell."""
    delimiter = DELIMITERS[name.format]
    spelling = _spelling(like, schema, delimiter) if like else csv_rendering.Spelling(delimiter, list(schema.names))
    with source.created(path, name) as sink:
        sink.write(spelling.header())
        return _written(sink, spelling, batches)


def extend(path: str, name: Name, schema: Schema, batches: Iterable[pa.RecordBatch], old: str) -> int:
    """Copy a file and write rows behind it, in its order of columns."""
    spelling = _spelling(old, schema, DELIMITERS[name.format])
    with source.created(path, name) as sink, source.opened(old, name) as stream:
        last = source.copied(stream, sink)
        if not last:
            sink.write(spelling.header())
        elif last not in b"\r\n":
            sink.write(b"\n")
        return _written(sink, spelling, batches)


def _written(sink: pa.NativeFile, spelling: csv_rendering.Spelling, batches: Iterable[pa.RecordBatch]) -> int:
    rows = 0
    for batch in batches:
        sink.write(spelling.lines(batch))
        rows += batch.num_rows
    return rows


def _spelling(path: str, schema: Schema, delimiter: str) -> csv_rendering.Spelling:
    """Learn from the first rows of a file how it is written."""
    name, _ = format_of(path)
    header = _header(path, name, delimiter)
    if header is None:
        return csv_rendering.Spelling(delimiter, list(schema.names))
    spelled = {*schema.of_kind(Kind.DATETIME), *schema.of_kind(Kind.BOOLEAN)}
    examples: dict[str, str] = {}
    for block in islice(blocks(path, name, None), 2):
        for column in spelled & set(block.columns):
            values = conversion.parse(block.columns[column], Kind.TEXT)[0].drop_null()
            if len(values):
                examples[column] = values[0].as_py()
    return csv_rendering.Spelling(delimiter, header[0], examples)


@dataclass
class _Table:
    """Parses chunks of a file with these columns."""

    delimiter: str
    names: list[str]
    schema: Schema | None

    def __post_init__(self) -> None:
        kinds = self.schema.kinds if self.schema else dict.fromkeys(self.names, Kind.TEXT)
        self._wanted = [name for name in self.names if name in kinds]
        self._converting = pa.csv.ConvertOptions(
            include_columns=self._wanted,
            column_types={name: WANTED.get(kinds[name], pa.string()) for name in self._wanted},
            null_values=conversion.NULLS,
            true_values=TRUE,
            false_values=FALSE,
        )

    def none(self, mark: Mark) -> Block:
        """Tell the columns of the file."""
        return Block({name: pa.nulls(0, pa.string()) for name in self.names}, 0, lambda row: row + 1, mark, typed=False)

    def __call__(self, chunk: Chunk) -> Block:
        if chunk.bad:
            return self._block({}, 0, int, chunk, (BadRow(chunk.start.line, chunk.bad),))
        try:
            table = self._parse(chunk)
        except pa.ArrowInvalid:
            return self._careful(chunk)
        columns = {name: _whole(table.column(name)) for name in self._wanted}
        records = cache(lambda: Records(self.delimiter, chunk))  # only bad rows need it, and all of them the same
        return self._block(columns, table.num_rows, lambda row: int(records().lines[row]), chunk)

    def _parse(self, chunk: Chunk) -> pa.Table:
        if chunk.last and chunk.count(b'"') % 2:
            raise pa.ArrowInvalid("a quote is not closed")
        options = pa.csv.ReadOptions(column_names=self.names, use_threads=False, block_size=chunk.size + 1)
        parsing = pa.csv.ParseOptions(delimiter=self.delimiter)
        return pa.csv.read_csv(pa.BufferReader(chunk.data), options, parsing, self._converting)

    def _careful(self, chunk: Chunk) -> Block:
        records = Records(self.delimiter, chunk)
        table, bad = records.parse(self.names)
        lines = np.delete(records.lines, list(bad))
        columns = {name: _whole(table.column(name)) for name in self._wanted}
        reasons = tuple(BadRow(int(records.lines[row]), reason) for row, reason in sorted(bad.items()))
        return self._block(columns, table.num_rows, lambda row: int(lines[row]), chunk, reasons)

    def _block(
        self,
        columns: dict[str, pa.Array],
        rows: int,
        line: Callable[[int], int],
        chunk: Chunk,
        bad: tuple[BadRow, ...] = (),
    ) -> Block:
        columns = columns or {name: pa.nulls(rows, pa.string()) for name in self._wanted}
        return Block(columns, rows, line, chunk.start, bad, typed=False)


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else pa.nulls(0, column.type)
