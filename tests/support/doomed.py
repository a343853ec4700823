"""Work that kills its process, at the moment that a test chooses.

with Doom(tmp_path / "doom") as doom:
    work = workers.submit(die, doom.address)
    doom.strike()
"""

import os
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Self


def die(address: str) -> None:
    """Say that the process has begun, and end it once it is told to."""
    with Client(address) as told:
        told.recv()
        os._exit(1)


class Doom:
    """Where processes that run `die` wait for their end."""

    def __init__(self, path: Path) -> None:
        self.address = str(path)
        self._listener = Listener(self.address)

    def await_victim(self) -> Connection:
        """Return the next process that has begun, as what ends it."""
        return self._listener.accept()

    def strike(self) -> None:
        """End the next process that begins."""
        with self.await_victim() as victim:
            victim.send(None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
