"""A chunk of CSV that pyarrow refuses, row by row: which rows have the right number of cells, and why the others do not."""

from __future__ import annotations

from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.csv

from driftd.readers.formats.csv_records import line_ends, record_ends
from driftd.readers.source import NEWLINE, RETURN

if TYPE_CHECKING:
    from driftd.readers.source import Chunk

PLAIN = bytes(range(128)) + b"?" * 128  # a byte for each byte, so that no place moves
ATTEMPTS = 20  # at finding the quotes that swallow lines, before all of them are distrusted


def strings(
    data: bytes | bytearray | memoryview, delimiter: str, names: list[str] | None = None, handler: Any = None
) -> Any:
    """Parse without looking at what the cells hold; None if there is no row."""
    if not len(data):
        return None
    options = pa.csv.ReadOptions(
        column_names=names, autogenerate_column_names=names is None, use_threads=False, block_size=len(data) + 1
    )
    parsing = pa.csv.ParseOptions(delimiter=delimiter, invalid_row_handler=handler)
    types = {each: pa.binary() for each in names or ()}
    if names is None:
        types = {f"f{i}": pa.binary() for i in range(bytes(data).count(delimiter.encode()) + 1)}
    converting = pa.csv.ConvertOptions(column_types=types, check_utf8=False)
    return pa.csv.read_csv(pa.BufferReader(data), options, parsing, converting)


class Records:
    """The records of a chunk and their lines.

    A stray quote would swallow the lines up to the next one, or to the file's end, and they would be lost as one bad row. So where a
    record of several lines has the wrong number of cells, or never ends, its first line is the bad row and the next line begins a new one.
    """

    def __init__(self, delimiter: str, chunk: Chunk) -> None:
        self._delimiter = delimiter
        self._data = bytearray(chunk.data)
        if self._data[-1:] not in b"\r\n":
            self._data += b"\n"
        self._first = chunk.start.line
        self._distrusted: dict[int, str] = {}  # where a line begins: why it is no row
        self._find()

    def _find(self) -> None:
        codes = np.frombuffer(self._data, np.uint8)
        self._line_ends = line_ends(codes)
        ends = record_ends(codes, ord(self._delimiter))
        self._tail = int(ends[-1]) if len(ends) else 0
        starts = np.concatenate([[0], ends])[:-1]
        filled = ~np.isin(codes[starts], [NEWLINE, RETURN])
        self._starts, self._ends = starts[filled], ends[filled]
        breaks = np.flatnonzero(codes == NEWLINE)
        numbered = breaks if len(breaks) else np.flatnonzero(codes == RETURN)
        self.lines = self._first + np.searchsorted(numbered, self._starts)

    def parse(self, names: list[str]) -> tuple[pa.Table, dict[int, str]]:
        """Return the rows with the right number of cells, as bytes, and for each other record the reason."""
        for attempt in count():
            if self._tail < len(self._data):
                self._distrust(self._tail, len(self._data), "a quote opens in this line and is not closed", attempt)
                self._find()
                continue
            invalid: dict[int, str] = {}
            table = self._strings(names, invalid)
            swallowing = [row for row in invalid if self._line_end(self._starts[row]) < self._ends[row]]
            if not swallowing:
                break
            for start, end, reason in [(self._starts[row], self._ends[row], invalid[row]) for row in swallowing]:
                self._distrust(int(start), int(end), reason, attempt)
            self._find()
        distrusted = {
            row: self._distrusted[at] for row, at in enumerate(self._starts.tolist()) if at in self._distrusted
        }
        rows = np.delete(np.arange(len(self._starts)), list(invalid)).tolist()
        kept = pa.array([row not in distrusted for row in rows], pa.bool_())
        return table.filter(kept).combine_chunks(), invalid | distrusted

    def _strings(self, names: list[str], invalid: dict[int, str]) -> Any:
        """Parse the records; pyarrow hands on none of the wrong number of cells that is not UTF-8, so these are made plain first."""
        note = partial(_note, invalid)
        if not _is_utf8(self._data):
            plain, data = self._data.translate(PLAIN), bytearray(self._data)
            strings(plain, self._delimiter, names, note)
            for row in invalid:
                place = slice(int(self._starts[row]), int(self._ends[row]))
                data[place] = plain[place]
            self._data = data
        return strings(self._data, self._delimiter, names, note)

    def _line_end(self, start: int) -> int:
        return int(self._line_ends[np.searchsorted(self._line_ends, start, side="right")])

    def _distrust(self, start: int, end: int, reason: str, attempt: int) -> None:
        """Take away the quotes of a line, after many attempts of all lines that they swallowed."""
        while start < end:
            line_end = self._line_end(start)
            self._distrusted[start] = reason
            self._data[start:line_end] = self._data[start:line_end].replace(b'"', b"'")
            start = line_end if attempt >= ATTEMPTS else end


def _note(invalid: dict[int, str], row: Any) -> str:
    invalid[row.number - 1] = f"{row.actual_columns} cells where the header has {row.expected_columns}"
    return "skip"


def _is_utf8(data: bytes | bytearray) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
