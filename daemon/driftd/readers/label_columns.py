"""What a label is, and which rows have one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftd.errors import SchemaMismatchError
from driftd.readers.types import Kind, Schema

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa


def label_columns(schema: Schema, named: Sequence[str]) -> tuple[str, ...]:
    """Return the columns that are labels: those that the settings name, and entities."""
    return tuple(name for name, kind in schema.kinds.items() if name in named or kind is Kind.ENTITIES)


def delivered(schema: Schema, labels: Sequence[str], key: str | None) -> Schema:
    """Return the columns that a file of labels must have: the key or the whole row, and the labels."""
    if key is None:
        return schema
    if key not in schema.names:
        raise SchemaMismatchError(
            f"key: {key} is no column of the project's data", remedy=f"it has {', '.join(schema.names)}"
        )
    return schema.subset([key, *labels])


def has_label(batch: pa.RecordBatch, labels: Sequence[str]) -> pa.BooleanArray:
    """Tell of each row whether one of its labels is known."""
    import pyarrow.compute as pc

    known = [pc.is_valid(batch.column(name)) for name in labels]
    mask = known[0]
    for other in known[1:]:
        mask = pc.or_(mask, other)
    return mask
