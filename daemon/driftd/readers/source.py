"""Files as streams of bytes: opened or refused with a reason, decompressed, and cut where rows end."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from driftd.errors import UnreadableFileError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from driftd.readers.registry import Name

CHUNK = 1 << 20  # bytes that are read and parsed at a time
LONGEST = 1 << 24  # bytes that one row may have
NEWLINE, RETURN = b"\n\r"
BOM = b"\xef\xbb\xbf"
WIDE = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class Mark:
    """Where reading can be taken up again: a byte (a row group, a record batch), its line, and the row where lines say little."""

    at: int
    line: int
    row: int = 0


@dataclass(frozen=True)
class Chunk:
    """Whole rows, as bytes; `bad` is set, and there are none, where a row is longer than any may be."""

    buffer: bytearray
    size: int
    start: Mark
    last: bool = False
    bad: str | None = None

    @property
    def data(self) -> memoryview:
        return memoryview(self.buffer)[: self.size]

    def count(self, byte: bytes) -> int:
        return self.buffer.count(byte, 0, self.size)

    def lines(self) -> list[bytes]:
        return bytes(self.data).split(b"\n")


def check(path: str) -> int:
    """Return a regular file's size in bytes, or say why it cannot be read."""
    try:
        found = Path(path).stat()
    except FileNotFoundError as error:
        raise UnreadableFileError(f"{path}: there is no such file") from error
    except PermissionError as error:
        raise _forbidden(path) from error
    if stat.S_ISDIR(found.st_mode):
        raise UnreadableFileError(f"{path}: is a folder, not a file", remedy="move its files up, or rename it")
    if not stat.S_ISREG(found.st_mode):
        raise UnreadableFileError(f"{path}: is no regular file", remedy="write the data to a file and move it in")
    if not os.access(path, os.R_OK):
        raise _forbidden(path)
    return found.st_size


def _forbidden(path: str) -> UnreadableFileError:
    return UnreadableFileError(f"{path}: may not be read", remedy="give the daemon's user the right to read it")


def damaged(path: str, what: str, error: Exception) -> Exception:
    """Return what to raise when pyarrow stumbles: a fault of the disk stays itself, the rest is the file's."""
    if isinstance(error, OSError) and error.errno:
        return error
    return UnreadableFileError(f"{path}: {what}: {error}", remedy="have the file sent again")


@contextmanager
def opened(path: str, name: Name) -> Iterator[pa.NativeFile]:
    """Open a file for reading, decompressed if its name says so."""
    check(path)
    with pa.OSFile(path) as plain:
        if name.codec is None:
            yield plain
            return
        try:
            with pa.CompressedInputStream(plain, name.codec) as stream:
                yield stream
        except (pa.ArrowException, OSError) as error:
            raise damaged(path, f"its {name.codec} data are damaged", error) from error


@contextmanager
def created(path: str, name: Name) -> Iterator[pa.NativeFile]:
    """Open a new file for writing, compressed if its name says so."""
    with pa.OSFile(path, "wb") as plain:
        if name.codec is None:
            yield plain
        else:
            with pa.CompressedOutputStream(plain, name.codec) as stream:
                yield stream


def copied(stream: pa.NativeFile, sink: pa.NativeFile, count: int | None = None) -> bytes:
    """Copy what is left of a stream, or the next `count` bytes; return the last byte."""
    last = b""
    while piece := stream.read(CHUNK if count is None else min(CHUNK, count)):
        sink.write(piece)
        last = piece[-1:]
        count = None if count is None else count - len(piece)
    return last


def newlines(data: bytes | bytearray, end: int) -> int:
    """Count the lines that end in data[:end]."""
    # bytes.count takes five times as long, and no other thread runs meanwhile
    codes = np.frombuffer(data, np.uint8, end)
    return int(np.count_nonzero(codes == NEWLINE) or np.count_nonzero(codes == RETURN))


def cut_at_newline(data: bytearray, end: int) -> int:
    """Return where the last whole line of data[:end] ends."""
    return data.rfind(b"\n", 0, end) + 1


def chunks(
    path: str, name: Name, start: Mark | None = None, cut: Callable[[bytearray, int], int] = cut_at_newline
) -> Iterator[Chunk]:
    """Read a text file, from a mark on, in chunks of whole rows; `cut` finds the end of the last one."""
    mark = start or Mark(0, 1)
    with opened(path, name) as stream:
        rest, skipped = _begin(path, stream) if not mark.at else (forward(stream, mark.at), 0)
        mark = Mark(mark.at + skipped, mark.line)
        while True:
            buffer = bytearray(len(rest) + CHUNK)
            buffer[: len(rest)] = rest
            got = stream.readinto(memoryview(buffer)[len(rest) :])
            end = len(rest) + got
            at = cut(buffer, end) if got else end
            if at:
                yield Chunk(buffer, at, mark, last=not got)
                mark = Mark(mark.at + at, mark.line + newlines(buffer, at))
            if not got:
                return
            rest = bytes(memoryview(buffer)[at:end])
            if len(rest) > LONGEST:
                yield Chunk(bytearray(), 0, mark, bad=f"the row is longer than {LONGEST >> 20} MiB")
                rest, length = _pass_over(stream, rest)
                mark = Mark(mark.at + length, mark.line + 1)


def _begin(path: str, stream: pa.NativeFile) -> tuple[bytes, int]:
    head: bytes = stream.read(len(BOM))
    check_width(path, head)
    return (b"", len(BOM)) if head == BOM else (head, 0)


def check_width(path: str, head: bytes) -> None:
    """Refuse what begins as UTF-16 does."""
    if head.startswith(WIDE):
        raise UnreadableFileError(f"{path}: is UTF-16 text", remedy="write it as UTF-8")


def forward(stream: pa.NativeFile, at: int) -> bytes:
    """Go to a byte; of compressed data what lies before has to be read. Nothing is left over of it."""
    if stream.seekable():
        stream.seek(at)
        return b""
    while at:
        at -= len(stream.read(min(at, CHUNK))) or at
    return b""


def _pass_over(stream: pa.NativeFile, rest: bytes) -> tuple[bytes, int]:
    """Leave out the line that `rest` begins; return what follows of `rest` and how many bytes were left out."""
    length = 0
    while rest and b"\n" not in rest:
        length += len(rest)
        rest = stream.read(CHUNK)
    line, newline, rest = rest.partition(b"\n")
    return rest, length + len(line) + len(newline)
