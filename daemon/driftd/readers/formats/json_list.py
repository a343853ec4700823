"""The elements of one long JSON list, cut out of a stream of bytes without holding the document."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec

from driftd.errors import UnreadableFileError
from driftd.readers.source import BOM, CHUNK, LONGEST, Mark, check_width

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

KEY = b'"spacy_data"'
# a string, a bracket, a number or word, or the beginning of a string that goes on in the next piece
TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[\]{}]|[^\s,:"\[\]{}]++|"', re.DOTALL)
DEPTH = {b"[": 1, b"{": 1, b"]": -1, b"}": -1}
BETWEEN = re.compile(rb"\s*+(,?)\s*+")
OPENING = re.compile(rb"\s*+:\s*+\[")
# what most likely is the end of an element: two closing brackets and a comma
LIKELY = re.compile(rb"[\]}]\s*+[\]}](?=\s*+,)")
TAIL = 1 << 16  # bytes in which the last element's end is looked for
REMEDY = 'the form is {"spacy_data": [[text, [[start, end, label], ...]], ...]}; tables are read from .jsonl, .csv or .parquet'
FAULTS = (ValueError, RecursionError)


@dataclass
class Piece:
    """Whole elements that follow each other; `rows` are what they hold, if the decoder took all of them."""

    data: bytes
    start: Mark
    rows: list[Any] | None = None
    _bounds: list[tuple[int, int]] = field(default_factory=list)

    def elements(self) -> list[bytes]:
        return [self.data[first:end] for first, end in self._find()]

    def line(self, number: int) -> int:
        return self.start.line + self.data.count(b"\n", 0, self._find()[number][0])

    def _find(self) -> list[tuple[int, int]]:
        if not self._bounds:
            self._bounds = bounds(self.data + b",")[0]
        return self._bounds


def bounds(data: bytes) -> tuple[list[tuple[int, int]], int | None]:
    """Return where the whole elements of a list lie that begin in data, and where it is closed, if it is."""
    found: list[tuple[int, int]] = []
    begun = depth = 0
    for token in TOKEN.finditer(data):
        text = token.group()
        if text == b'"':
            break
        step = DEPTH.get(text, 0)
        if not depth and step >= 0:
            begun = token.start()
        depth += step
        if depth < 0:
            return found, token.start()
        if not depth and token.end() < len(data):  # else a number may go on
            found.append((begun, token.end()))
    return found, None


@dataclass
class Elements:
    """Walks through the list under the key `spacy_data`, or the list that the whole document is."""

    path: str
    stream: pa.NativeFile
    decoder: msgspec.json.Decoder[list[Any]]
    mark: Mark | None = None
    end: int | None = None
    """Where the list is closed, once it was walked through."""
    _buffer: bytes = b""
    _at: int = 0  # of the buffer in the document
    _line: int = 1  # of the buffer
    _number: int = 0  # of the element to come
    _first: int = 0  # of the element that reading began with
    _prefix: bytes = b"["

    def pieces(self) -> Iterator[Piece]:
        """Yield the elements, many at a time; then check the document's end."""
        if self.mark is None:
            self._open()
        else:
            self._at, self._line, self._number = self.mark.at, self.mark.line, self.mark.row
            self._first = self.mark.row
        while self.end is None:
            if piece := self._guess() or self._scan():
                yield piece
            elif self.end is None:
                if len(self._buffer) > LONGEST:
                    between = BETWEEN.match(self._buffer)
                    line = self._line + (between[0].count(b"\n") if between else 0)
                    self._fail(f"element {self._number + 1} (line {line}) is longer than {LONGEST >> 20} MiB")
                if not self._more():
                    self._fail(f"ends within the list (line {self._line}): it was cut off, or a bracket is not closed")
        if self.mark is None:
            self._check_rest()

    def _more(self) -> bool:
        piece = self.stream.read(CHUNK)
        self._buffer += piece
        return bool(piece)

    def _drop(self, count: int) -> None:
        self._line += self._buffer.count(b"\n", 0, count)
        self._at += count
        self._buffer = self._buffer[count:]

    def _open(self) -> None:
        """Find the list's opening bracket."""
        if not self._more():
            self._fail("has 0 bytes, which no JSON document has")
        check_width(self.path, self._buffer)
        if self._buffer.startswith(BOM):
            self._drop(len(BOM))
        while (found := self._opening()) is None:
            if len(self._buffer) > LONGEST or not self._more():
                self._fail("holds no list under the key spacy_data")
        self._drop(found)

    def _opening(self) -> int | None:
        start = len(self._buffer) - len(self._buffer.lstrip())
        if self._buffer[start : start + 1] == b"[":
            return start + 1
        depth = 0
        for token in TOKEN.finditer(self._buffer):
            text = token.group()
            if depth == 1 and text == KEY and (found := OPENING.match(self._buffer, token.end())):
                self._prefix = self._buffer[: found.end()]
                return found.end()
            depth += DEPTH.get(text, 0)
        return None

    def _guess(self) -> Piece | None:
        """Decode up to what looks like the end of an element: if that is one list, it was one."""
        likely = list(LIKELY.finditer(self._buffer, max(0, len(self._buffer) - TAIL)))
        if not likely:
            return None
        between = BETWEEN.match(self._buffer)
        first, end = between.end() if between else 0, likely[-1].end()
        try:
            rows = self.decoder.decode(b"[%b]" % self._buffer[first:end])
        except FAULTS:
            return None
        self._check_between(0, first)
        return self._take(first, end, rows, len(rows))

    def _scan(self) -> Piece | None:
        """Look for the ends of elements, whatever they hold."""
        found, closed = bounds(self._buffer)
        done = 0
        for begun, end in found:
            self._check_between(done, begun, begun != found[0][0])
            done = end
        piece = self._take(found[0][0], done, None, len(found)) if found else None
        if closed is not None:
            self._close(closed - done)
        return piece

    def _take(self, first: int, end: int, rows: list[Any] | None, count: int) -> Piece:
        data = self._buffer[first:end]
        self._drop(first)
        piece = Piece(data, Mark(self._at, self._line, self._number), rows)
        self._drop(end - first)
        self._number += count
        return piece

    def _check_between(self, done: int, begun: int, inner: bool = False) -> None:
        between = BETWEEN.fullmatch(self._buffer, done, begun)
        if between is None or bool(between[1]) != (inner or self._number > self._first):
            line = self._line + self._buffer.count(b"\n", 0, begun)
            text = self._buffer[done:begun][:40].decode(errors="replace").strip()
            self._fail(f"is no sound JSON: an element in line {line} follows on {text!r}")

    def _close(self, at: int) -> None:
        if self._buffer[at : at + 1] != b"]" or self._buffer[:at].strip():
            line = self._line + self._buffer.count(b"\n", 0, at)
            text = self._buffer[: at + 1][-40:].decode(errors="replace")
            self._fail(f"is no sound JSON: the list ends in line {line} with {text!r}")
        self._drop(at)
        self.end = self._at

    def _check_rest(self) -> None:
        while self._more():
            if len(self._buffer) > LONGEST:
                self._fail(f"has more than {LONGEST >> 20} MiB behind the list")
        try:
            msgspec.json.decode(self._prefix + self._buffer)
        except FAULTS:
            self._fail(f"is no sound JSON around the list, which ends in line {self._line}")

    def _fail(self, what: str) -> NoReturn:
        raise UnreadableFileError(f"{self.path}: {what}", remedy=REMEDY)
