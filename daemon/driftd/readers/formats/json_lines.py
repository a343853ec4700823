"""JSON line by line: a chunk at once where all of it is sound, else each line for itself."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import msgspec

from driftd.readers.source import LONGEST
from driftd.readers.types import BadRow

if TYPE_CHECKING:
    from collections.abc import Callable

    from driftd.readers.source import Chunk

T = TypeVar("T")
NEWLINE = 10
FAULTS = (ValueError, RecursionError)  # of msgspec and json, wrong UTF-8 included


class Decoder(Protocol[T]):
    """Makes rows of one type, or refuses with one of FAULTS."""

    def decode(self, line: bytes, /) -> T:
        """Decode a line."""

    def decode_lines(self, lines: memoryview, /) -> list[T]:
        """Decode all of them."""


class WrongRowError(ValueError):
    """A row cannot be used; the message is the reason."""


@dataclass
class Decoded(Generic[T]):
    """The rows of a chunk, and the line of each."""

    first: int
    rows: list[T] = field(default_factory=list)
    lines: list[int] | None = None
    bad: list[BadRow] = field(default_factory=list)

    def line(self, row: int) -> int:
        return self.first + row if self.lines is None else self.lines[row]

    def only(self, good: Callable[[T], bool], reason: str) -> Decoded[T]:
        """Set aside the rows that are not good."""
        kept = [number for number, row in enumerate(self.rows) if good(row)]
        wrong = [BadRow(self.line(number), reason) for number, row in enumerate(self.rows) if not good(row)]
        return Decoded(self.first, [self.rows[n] for n in kept], [self.line(n) for n in kept], self.bad + wrong)


def decode(chunk: Chunk, decoder: Decoder[T], repair: Callable[[int, bytes, Exception], T] | None = None) -> Decoded[T]:
    """Decode a chunk; `repair` gets the row's number, a line that the decoder refuses and why, and may make a row of it."""
    first = chunk.start.line
    if chunk.bad:
        return Decoded(first, bad=[BadRow(first, chunk.bad)])
    if chunk.size <= LONGEST:
        try:
            rows = decoder.decode_lines(chunk.data)
        except FAULTS:
            pass
        else:
            if len(rows) == chunk.count(b"\n") + (chunk.buffer[chunk.size - 1] != NEWLINE):
                return Decoded(first, rows)
    numbers: list[int] = []
    found = Decoded[T](first, lines=numbers)
    for number, line in enumerate(chunk.lines(), first):
        if not line or line.isspace():
            continue
        try:
            found.rows.append(_decode_line(len(found.rows), line, decoder, repair))
            numbers.append(number)
        except WrongRowError as wrong:
            found.bad.append(BadRow(number, str(wrong)))
    return found


def _decode_line(
    row: int,
    line: bytes,
    decoder: Decoder[T],
    repair: Callable[[int, bytes, Exception], T] | None,
) -> T:
    if len(line) > LONGEST:
        raise WrongRowError(f"the row is longer than {LONGEST >> 20} MiB")
    try:
        return decoder.decode(line)
    except FAULTS as error:
        if repair is None:
            raise WrongRowError(reason(error)) from error
        return repair(row, line, error)


def reason(error: Exception) -> str:
    """Say in a person's words why JSON was refused."""
    if isinstance(error, UnicodeDecodeError):
        return f"not UTF-8: byte 0x{error.object[error.start]:02x}"
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, msgspec.ValidationError):
        what, _, place = str(error).replace("`", "").partition(" - at $")
        return f"{place.lstrip('.')}: {what}" if place else what
    return f"not JSON: {str(error).removeprefix('JSON is malformed: ')}"


def untyped(line: bytes, error: Exception | None = None) -> dict[str, Any]:
    """Decode a line as an object of whatever it holds; NaN and Infinity, which Python writes, are let pass."""
    try:
        found = msgspec.json.decode(line)
    except FAULTS as fault:
        if b"NaN" not in line and b"Infinity" not in line:
            raise WrongRowError(reason(error if isinstance(fault, RecursionError) and error else fault)) from fault
        try:
            found = json.loads(line)
            json.dumps(found, ensure_ascii=False).encode()  # half a surrogate pair is let pass, too, and is no text
        except FAULTS as worse:
            raise WrongRowError(reason(fault)) from worse
    if not isinstance(found, dict):
        raise WrongRowError("the line holds no JSON object")
    return found
