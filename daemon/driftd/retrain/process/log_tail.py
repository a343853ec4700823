"""A log as one who follows it reads it: what a command prints behind the head as well, which the log itself gets only the end of."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from driftd.retrain.process.output import BLOCK, CUT, HEAD, live_of
from driftd.retrain.process.run_log import STEP

_CUT = re.compile(re.escape(CUT).replace(b"%s", rb"([\d,]+)"))


class Following:
    """Yields what is new at each look, every byte once; what came faster than it was looked at is counted and named."""

    def __init__(self, log: Path) -> None:
        self._file = log.open("rb")
        self._live = live_of(log)
        self._shown: int | None = None  # of the output of a command that has gone beyond the head
        self._skip = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def look(self) -> Iterator[bytes]:
        """Yield what the log has got since the last look, and what the command that runs has printed behind its head."""
        while block := self._file.read(BLOCK):
            if self._shown is not None and not block.startswith(STEP):
                yield from self._join(block)
            else:
                self._shown = None  # a step after a daemon that was killed has no end of the command before it
                yield self._rest(block)
        yield from self._beyond()

    def _join(self, block: bytes) -> Iterator[bytes]:
        """Go on in the log, where the command has ended: with that part of its end that was not shown."""
        found = _CUT.match(block)
        begins = HEAD + (int(found[1].replace(b",", b"")) if found else 0)
        missed = begins - (self._shown or 0)
        self._shown, self._skip = None, max(0, -missed)
        if missed > 0:
            yield CUT % f"{missed:,}".encode()
        yield self._rest(block[found.end() :] if found else block)

    def _rest(self, block: bytes) -> bytes:
        left = block[self._skip :]
        self._skip -= len(block) - len(left)
        return left

    def _beyond(self) -> Iterator[bytes]:
        try:
            head, _, content = self._live.read_bytes().partition(b"\n")
        except OSError:
            return
        if not head.isdigit():
            return
        begins = int(head)
        shown = HEAD if self._shown is None else self._shown
        if begins > shown:
            yield CUT % f"{begins - shown:,}".encode()
            shown = begins
        new = content[shown - begins :]
        self._shown = shown + len(new)
        yield new
