"""Rows to files in a dataset's own form."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from driftd.readers.reading import inspect, read
from driftd.readers.registry import format_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import pyarrow as pa

    from driftd.readers.types import Schema


def write(path: str, schema: Schema, batches: Iterable[pa.RecordBatch], *, like: str | None = None) -> int:
    """Write rows to a new file in the form that its name says; return how many.

    With `like`, a file of the same form, its spelling is kept: the order of the columns, how times and truth values are written, the types
    of a columnar file. Columns that are not in the schema are left out.
    """
    name, form = format_of(path)
    return form.write(path, name, schema, batches, like)


def append(dataset: str, files: Sequence[str], schema: Schema) -> int:
    """Add the good rows of files to a dataset that is a single file; return how many good rows it has then.

    The file is replaced, never changed: another name for it, such as a cache's link, keeps what it had.
    """
    name, form = format_of(dataset)
    folder = Path(dataset).parent
    with tempfile.TemporaryDirectory(prefix=".", dir=folder) as temporary:
        new = str(Path(temporary) / Path(dataset).name)
        form.extend(new, name, schema, _rows(files, schema), dataset)
        rows = inspect(new, schema, max_bad_ratio=1.0).rows
        Path(new).chmod(Path(dataset).stat().st_mode)
        Path(new).replace(dataset)
    return rows


def _rows(files: Sequence[str], schema: Schema) -> Iterator[pa.RecordBatch]:
    for path in files:
        for batch in read(path, schema):
            yield batch.rows
