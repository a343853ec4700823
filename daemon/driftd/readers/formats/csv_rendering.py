"""Columns as cells of CSV, in the spelling of an existing file."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from driftd.readers.conversion import VECTOR, number_texts, vector_texts

if TYPE_CHECKING:
    from collections.abc import Mapping

TIME = re.compile(r"\d{4}-\d\d-\d\d(?:([ T])\d\d:\d\d(:\d\d)?(\.\d+)?(Z|[+-]\d\d:?\d\d)?)?")


@dataclass(frozen=True)
class Spelling:
    """How a file is written: its columns, and of some a cell as an example."""

    delimiter: str
    names: list[str]
    examples: Mapping[str, str] = field(default_factory=dict)

    def header(self) -> bytes:
        return self._joined([pa.array([name]) for name in self.names])

    def lines(self, batch: pa.RecordBatch) -> bytes:
        """Write rows; a column that they do not have is left empty."""
        nothing = pa.nulls(batch.num_rows, pa.string())
        columns = [
            self._texts(batch.column(name), self.examples.get(name)) if name in batch.schema.names else nothing
            for name in self.names
        ]
        return self._joined(columns)

    def _joined(self, columns: list[pa.Array]) -> bytes:
        cells = [pc.fill_null(self._quoted(column), "") for column in columns]
        if len(cells) == 1:
            # an empty line would be no row
            cells = [pc.if_else(pc.equal(cells[0], ""), '""', cells[0])]
        lines = pc.binary_join_element_wise(*cells, self.delimiter)
        return "".join(f"{line}\n" for line in lines.to_pylist()).encode()

    def _quoted(self, column: pa.Array) -> pa.Array:
        special = pc.match_substring_regex(column, f'[{self.delimiter}"\\r\\n]')
        if not pc.any(special).as_py():
            return column
        doubled = pc.replace_substring(column, '"', '""')
        return pc.if_else(special, pc.binary_join_element_wise('"', doubled, '"', ""), column)

    @staticmethod
    def _texts(column: pa.Array, example: str | None) -> pa.Array:
        if pa.types.is_floating(column.type):
            return number_texts(column)
        if pa.types.is_boolean(column.type):
            true, false = _truth(example)
            return pc.if_else(column, true, false)
        if pa.types.is_timestamp(column.type):
            return pc.strftime(*_time(column, example))
        if column.type == VECTOR:
            return vector_texts(column)
        return column.cast(pa.string())


def _truth(example: str | None) -> tuple[str, str]:
    if example in ("0", "1"):
        return "1", "0"
    if example in ("True", "False"):
        return "True", "False"
    return ("TRUE", "FALSE") if example in ("TRUE", "FALSE") else ("true", "false")


def _time(column: pa.Array, example: str | None) -> tuple[pa.Array, str]:
    """Return a column and the format in which the example is written, as far as no part of a time is lost."""
    found = TIME.fullmatch(example or "")
    seconds = column.cast(pa.timestamp("s"), safe=False)
    whole = pc.all(pc.equal(column.cast(pa.timestamp("us")), seconds.cast(pa.timestamp("us"))), min_count=0).as_py()
    day = pc.all(pc.equal(pc.floor_temporal(column, unit="day"), column), min_count=0).as_py()
    if found and not found[1] and day:
        return column, "%Y-%m-%d"
    zone = "Z" if found is None or found[4] == "Z" else "+00:00" if found[4] else ""
    separator = found[1] if found and found[1] else "T"
    if whole and found and not found[3]:
        column = column.cast(pa.timestamp("s", "UTC"))
    return column, f"%Y-%m-%d{separator}%H:%M:%S{zone}"
