"""Labels that came later than their rows: a small table beside a file, by the number of the row in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROW = "row"


def write_overlay(rows: pa.Array, labels: pa.RecordBatch) -> bytes:
    """Return the labels of rows, whose numbers rise, as bytes."""
    table = pa.Table.from_arrays([rows, *labels.columns], names=[ROW, *labels.schema.names])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as out:
        out.write_table(table)
    return bytes(sink.getvalue())


def read_overlay(path: str) -> pa.RecordBatch:
    """Read what `write_overlay` has made."""
    table = pa.ipc.open_file(pa.BufferReader(Path(path).read_bytes())).read_all()
    return table.combine_chunks().to_batches()[0]


def laid_over(path: str, first: int, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Put labels in the place of those that rows of a file lack, from its row `first` on."""
    overlay = read_overlay(path)
    rows = overlay.column(ROW).to_numpy()
    for batch in batches:
        begin, end = np.searchsorted(rows, [first, first + batch.num_rows])
        yield _filled(batch, overlay.slice(begin, end - begin), rows[begin:end] - first) if end > begin else batch
        first += batch.num_rows


def _filled(batch: pa.RecordBatch, overlay: pa.RecordBatch, places: np.ndarray) -> pa.RecordBatch:
    source = np.arange(batch.num_rows)
    source[places] = batch.num_rows + np.arange(len(places))
    columns = list(batch.columns)
    for number, name in enumerate(batch.schema.names):
        if name in overlay.schema.names:
            both = pa.chunked_array([columns[number], overlay.column(name)]).unify_dictionaries()
            columns[number] = pa.concat_arrays(both.chunks).take(pa.array(source))
    return pa.RecordBatch.from_arrays(columns, schema=batch.schema)
