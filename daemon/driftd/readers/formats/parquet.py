"""Parquet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from driftd.errors import UnreadableFileError
from driftd.readers import columnar, source
from driftd.readers.types import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from driftd.readers.conform import Block
    from driftd.readers.registry import Name
    from driftd.readers.source import Mark
    from driftd.readers.types import Schema

SPARSE = False


def blocks(path: str, name: Name, schema: Schema | None, start: Mark | None = None) -> Iterator[Block]:  # noqa: ARG001  # the file tells its types
    """Read row groups, a piece at a time; a mark is a row group."""
    if not source.check(path):
        raise UnreadableFileError(f"{path}: has 0 bytes, which no Parquet file has", remedy="have the file sent again")
    mark = start or source.Mark(0, 1)
    try:
        stored = pq.read_schema(path)
        categories = [each for each in (schema.of_kind(Kind.CATEGORICAL) if schema else ()) if each in stored.names]
        with pq.ParquetFile(path, read_dictionary=categories, pre_buffer=False) as file:
            yield columnar.empty(path, stored, mark)
            wanted = [each for each in stored.names if schema is None or each in schema.kinds]
            for group in range(mark.at, file.num_row_groups):
                line = mark.line
                for batch in file.iter_batches(columnar.ROWS, row_groups=[group], columns=wanted):
                    batch.validate(full=True)  # pyarrow hands on bytes that are no UTF-8 as text
                    yield columnar.block(batch, line, source.Mark(group, mark.line))
                    line += batch.num_rows
                mark = source.Mark(group + 1, line)
    except (pa.ArrowException, OSError) as error:
        raise source.damaged(path, "is no readable Parquet file", error) from error


def write(path: str, name: Name, schema: Schema, batches: Iterable[pa.RecordBatch], like: str | None) -> int:  # noqa: ARG001
    """Write rows as a Parquet file, in the types of `like`."""
    with columnar.fitted(batches, schema, pq.read_schema(like) if like else None) as (types, rows):
        return _write(path, types, rows)


def extend(path: str, name: Name, schema: Schema, batches: Iterable[pa.RecordBatch], old: str) -> int:  # noqa: ARG001
    """Copy a file's rows and write rows behind them."""
    with columnar.fitted(batches, schema, pq.read_schema(old)) as (types, rows), pq.ParquetFile(old) as file:
        return _write(path, types, rows, before=columnar.in_types(file.iter_batches(columnar.ROWS), types))


def _write(path: str, types: pa.Schema, rows: Iterable[pa.RecordBatch], before: Iterable[pa.RecordBatch] = ()) -> int:
    written = 0
    with pq.ParquetWriter(path, types) as writer:
        for batch in before:
            writer.write_batch(batch)
        for batch in rows:
            writer.write_batch(batch)
            written += batch.num_rows
    return written
