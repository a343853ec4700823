"""When a file is complete: closed or moved in, or unchanged for a while."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from driftd.intake.listing import Found

JUMP = 1.0  # seconds that wall clock and monotonic clock may part between two looks
HINTS = 10_000  # more are forgotten; those files settle by time


@dataclass(frozen=True)
class _Sight:
    size: int
    mtime_ns: int
    since: float
    strict: bool = False  # it changed when it should not have; only time settles it


class Settling:
    """Remembers unfinished files between looks. Times of change are measured by the monotonic clock."""

    def __init__(self, settle: float, wall: Callable[[], float], monotonic: Callable[[], float]) -> None:
        self._settle = settle
        self._wall = wall
        self._monotonic = monotonic
        self._seen: dict[bytes, _Sight] = {}
        self._offset: float | None = None
        self._lock = threading.Lock()
        self._complete: set[bytes] = set()

    def closed(self, path: bytes) -> None:
        """Hear that a writer closed a file, or that it was moved in; may be called by any thread."""
        with self._lock:
            if len(self._complete) < HINTS:
                self._complete.add(path)

    def reopened(self, path: bytes) -> None:
        """Hear that a new file of this name is being written."""
        with self._lock:
            self._complete.discard(path)

    def defer(self, file: Found) -> None:
        """Let a file that changed while it was read settle by time alone."""
        self._seen[file.path] = _Sight(file.size, file.mtime_ns, self._monotonic(), strict=True)

    def ready(self, found: Iterable[Found]) -> tuple[list[Found], float | None]:
        """Return the complete files, and in how many seconds another may be."""
        now, wall = self._monotonic(), self._wall()
        offset = wall - now
        steady = self._offset is None or abs(offset - self._offset) < JUMP
        self._offset = offset
        with self._lock:
            complete, self._complete = self._complete, set()
        done: list[Found] = []
        kept: dict[bytes, _Sight] = {}
        for file in found:
            sight = self._seen.get(file.path)
            strict = sight is not None and sight.strict
            if sight is not None and (sight.size, sight.mtime_ns) == (file.size, file.mtime_ns):
                since, settled = sight.since, now - sight.since >= self._settle
            else:
                since, settled = now, sight is None and steady and self._old(file, wall)
            if settled or (file.path in complete and not strict):
                done.append(file)
            else:
                kept[file.path] = _Sight(file.size, file.mtime_ns, since, strict)
        self._seen = kept
        return done, min((s.since + self._settle - now for s in kept.values()), default=None)

    def _old(self, file: Found, wall: float) -> bool:
        """Say whether a file that is seen for the first time was left alone for long enough; a time in the future says nothing."""
        return wall - file.mtime_ns / 1e9 >= self._settle
