"""What a command prints, on its way to the log: as it comes, but never more than a disk can bear.

Behind the head it lies in a file beside the log while the command runs, for those who follow it: a line with the place in the output at
which the file begins, and the newest output from there on. The file is begun anew when it is long.
"""

import os
import select
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Self

HEAD = 8 * 1024 * 1024  # bytes of one command that the log gets as they come
TAIL = 256 * 1024  # bytes of the end that it gets as well, where a command printed more
LIVE = 4 << 20  # bytes after which the file for those who follow begins anew, with the newest output that is kept
BLOCK = 1 << 16
POLL = 0.1
CUT = b"\n[... %s bytes of output were cut here]\n"


def live_of(log: Path) -> Path:
    """Return the file beside a log that has what a command prints behind the head."""
    return log.with_name(f"{log.name}.live")


class Output:
    """The end of a pipe that a command writes to. What is between head and tail is counted and named in the log."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._reading, self.writing = os.pipe()
        self._ended = threading.Event()
        self._tail = bytearray()
        self._passed = 0
        self._cut = 0
        self._live: BinaryIO | None = None
        self._thread = threading.Thread(target=self._pump, name="output", daemon=True)

    def __enter__(self) -> Self:
        self._end_live()  # of a daemon that was killed
        self._thread.start()
        return self

    def close_writing(self) -> None:
        """Leave the pipe to the command alone, once it has it."""
        os.close(self.writing)

    def __exit__(self, *_: object) -> None:
        """Take what is left in the pipe; nobody who still holds it is waited for."""
        self._ended.set()
        self._thread.join()
        os.close(self._reading)

    def _pump(self) -> None:
        with self._log.open("ab", buffering=0) as out:

            def write(block: bytes | bytearray) -> None:
                with suppress(OSError):  # a full disk must not block the command, which ends by its own limit
                    out.write(block)

            while True:
                ready = select.select([self._reading], [], [], POLL)[0]
                if ready and (block := os.read(self._reading, BLOCK)):
                    self._pass(block, write)
                elif ready or self._ended.is_set():
                    break
            self._end_live()  # before the log has what is in it
            if self._cut:
                write(CUT % f"{self._cut:,}".encode())
            write(self._tail)

    def _pass(self, block: bytes, write: Callable[[bytes], object]) -> None:
        head = block[: HEAD - self._passed]
        if head:
            write(head)
            self._passed += len(head)
        if not (rest := block[len(head) :]):
            return
        self._tail += rest
        with suppress(OSError):
            self._show(rest)
        if len(self._tail) > TAIL + 16 * BLOCK:
            surplus = len(self._tail) - TAIL
            del self._tail[:surplus]
            self._cut += surplus

    def _show(self, rest: bytes) -> None:
        """Let those who follow see it."""
        if self._live is not None and self._live.tell() < LIVE:
            self._live.write(rest)
            return
        self._close_live()
        path = live_of(self._log)
        new = path.with_name(f"{path.name}~")
        self._live = new.open("wb", buffering=0)
        self._live.write(b"%d\n" % (HEAD + self._cut) + self._tail)
        new.replace(path)

    def _close_live(self) -> None:
        if self._live is not None:
            self._live.close()
        self._live = None

    def _end_live(self) -> None:
        self._close_live()
        with suppress(OSError):
            live_of(self._log).unlink(missing_ok=True)
