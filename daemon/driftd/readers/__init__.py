"""Bytes of a file to record batches, row errors and row identity.

The types and `supported` cost no import of pyarrow; whatever reads or writes imports it when it is called.
"""

from driftd.readers.types import BadRow, Batch, Column, FileReport, Kind, Schema, Span

__all__ = ["BadRow", "Batch", "Column", "FileReport", "Kind", "Schema", "Span"]
