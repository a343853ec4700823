"""Where the records of a CSV file end, quoted newlines apart."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from driftd.readers.source import NEWLINE, RETURN

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Codes = NDArray[np.uint8]
    Offsets = NDArray[np.int64]

QUOTE = ord('"')


def last_end(data: bytearray, end: int, delimiter: int) -> int:
    """Return where the last whole record of data[:end] ends; 0 if none does."""
    at = data.rfind(b"\n", 0, end) + 1
    if data.find(QUOTE, 0, end) < 0:
        return at or data.rfind(b"\r", 0, end - 1) + 1
    codes = np.frombuffer(data, np.uint8, end)
    quotes = np.flatnonzero(codes == QUOTE)
    if at and np.searchsorted(quotes, at) % 2 == 0 and _balanced(codes, quotes, delimiter):
        return at
    ends = record_ends(codes, delimiter)
    return int(ends[-1]) if len(ends) else 0


def line_ends(codes: Codes) -> Offsets:
    """Return where each line ends, behind its newline, which is LF, CR LF or CR."""
    breaks = codes == NEWLINE
    returns = np.flatnonzero(codes == RETURN)
    if len(returns):
        followed = codes[np.minimum(returns + 1, len(codes) - 1)] == NEWLINE
        breaks[returns[~followed]] = True
    return np.flatnonzero(breaks) + 1


def record_ends(codes: Codes, delimiter: int) -> Offsets:
    """Return where each record ends, behind its newline; what a quote without end begins is none."""
    ends = line_ends(codes)
    quotes = np.flatnonzero(codes == QUOTE)
    if not len(quotes):
        return ends
    if not _balanced(codes, quotes, delimiter):
        return _walk(codes.tobytes(), delimiter)
    outside: Offsets = ends[np.searchsorted(quotes, ends) % 2 == 0]
    return outside


def _balanced(codes: Codes, quotes: Offsets, delimiter: int) -> bool:
    """Say whether each quote opens or closes a cell, or is one of a pair in a quoted cell, so that counting them tells where one is."""
    around = np.zeros(256, np.bool_)
    around[[QUOTE, NEWLINE, RETURN, delimiter]] = True
    opening, closing = quotes[::2], quotes[1::2]
    before = around[codes[opening - 1]] | (opening == 0)
    after = around[codes[np.minimum(closing + 1, len(codes) - 1)]]
    return bool(before.all() and after.all())


def _walk(data: bytes, delimiter: int) -> Offsets:
    """Read cell by cell: a quote within a cell that did not begin with one is a character like any other."""
    break_ = re.escape(bytes([delimiter])) + rb"\r\n"
    cell = re.compile(rb'(?:"(?:[^"]++|"")*+("?)[^' + break_ + rb"]*+|[^" + break_ + rb"]*+)(\r\n?|\n|.|\Z)", re.DOTALL)
    ends: list[Any] = []
    position = 0
    while position < len(data):
        found = cell.match(data, position)
        if found is None or found[1] == b"" or not found[2]:
            break
        position = found.end()
        if found[2][0] != delimiter:
            ends.append(position)
    return np.array(ends, np.int64)
