"""Arrow IPC files and streams; Feather is the same thing by another name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from driftd.errors import UnreadableFileError
from driftd.readers import columnar, source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from driftd.readers.conform import Block
    from driftd.readers.registry import Name
    from driftd.readers.source import Mark
    from driftd.readers.types import Schema

SPARSE = False
MAGIC = b"ARROW1"


def blocks(path: str, name: Name, schema: Schema | None, start: Mark | None = None) -> Iterator[Block]:  # noqa: ARG001  # the file tells its types
    """Read record batches; a mark is the number of one."""
    if not source.check(path):
        raise UnreadableFileError(f"{path}: has 0 bytes, which no Arrow file has", remedy="have the file sent again")
    mark = start or source.Mark(0, 1)
    try:
        with pa.OSFile(path) as file:
            stored, found = _batches(file, mark.at)
            yield columnar.empty(path, stored, mark)
            for number, batch in enumerate(found, mark.at):
                batch.validate(full=True)  # offsets in a damaged file would point anywhere
                line = mark.line
                for first in range(0, batch.num_rows, columnar.ROWS):
                    yield columnar.block(batch.slice(first, columnar.ROWS), line + first, mark)
                mark = source.Mark(number + 1, line + batch.num_rows)
    except (pa.ArrowException, OSError) as error:
        raise source.damaged(path, "is no readable Arrow file", error) from error


def _batches(file: pa.NativeFile, first: int) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    magic = file.read(len(MAGIC))
    file.seek(0)
    if magic == MAGIC:
        reader = pa.ipc.open_file(file)
        return reader.schema, (reader.get_batch(number) for number in range(first, reader.num_record_batches))
    stream = pa.ipc.open_stream(file)
    for _ in range(first):
        stream.read_next_batch()
    return stream.schema, iter(stream)


def write(path: str, name: Name, schema: Schema, batches: Iterable[pa.RecordBatch], like: str | None) -> int:  # noqa: ARG001
    """Write rows as an Arrow file, in the types of `like`."""
    with columnar.fitted(batches, schema, _stored(like) if like else None) as (types, rows):
        return _write(path, types, rows)


def extend(path: str, name: Name, schema: Schema, batches: Iterable[pa.RecordBatch], old: str) -> int:  # noqa: ARG001
    """Copy a file's record batches and write rows behind them."""
    with columnar.fitted(batches, schema, _stored(old)) as (types, rows), pa.OSFile(old) as file:
        stored, found = _batches(file, 0)
        return _write(path, types, rows, before=columnar.in_types(found, types) if stored != types else found)


def _stored(path: str) -> pa.Schema:
    with pa.OSFile(path) as file:
        return _batches(file, 0)[0]


def _write(path: str, types: pa.Schema, rows: Iterable[pa.RecordBatch], before: Iterable[pa.RecordBatch] = ()) -> int:
    written = 0
    # each batch has a dictionary of its own, which the file form cannot hold
    with Path(path).open("wb") as sink, pa.ipc.new_file(sink, types) as writer:
        for batch in before:
            writer.write_batch(batch)
        for batch in rows:
            writer.write_batch(batch)
            written += batch.num_rows
    return written
