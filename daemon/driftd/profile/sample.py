"""A bounded sample of rows that depends on the rows alone, never on how they are cut into batches."""

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa

LIMIT = 1 << 16


def systematic(batches: Iterable[pa.RecordBatch], limit: int = LIMIT) -> pa.RecordBatch | None:
    """Return every 2^k-th row with the least k that leaves at most `limit` rows, in order; None without any batch."""
    kept: list[tuple[np.ndarray, pa.RecordBatch]] = []
    stride, seen = 1, 0
    for batch in batches:
        rows = np.arange(seen, seen + batch.num_rows)
        seen += batch.num_rows
        kept.append(_thin(rows, batch, stride))
        while -(-seen // stride) > limit:
            stride *= 2
            kept = [_thin(rows, part, stride) for rows, part in kept]
    if not kept:
        return None
    table = pa.Table.from_batches([part for _, part in kept]).unify_dictionaries().combine_chunks()
    parts = table.to_batches()
    return parts[0] if parts else kept[0][1]


def first_half(rows: int, limit: int = LIMIT) -> int:
    """Return how many rows come before the second half of their systematic sample."""
    stride = 1
    while -(-rows // stride) > limit:
        stride *= 2
    return -(-rows // stride) // 2 * stride


def first_rows(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.RecordBatch]:
    """Yield so many rows."""
    for batch in batches:
        if rows <= 0:
            return
        yield batch.slice(0, rows)
        rows -= batch.num_rows


def skipped(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.RecordBatch]:
    """Yield what comes after so many rows."""
    for batch in batches:
        yield batch.slice(min(rows, batch.num_rows))
        rows -= min(rows, batch.num_rows)


def _thin(rows: np.ndarray, batch: pa.RecordBatch, stride: int) -> tuple[np.ndarray, pa.RecordBatch]:
    if stride == 1:
        return rows, batch
    chosen = rows % stride == 0
    return rows[chosen], batch.filter(pa.array(chosen))
