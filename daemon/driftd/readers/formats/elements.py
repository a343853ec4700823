"""The elements of one long JSON list, cut out of a stream of bytes without holding or decoding the document."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn

import msgspec

from driftd.errors import UnreadableFileError
from driftd.readers.source import BOM, CHUNK, LONGEST, Mark

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

KEY = b'"spacy_data"'
# a string, a bracket, or the beginning of a string that goes on in the next chunk
TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[\]{}]|"', re.DOTALL)
BETWEEN = re.compile(rb"\s*+(,?)\s*+")
LIST = re.compile(rb"\s*+:\s*+\[")
REMEDY = 'the form is {"spacy_data": [[text, [[start, end, label], ...]], ...]}; tables are read from .jsonl, .csv or .parquet'


@dataclass
class Element:
    """One element as bytes."""

    data: bytes
    start: Mark


@dataclass
class Elements:
    """Walks through the list under the key `spacy_data`, or the list that the whole document is."""

    path: str
    stream: pa.NativeFile
    mark: Mark | None = None
    end: int | None = None
    """Where the list is closed, once it was walked through."""
    _buffer: bytes = b""
    _at: int = 0  # of the buffer in the document
    _line: int = 1  # of the buffer
    _number: int = 0
    _first: int = 0  # the number of the element that reading begins with
    _prefix: bytes = b"["
    _done: bool = field(default=False)

    def groups(self) -> Iterator[list[Element]]:
        """Yield the elements that lie in the stream's next piece, again and again; then check the document's end."""
        if self.mark is None:
            self._open()
        else:
            self._at, self._line, self._number, self._first = self.mark.at, self.mark.line, self.mark.row, self.mark.row
        while not self._done:
            if group := self._scan():
                yield group
            elif len(self._buffer) > LONGEST:
                self._fail(f"the element that begins in line {self._line} is longer than {LONGEST >> 20} MiB")
            if not self._done and not self._more():
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
            if depth == 1 and text == KEY and (found := LIST.match(self._buffer, token.end())):
                self._prefix = self._buffer[: found.end()]
                return found.end()
            depth += {b"[": 1, b"{": 1, b"]": -1, b"}": -1}.get(text, 0)
        return None

    def _scan(self) -> list[Element]:
        buffer = self._buffer
        found: list[Element] = []
        done, begun, depth = 0, 0, 0
        line, counted = self._line, 0
        for token in TOKEN.finditer(buffer):
            text = token.group()
            if text in (b"[", b"{"):
                if not depth:
                    begun = token.start()
                    self._check_between(done, begun)
                depth += 1
            elif text in (b"]", b"}"):
                depth -= 1
                if depth < 0:
                    self._close(done, token.start())
                    return found
                if not depth:
                    line, counted = line + buffer.count(b"\n", counted, begun), begun
                    self._number += 1
                    found.append(Element(buffer[begun : token.end()], Mark(self._at + begun, line, self._number - 1)))
                    done = token.end()
            elif text == b'"':
                break
            elif not depth:
                self._check_between(done, token.end())
        self._drop(done)
        return found

    def _check_between(self, done: int, begun: int) -> None:
        match = BETWEEN.fullmatch(self._buffer, done, begun)
        if match is None or bool(match[1]) != (self._number > self._first):
            line = self._line + self._buffer.count(b"\n", 0, begun)
            between = self._buffer[done:begun][:40].decode(errors="replace").strip()
            self._fail(f"is no sound JSON: element {self._number + 1} (line {line}) follows on {between!r}")

    def _close(self, done: int, at: int) -> None:
        if self._buffer[at : at + 1] != b"]" or self._buffer[done:at].strip():
            line = self._line + self._buffer.count(b"\n", 0, at)
            self._fail(f"is no sound JSON: the list ends in line {line} with {self._buffer[done : at + 1][-40:]!r}")
        self.end = self._at + at
        self._drop(at)
        self._done = True

    def _check_rest(self) -> None:
        while self._more():
            if len(self._buffer) > LONGEST:
                self._fail(f"has more than {LONGEST >> 20} MiB behind the list")
        try:
            msgspec.json.decode(self._prefix + self._buffer)
        except (ValueError, RecursionError):
            self._fail(f"is no sound JSON around the list, which ends in line {self._line}")

    def _fail(self, what: str) -> NoReturn:
        raise UnreadableFileError(f"{self.path}: {what}", remedy=REMEDY)
