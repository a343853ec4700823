"""Seasons of the calendar in a recorded stream: which one its rows lie in, by a column of times, and what windows are held against in it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from driftd.config.season_calendar import Days, Occurrence, occurrence
from driftd.detect.history import History
from driftd.detect.offline.replay import Again, Follower, Window
from driftd.detect.reference import Reference
from driftd.detect.settings import DriftSettings
from driftd.profile.features import Column

DAY = 86400


@dataclass(frozen=True)
class Calendar:
    """The seasons, and the column with the times of rows, which are in their order."""

    seasons: Sequence[Days]
    column: str

    def first(self, window: Window) -> tuple[Occurrence | None, int]:
        """Return which season the first rows of a window lie in, and how many they are; a row without a time is of that before it."""
        times = pa.chunked_array([batch.column(self.column) for batch in window])
        days = pc.fill_null_backward(pc.fill_null_forward(times.cast(pa.timestamp("s", "UTC"), safe=False)))
        numbers = days.cast(pa.int64()).fill_null(0).to_numpy() // DAY
        starts = [0, *(np.flatnonzero(np.diff(numbers)) + 1)]
        found = occurrence(self.seasons, float(numbers[0] * DAY))
        for start in starts[1:]:
            if occurrence(self.seasons, float(numbers[start] * DAY)) != found:
                return found, int(start)
        return found, len(numbers)


class Seasonal(Follower):
    """A follower that lets seasons begin and end between windows, as the daemon does."""

    def __init__(
        self, rows: Sequence[pa.RecordBatch], columns: Sequence[Column], settings: DriftSettings, again: Again
    ) -> None:
        super().__init__(rows, columns, settings, again)
        self._season: Occurrence | None = None
        self._from = 0  # the row with which its regime began: its own first, or that of its first change
        self._changed = False
        # what is set aside; within, None where one was being collected
        self._usual: tuple[Reference | None] | None = None
        self._left: dict[str, tuple[int, Reference]] = {}

    def turn(self, now: Occurrence | None) -> Iterator[dict[str, Any]]:
        """Let the season end that is on, and another begin, before the next window."""
        if now == self._season:
            return
        if self._season is not None:
            yield from self._end(self._season)
        self._season = now
        if now is not None:
            yield from self._begin(now)

    def judge(self, window: Window) -> Iterator[dict[str, Any]]:
        before = self._reference if self._collected is None else None
        yield from super().judge(window)
        if self._season is not None and self.regime is not None and not self._changed:
            self._changed, self._from = True, self.regime
            if self._usual is None:
                self._usual = (before,)

    def _begin(self, now: Occurrence) -> Iterator[dict[str, Any]]:
        self._from, self._changed, self._usual = self.position, False, None
        year, reference = self._left.get(now.name, (None, None))
        if reference is not None:
            self._usual = (self._reference if self._collected is None else None,)
            yield from self._watch(reference)
        self._begun = self.position
        yield {"turn": "begin", "season": now.name, "year": now.year, "row": self.position, "against": year}

    def _end(self, now: Occurrence) -> Iterator[dict[str, Any]]:
        rows = self.position - self._from
        kept = rows >= self._settings.rows_to_watch
        if kept:
            made = Reference.build(lambda: self._again(self._from, rows), self._columns, self._settings)
            kept = made.unarmed is None
            if kept:
                self._left[now.name] = now.year, made
        if self._usual is not None:
            yield from self._watch(self._usual[0])
        self._begun = self.position
        yield {"turn": "end", "season": now.name, "year": now.year, "row": self.position, "kept": kept}

    def _watch(self, reference: Reference | None) -> Iterator[dict[str, Any]]:
        """Hold the next windows against a reference; without one collect a new regime."""
        yield from self.end()
        self._aftermath.forget()
        self._collected = [] if reference is None else None
        self._history = History()
        if reference is not None:
            self._reference = reference
