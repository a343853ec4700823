"""Blocks of a file to batches of a schema: what every format has in common."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn

import pyarrow as pa
import pyarrow.compute as pc

from driftd.errors import SchemaMismatchError
from driftd.readers import conversion
from driftd.readers.types import BadRow, Batch, Column, Kind, Schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from driftd.readers.source import Mark

ENOUGH = 1000  # cells of a column after which a file of another kind need not be read to its end


@dataclass(frozen=True)
class Block:
    """Rows as a format found them, in the file's own types."""

    columns: Mapping[str, pa.Array]
    rows: int
    line: Callable[[int], int]
    """The line of a row of this block."""
    mark: Mark
    """Where the block begins."""
    bad: tuple[BadRow, ...] = ()
    bad_cells: Mapping[str, conversion.Bad] = field(default_factory=dict)
    """Cells that are null in `columns` because the format could not read them."""
    place: Callable[[int], str] | None = None
    """Where a row is, in words, if its line says little."""
    typed: bool = True
    """False where the file knows no types (CSV) and text has to be parsed."""
    lacking: frozenset[str] = frozenset()
    """Columns for want of which rows are bad."""


@dataclass
class _Tally:
    cells: int = 0
    bad: int = 0
    seen: bool = False
    example: tuple[str, int] = ("", 0)


@dataclass
class Conformer:
    """Brings the blocks of one file to a schema.

    A cell that is not of its column's kind makes a bad row. A column is of another kind when its type in the file says so, or when more
    than half of its cells that are not null cannot be read: over the whole file, or already after `ENOUGH` cells.
    """

    path: str
    schema: Schema
    sparse: bool = False
    extra: dict[str, None] = field(default_factory=dict)
    whole: bool = True
    """False where reading begins in the middle: what is left of a file says nothing of its columns."""
    _lacking: set[str] = field(default_factory=set)
    _tallies: dict[str, _Tally] = field(default_factory=dict)

    def batch(self, block: Block) -> Batch:
        """Convert one block."""
        if not self.schema.columns and block.rows:
            raise SchemaMismatchError(
                f"{self.path}: no column is of a kind that driftd reads",
                remedy="write a value or a list of numbers, no object, a cell",
            )
        self.extra |= dict.fromkeys(name for name in block.columns if name not in self.schema.kinds)
        self._lacking |= set(self.schema.names) if block.rows else block.lacking
        reasons: dict[int, str] = {}
        arrays = {column.name: self._column(column, block, reasons) for column in self.schema.columns}
        for name in self.schema.names if self.whole else ():
            self._judge(name, enough=ENOUGH)
        self._check_entities(arrays, reasons)
        rows = pa.RecordBatch.from_arrays(list(arrays.values()), schema=arrow_schema(self.schema))
        bad = block.bad
        if reasons:
            rows = rows.filter(pa.array([row not in reasons for row in range(block.rows)], pa.bool_()))
            place = block.place or (lambda _: "")
            bad += tuple(BadRow(block.line(row), place(row) + reason) for row, reason in reasons.items())
        return Batch(rows, tuple(sorted(bad, key=lambda each: each.line)))

    def finish(self) -> None:
        """Judge the columns once the file was read to its end."""
        for column in self.schema.columns:
            tally = self._tallies.get(column.name)
            if tally is None:
                continue
            if not tally.seen and column.name in self._lacking and not _may_lack(column):
                self._missing(column)
            self._judge(column.name, enough=1)

    def _column(self, column: Column, block: Block, reasons: dict[int, str]) -> pa.Array:
        tally = self._tallies.setdefault(column.name, _Tally())
        values = block.columns.get(column.name)
        if values is None:
            if not (self.sparse or _may_lack(column)):
                self._missing(column)
            return pa.nulls(block.rows, conversion.ARROW[column.kind])
        tally.seen = True
        if block.typed and values.null_count < len(values) and not conversion.fits(values.type, column.kind):
            self._retyped(column, values, block)
        array, bad = conversion.convert(values, column.kind) if block.typed else conversion.parse(values, column.kind)
        bad = {**block.bad_cells.get(column.name, {}), **bad}
        tally.cells += len(array) - array.null_count + len(bad)
        if bad and not tally.bad:
            first = min(bad)
            tally.example = (bad[first], block.line(first))
        tally.bad += len(bad)
        for row, cell in bad.items():
            reasons.setdefault(row, f"column {column.name}: {cell} is not {conversion.NOUN[column.kind]}")
        return array

    def _check_entities(self, arrays: dict[str, pa.Array], reasons: dict[int, str]) -> None:
        for name in self.schema.of_kind(Kind.ENTITIES):
            text = arrays.get(self.schema.text_of_entities or "")
            for row, reason in conversion.misplaced(arrays[name], text).items():
                reasons.setdefault(row, reason)

    def _judge(self, name: str, *, enough: int) -> None:
        tally = self._tallies[name]
        if tally.cells >= enough and tally.bad * 2 > tally.cells:
            cell, line = tally.example
            self._mismatch(name, f"{tally.bad} of {tally.cells} values are not, such as {cell} in line {line}")

    def _retyped(self, column: Column, values: pa.Array, block: Block) -> NoReturn:
        row = pc.index(values.is_valid(), value=True).as_py()
        cell = conversion.shown(values[row].as_py())
        self._mismatch(column.name, f"the file has {values.type} there, such as {cell} in row {block.line(row)}")

    def _mismatch(self, name: str, found: str) -> NoReturn:
        raise SchemaMismatchError(
            f"{self.path}: column {name} should be {self.schema.kinds[name].value}, but {found}",
            remedy="correct the file, or set the column's kind under `columns` if the change is meant",
        )

    def _missing(self, column: Column) -> NoReturn:
        raise SchemaMismatchError(
            f"{self.path}: the {column.kind.value} column {column.name!r} is missing",
            remedy="add the column to the file, or leave it out of the project's data",
        )


def _may_lack(column: Column) -> bool:
    return column.optional or column.kind is Kind.ENTITIES


def arrow_schema(schema: Schema) -> pa.Schema:
    """Return the Arrow types in which batches of this schema come."""
    return pa.schema([(column.name, conversion.ARROW[column.kind]) for column in schema.columns])


def batches(blocks: Iterable[Block], conformer: Conformer, batch_rows: int) -> Iterator[Batch]:
    """Convert blocks, cut them into batches of at most `batch_rows`, and judge the file at its end."""
    for block in blocks:
        batch = conformer.batch(block)
        if batch.rows.num_rows <= batch_rows:
            if batch.rows.num_rows or batch.bad:
                yield batch
            continue
        bad = batch.bad
        for first in range(0, batch.rows.num_rows, batch_rows):
            yield Batch(batch.rows.slice(first, batch_rows), bad)
            bad = ()
    conformer.finish()
