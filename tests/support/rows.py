"""Rows for tests of profiles and detection, as the readers would deliver them."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from driftd.readers import Column, Kind, Schema

TYPES = {
    Kind.NUMERIC: pa.float64(),
    Kind.CATEGORICAL: pa.dictionary(pa.int32(), pa.string()),
    Kind.BOOLEAN: pa.bool_(),
    Kind.DATETIME: pa.timestamp("us", "UTC"),
    Kind.TEXT: pa.string(),
    Kind.VECTOR: pa.list_(pa.float64()),
    Kind.ENTITIES: pa.list_(pa.struct([("start", pa.int32()), ("end", pa.int32()), ("label", pa.string())])),
}


def batch(**columns: tuple[Kind, Sequence[Any]]) -> tuple[pa.RecordBatch, Schema]:
    """Make one batch and its schema: batch(x=(Kind.NUMERIC, [1.0, None]))."""
    arrays = []
    for kind, values in columns.values():
        plain = pa.array(values, pa.string() if kind is Kind.CATEGORICAL else TYPES[kind])
        arrays.append(plain.dictionary_encode() if kind is Kind.CATEGORICAL else plain)
    schema = Schema(tuple(Column(name, kind) for name, (kind, _) in columns.items()))
    return pa.RecordBatch.from_arrays(arrays, list(columns)), schema


def numbers(values: Mapping[str, np.ndarray] | np.ndarray) -> tuple[pa.RecordBatch, Schema]:
    """Make a batch of numeric columns from arrays; a table (rows, columns) gets the names c0, c1, ..."""
    if isinstance(values, np.ndarray):
        table = values if values.ndim > 1 else values[:, None]
        values = {f"c{i}": table[:, i] for i in range(table.shape[1])}
    return batch(**{name: (Kind.NUMERIC, each) for name, each in values.items()})


def pieces(rows: pa.RecordBatch, cuts: Sequence[int]) -> list[pa.RecordBatch]:
    """Cut a batch at these rows."""
    bounds = [0, *sorted(min(cut, rows.num_rows) for cut in cuts), rows.num_rows]
    return [rows.slice(start, end - start) for start, end in pairwise(bounds)]
