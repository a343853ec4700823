"""What a command prints, on its way to the log: as it comes, but never more than a disk can bear."""

import os
import select
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

HEAD = 8 * 1024 * 1024  # bytes of one command that the log gets as they come
TAIL = 256 * 1024  # bytes of the end that it gets as well, where a command printed more
BLOCK = 1 << 16
POLL = 0.1


class Output:
    """The end of a pipe that a command writes to. What is between head and tail is counted and named in the log."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._reading, self.writing = os.pipe()
        self._ended = threading.Event()
        self._tail = bytearray()
        self._passed = 0
        self._cut = 0
        self._thread = threading.Thread(target=self._pump, name="output", daemon=True)

    def __enter__(self) -> Self:
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
            if self._cut:
                write(f"\n[... {self._cut:,} bytes of output were cut here]\n".encode())
            write(self._tail)

    def _pass(self, block: bytes, write: Callable[[bytes], object]) -> None:
        head = block[: HEAD - self._passed]
        if head:
            write(head)
            self._passed += len(head)
        self._tail += block[len(head) :]
        if len(self._tail) > TAIL + 16 * BLOCK:
            surplus = len(self._tail) - TAIL
            del self._tail[:surplus]
            self._cut += surplus
