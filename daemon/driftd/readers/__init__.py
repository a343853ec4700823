"""Bytes of a file to record batches, row errors and row identity.

The types, `supported` and `row_id` cost no import of pyarrow; what reads or writes imports it when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from driftd.readers.label_columns import delivered, has_label, label_columns
from driftd.readers.registry import supported
from driftd.readers.row_identity import row_id
from driftd.readers.types import BadRow, Batch, Column, FileReport, Kind, Schema, Span

if TYPE_CHECKING:
    from driftd.readers.batch_identity import row_digests, row_ids
    from driftd.readers.inference import infer
    from driftd.readers.reading import inspect, read, read_spans
    from driftd.readers.writing import append, write

__all__ = [
    "BadRow",
    "Batch",
    "Column",
    "FileReport",
    "Kind",
    "Schema",
    "Span",
    "append",
    "delivered",
    "has_label",
    "infer",
    "inspect",
    "label_columns",
    "read",
    "read_spans",
    "row_digests",
    "row_id",
    "row_ids",
    "supported",
    "write",
]

_LAZY = {
    "append": "writing",
    "infer": "inference",
    "inspect": "reading",
    "read": "reading",
    "read_spans": "reading",
    "row_digests": "batch_identity",
    "row_ids": "batch_identity",
    "write": "writing",
}


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
