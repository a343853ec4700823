"""Cuts admitted rows, in the order of their admission, into windows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from driftd.config.season_calendar import Occurrence, occurrence
from driftd.journal import tables
from driftd.journal.records import WindowState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from driftd.config import Project
    from driftd.config.season_calendar import Days
    from driftd.journal import Journal

PAGE = 2000  # files that are looked at at once
AT_ONCE = 100  # windows of one write

# What arrived earlier and is still being read comes first, so later files wait for it.
_OPEN = """
    SELECT id, rows, windowed, admitted_at, came_at FROM files
    WHERE project = ?1 AND state = 'admitted' AND windowed < rows AND id > ?2
      AND id < coalesce((SELECT min(id) FROM files WHERE project = ?1 AND state = 'arrived'), 9223372036854775807)
    ORDER BY id LIMIT ?3
"""


@dataclass
class Cut:
    """A window that is being filled: spans of [file, first row, rows], and since when its oldest row waits."""

    size: int
    spans: list[tuple[int, int, int]] = field(default_factory=list)
    rows: int = 0
    since: float = 0.0
    season: Occurrence | None = None

    def take(self, file_id: int, first: int, rows: int, admitted_at: float) -> int:
        """Take as many of a file's rows as fit; return how many."""
        taken = min(self.size - self.rows, rows)
        if not self.spans:
            self.since = admitted_at
        self.spans.append((file_id, first, taken))
        self.rows += taken
        return taken

    @property
    def full(self) -> bool:
        return self.rows == self.size

    def ends_before(self, season: Occurrence | None) -> bool:
        """Say whether rows of a season, or of none, are for the next window."""
        return self.rows > 0 and season != self.season


def close_windows(journal: Journal, name: str, settings: Project, now: float) -> int:
    """Close every window that is due; return how many. `now` only tells age: what a window holds follows from the journal."""
    closed = 0
    ready: list[tuple[Cut, str]] = []
    for cut, last in _cuts(journal, name, settings.window.rows, settings.drift.seasons):
        age = settings.window.max_age
        if cut.full:
            ready.append((cut, "rows"))
        elif not last:
            ready.append((cut, "season"))
        elif age is not None and now - cut.since >= age:
            ready.append((cut, "age"))
        if len(ready) == AT_ONCE:
            closed += _close(journal, name, ready)
            ready = []
    return closed + _close(journal, name, ready)


def _cuts(journal: Journal, name: str, size: int, seasons: Sequence[Days]) -> Iterator[tuple[Cut, bool]]:
    """Yield windows that are full or end with a season's first or last rows, and at the end what is left and may still grow."""
    cut = Cut(size)
    position = 0
    while page := journal.rows(_OPEN, name, position, PAGE):
        for file in page:
            first = file["windowed"]
            season = occurrence(seasons, file["came_at"])
            if cut.ends_before(season):
                yield cut, False
                cut = Cut(size)
            cut.season = season
            while first < file["rows"]:
                first += cut.take(file["id"], first, file["rows"] - first, file["admitted_at"])
                if cut.full:
                    yield cut, False
                    cut = Cut(size, season=season)
        position = page[-1]["id"]
    if cut.rows:
        yield cut, True


def _close(journal: Journal, name: str, ready: list[tuple[Cut, str]]) -> int:
    if not ready:
        return 0
    with journal.write():
        last = journal.rows("SELECT coalesce(max(number), 0) AS n FROM windows WHERE project = ?", name)[0]["n"]
        for number, (cut, by) in enumerate(ready, last + 1):
            window_id = tables.windows.add(
                journal,
                project=name,
                number=number,
                spans=cut.spans,
                rows=cut.rows,
                closed_at=journal.clock(),
                closed_by=by,
                state=WindowState.CLOSED,
            )
            for file_id, first, rows in cut.spans:
                tables.files.update(journal, file_id, windowed=first + rows)
            journal.emit("window-closed", project=name, subject=window_id, window=number, rows=cut.rows, closed_by=by)
    return len(ready)
