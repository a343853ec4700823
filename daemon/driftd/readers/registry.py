"""Which format a file has, by its name. Nothing here imports pyarrow."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import PurePath
from typing import TYPE_CHECKING, Protocol, cast

from driftd.errors import UnreadableFileError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pyarrow as pa

    from driftd.readers.conform import Block
    from driftd.readers.source import Mark
    from driftd.readers.types import Schema

SUFFIXES = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
}
MODULES = {  # a format's module in driftd.readers.formats
    "csv": "delimited",
    "tsv": "delimited",
    "parquet": "parquet",
    "arrow": "arrow",
    "jsonl": "jsonl",
    "json": "spacy_json",
}
COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
TEXT_FORMATS = frozenset({"csv", "tsv", "jsonl", "json"})


@dataclass(frozen=True)
class Name:
    """What a file's name says: its format, and the codec of a text format in pyarrow's words."""

    format: str
    codec: str | None = None


class Format(Protocol):
    """What the module of a format offers."""

    SPARSE: bool
    """Rows name their columns, so that one that the first rows lack may still come."""

    def blocks(self, path: str, name: Name, schema: Schema | None, start: Mark | None = None) -> Iterator[Block]:
        """Read a file, from a mark on, in the file's own types; the schema says which columns are wanted and as what."""

    def write(self, path: str, name: Name, schema: Schema, batches: Iterable[pa.RecordBatch], like: str | None) -> int:
        """Write a new file in the spelling of `like`, if there is one; return the number of rows."""

    def extend(self, path: str, name: Name, schema: Schema, batches: Iterable[pa.RecordBatch], old: str) -> int:
        """Write what the file `old` holds and rows behind it to a new file; return the number of rows added."""


def name_of(path: str) -> Name | None:
    """Read a file's name; None if it is of no form that driftd reads."""
    suffixes = [suffix.lower() for suffix in PurePath(path).suffixes]
    codec = COMPRESSIONS.get(suffixes[-1]) if suffixes else None
    if codec:
        suffixes.pop()
    found = SUFFIXES.get(suffixes[-1]) if suffixes else None
    if found is None or (codec and found not in TEXT_FORMATS):
        return None
    return Name(found, codec)


def supported(path: str) -> bool:
    """Say whether a file is of a form that driftd reads, by its name alone."""
    return name_of(path) is not None


def format_of(path: str) -> tuple[Name, Format]:
    """Find the format of a file and load its module."""
    name = name_of(path)
    if name is None:
        raise UnreadableFileError(
            f"{path}: no format that driftd reads has such a name",
            remedy=f"name it by one of {', '.join(SUFFIXES)} (text formats also with .gz or .zst)",
        )
    return name, cast("Format", import_module(f"driftd.readers.formats.{MODULES[name.format]}"))
