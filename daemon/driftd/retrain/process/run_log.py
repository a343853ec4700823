"""A run's log: what a person reads to see what it did."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from driftd.journal.files import make_folder

STEP = b"\n=== "  # what a step begins with


class RunLog:
    """Appends lines; commands append their output to the same file."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self.path = make_folder(folder) / "log"
        self._clock = clock
        self.path.touch()

    def line(self, text: str) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(f"{text}\n")

    def step(self, name: str) -> None:
        at = datetime.fromtimestamp(self._clock(), UTC)
        self.line(f"{STEP.decode()}{name}  {at:%Y-%m-%d %H:%M:%S} UTC")
