"""Row identity of whole record batches."""

from __future__ import annotations

import json
from hashlib import sha256
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from driftd.readers.conversion import is_vector
from driftd.readers.row_identity import EXACT, canonical_number, vector_text

if TYPE_CHECKING:
    from collections.abc import Collection


def row_ids(batch: pa.RecordBatch, labels: Collection[str] = ()) -> list[str]:
    """Return the identity of each row; see `identity` for what it is."""
    return [text.hex() for text in row_digests(batch, labels)]


def row_digests(batch: pa.RecordBatch, labels: Collection[str] = ()) -> list[bytes]:
    """Return the identity of each row as its 32 bytes."""
    names = sorted(
        field.name
        for field in batch.schema
        if field.name not in labels and (is_vector(field.type) or not pa.types.is_list(field.type))
    )
    columns = [_fragments(batch.column(name)) for name in names]
    keys = [json.dumps(name, ensure_ascii=False).replace("%", "%%") for name in names]
    form = "{" + ",".join(f"{key}:%s" for key in keys) + "}"
    rows = zip(*columns, strict=True) if columns else [()] * batch.num_rows
    return [sha256((form % row).encode()).digest() for row in rows]


def _fragments(values: pa.Array) -> list[str]:
    """Return each value as JSON."""
    if pa.types.is_dictionary(values.type):
        names = _fragments(values.dictionary)
        return [names[index] if index is not None else "null" for index in values.indices.to_pylist()]
    if pa.types.is_boolean(values.type):
        return [_CONSTANTS[value] for value in values.to_pylist()]
    if pa.types.is_timestamp(values.type) or pa.types.is_date(values.type):
        times = pc.strftime(values.cast(pa.timestamp("us")), "%Y-%m-%dT%H:%M:%SZ")
        return [_string(value) for value in times.to_pylist()]
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        return [_string(value) for value in values.to_pylist()]
    if is_vector(values.type):
        return ["null" if value is None else vector_text(value) for value in values.to_pylist()]
    return _numbers(values)


def _numbers(values: pa.Array) -> list[str]:
    """Return numbers as JSON; missing, NaN and infinity are null."""
    if not pa.types.is_float64(values.type):
        return [_number(value) for value in values.to_pylist()]
    numbers = values.to_numpy(zero_copy_only=False) + 0.0  # there is one zero
    texts = list(map(repr, numbers.tolist()))
    for place in np.flatnonzero((np.abs(numbers) < EXACT) & (numbers == np.floor(numbers))).tolist():
        texts[place] = texts[place].removesuffix(".0")
    for place in np.flatnonzero(~np.isfinite(numbers)).tolist():
        texts[place] = "null"
    return texts


_CONSTANTS: dict[Any, str] = {None: "null", True: "true", False: "false"}


def _string(value: str | None) -> str:
    return "null" if value is None else encode_basestring(value)


def _number(value: float | None) -> str:
    number = None if value is None else canonical_number(value)
    return "null" if number is None else json.dumps(number)
