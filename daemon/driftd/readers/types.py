"""The words in which readers speak: plain data, without pyarrow, so that the idle daemon can hold them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    import pyarrow as pa

TEXT = "text"  # the column that entities point into, where there is one of this name


class Kind(StrEnum):
    """What a column holds; in brackets the Arrow type in which every reader delivers it."""

    NUMERIC = "numeric"  # float64
    CATEGORICAL = "categorical"  # dictionary<int32, string>
    BOOLEAN = "boolean"  # bool
    DATETIME = "datetime"  # timestamp[us, UTC]; without a zone a time is taken as UTC
    TEXT = "text"  # string
    VECTOR = "vector"  # list<float64>, such as an embedding
    ENTITIES = "entities"  # list<struct<start: int32, end: int32, label: string>>, null where nobody has labelled


@dataclass(frozen=True)
class Column:
    """One column of a schema; an optional one may be missing in a file and is then null (labels that come late)."""

    name: str
    kind: Kind
    optional: bool = False


@dataclass(frozen=True)
class Schema:
    """The columns that a file has to offer, in their order."""

    columns: tuple[Column, ...]

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @cached_property
    def kinds(self) -> dict[str, Kind]:
        return {column.name: column.kind for column in self.columns}

    def subset(self, names: Iterable[str]) -> Schema:
        """Keep the columns of these names, in the schema's order."""
        keep = set(names)
        return Schema(tuple(column for column in self.columns if column.name in keep))

    def with_optional(self, names: Collection[str]) -> Schema:
        """Let these columns be missing."""
        return Schema(
            tuple(Column(column.name, column.kind, column.optional or column.name in names) for column in self.columns)
        )

    def of_kind(self, kind: Kind) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if column.kind is kind)

    @property
    def text_of_entities(self) -> str | None:
        """The column that entities point into: `text`, or the only one of kind text."""
        from driftd.profile.words import text_of_entities

        return text_of_entities(self.of_kind(Kind.TEXT))

    def to_json(self) -> list[dict[str, Any]]:
        return [
            {"name": column.name, "kind": column.kind.value} | ({"optional": True} if column.optional else {})
            for column in self.columns
        ]

    @classmethod
    def from_json(cls, columns: Sequence[dict[str, Any]]) -> Schema:
        return cls(tuple(Column(each["name"], Kind(each["kind"]), each.get("optional", False)) for each in columns))


@dataclass(frozen=True)
class BadRow:
    """A row that was set aside: its line in the file (its row in columnar files), both from 1, and why."""

    line: int
    reason: str


@dataclass(frozen=True)
class Batch:
    """Good rows that follow each other in a file, and the bad ones found on the way."""

    rows: pa.RecordBatch
    bad: tuple[BadRow, ...] = ()


@dataclass(frozen=True)
class Span:
    """Good rows `first` to `first + rows - 1` of a file, counted from 0 and without the bad ones."""

    path: str
    first: int
    rows: int
    labels: str | None = None  # where labels are that came later than the file


@dataclass(frozen=True)
class FileReport:
    """What a file holds that was read to its end; `bad` names the first of its `bad_rows`."""

    rows: int
    bad_rows: int
    bad: tuple[BadRow, ...]
    extra: tuple[str, ...]
    schema: Schema
    unlabelled: int = 0  # rows of which no label is known
