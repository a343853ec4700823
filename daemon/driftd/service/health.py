"""Whether the daemon can do its work right now: a list of checks that /readyz, `driftd status` and the watchdog share."""

import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from driftd.errors import DriftdError
from driftd.journal import Journal

HEARTBEAT_LIMIT = (
    300.0  # seconds without a sign of life after which a loop counts as stuck; one huge file takes a while
)


@dataclass(frozen=True)
class Check:
    """One thing that must be right before the daemon calls itself ready."""

    name: str
    ok: bool
    detail: str


class Loop(Protocol):
    """What health needs to know of a project's loop."""

    name: str

    @property
    def heartbeat(self) -> float: ...

    ready: bool
    problem: str | None


class Health:
    """The checks, taken anew each time they are asked for."""

    def __init__(self, journal: Journal, loops: Callable[[], Sequence[Loop]]) -> None:
        self.stopping = False
        self.settings = "are in force"
        self._journal = journal
        self._loops = loops

    def checks(self) -> list[Check]:
        own = Check("daemon", ok=not self.stopping, detail="is stopping" if self.stopping else "is running")
        settings = Check("settings", ok=True, detail=self.settings)  # refused ones keep nothing from working
        return [own, self._journal_check(), settings, *(project_check(loop) for loop in self._loops())]

    def fresh(self) -> bool:
        """Return whether every loop has shown a sign of life lately."""
        return all(time.monotonic() - loop.heartbeat < HEARTBEAT_LIMIT for loop in self._loops())

    def settled(self) -> bool:
        """Return whether every project has had its first scan, or says what keeps it from one."""
        return all(loop.ready or loop.problem for loop in self._loops())

    def _journal_check(self) -> Check:
        try:
            self._journal.rows("SELECT 1 FROM projects LIMIT 1")
        except (sqlite3.Error, DriftdError) as error:
            return Check("journal", ok=False, detail=f"cannot be read: {error}")
        return Check("journal", ok=True, detail="is readable")


def project_check(loop: Loop) -> Check:
    name = f"project {loop.name}"
    silent = time.monotonic() - loop.heartbeat
    if silent > HEARTBEAT_LIMIT:
        return Check(name, ok=False, detail=f"has shown no sign of life for {silent:.0f} s")
    if loop.problem:
        return Check(name, ok=False, detail=loop.problem)
    if not loop.ready:
        return Check(name, ok=False, detail="has not finished its first scan")
    return Check(name, ok=True, detail="is watching")
