"""A recorded stream, judged as it would have been when it came: no line depends on a later row."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from driftd.detect.evidence.loss_decay import with_loss
from driftd.detect.explanation.diagnosis import Aftermath
from driftd.detect.history import History
from driftd.detect.reference import Reference
from driftd.detect.regime import MOVING, settled
from driftd.detect.sequential_test import step
from driftd.detect.settings import AFTER, COLLECTING, DriftSettings
from driftd.detect.verdict import Verdict
from driftd.profile import Profile
from driftd.profile.features import Column

if TYPE_CHECKING:
    from driftd.detect.offline.season_replay import Calendar

Window = Sequence[pa.RecordBatch]
Again = Callable[[int, int], Iterable[pa.RecordBatch]]


@dataclass
class Stream:
    """Rows that are taken from the front and can be given back."""

    batches: Iterator[pa.RecordBatch]
    waiting: deque[pa.RecordBatch] = field(default_factory=deque)
    position: int = 0

    def take(self, rows: int) -> list[pa.RecordBatch] | None:
        """Return the next rows, or None where fewer are left."""
        have = sum(batch.num_rows for batch in self.waiting)
        while have < rows:
            batch = next(self.batches, None)
            if batch is None:
                return None
            self.waiting.append(batch)
            have += batch.num_rows
        taken = []
        left = rows
        while left:
            batch = self.waiting.popleft()
            taken.append(batch.slice(0, left))
            if batch.num_rows > left:
                self.waiting.appendleft(batch.slice(left))
            left -= taken[-1].num_rows
        self.position += rows
        return taken

    def rest(self) -> list[pa.RecordBatch]:
        """Return what is left, less than was last asked for."""
        return [*self.waiting, *self.batches]

    def give_back(self, batches: Sequence[pa.RecordBatch]) -> None:
        """Put rows back to the front."""
        self.waiting.extendleft(reversed(batches))
        self.position -= sum(batch.num_rows for batch in batches)


def replay_rows(
    batches: Iterable[pa.RecordBatch],
    columns: Sequence[Column],
    settings: DriftSettings,
    *,
    reference_rows: int,
    explain: bool = True,
) -> Iterator[dict[str, Any]]:
    """Judge windows; after an alarm the rows that begin with its window are the next reference.

    While that still moves, windows are not judged, and the newest rows are the reference. Without `explain` no columns are told.
    """
    stream, aftermath = Stream(iter(batches)), Aftermath(settings)
    waits = 0
    while rows := stream.take(reference_rows):
        if aftermath.waiting:
            yield aftermath.tell(windows_of(rows, settings.window_rows))
        reference, history = _build(rows, columns, settings), History()
        while window := stream.take(settings.window_rows):
            if reference.moving and waits:
                waits -= 1
                yield _line(stream.position, Verdict(armed=False, reason=MOVING))
                rows = last([*rows, *window], reference_rows)
                reference = _build(rows, columns, settings)
                continue
            counted = Profile.of(reference.layout, with_loss(window, reference.score))
            done = step(reference, history, counted, settings, explain=explain)
            aftermath.judged(reference, counted, done.verdict, stream.position)
            reference, history = done.reference, done.history
            yield _line(stream.position, done.verdict)
            if done.verdict.alarm:
                stream.give_back(window)
                waits = settings.patience
                break
    if aftermath.waiting and (rest := stream.rest()):
        yield aftermath.tell(windows_of(rest, settings.window_rows))


def replay_daemon(
    batches: Iterable[pa.RecordBatch],
    columns: Sequence[Column],
    settings: DriftSettings,
    *,
    reference_rows: int,
    again: Again,
    calendar: "Calendar | None" = None,
) -> Iterator[dict[str, Any]]:
    """Judge windows; after an alarm those of the new regime are collected until there are enough to go on.

    With a calendar windows end where its seasons begin or end, and are held against what their season left the last time.
    """
    from driftd.detect.offline.season_replay import Seasonal

    stream = Stream(iter(batches))
    rows = stream.take(reference_rows)
    if rows is None:
        return
    follower = Seasonal(rows, columns, settings, again)
    del rows  # they may be large
    while window := stream.take(settings.window_rows):
        if calendar is not None:
            season, first = calendar.first(window)
            whole = pa.Table.from_batches(window)
            stream.give_back(whole.slice(first).to_batches())
            window = whole.slice(0, first).to_batches()  # the rest of it is the next one's
            yield from follower.turn(season)
        yield from follower.judge(window)
    yield from follower.end()


class Follower:
    """What the daemon does with the windows of a stream, one at a time.

    `again` gives rows of the stream once more, from this one on this many: a regime may have begun long before its alarm, and windows
    are not held for that. `regime` is the row with which the regime began that the last window alarmed at; None where it did not.
    """

    def __init__(
        self, rows: Sequence[pa.RecordBatch], columns: Sequence[Column], settings: DriftSettings, again: Again
    ) -> None:
        self._columns = columns
        self._settings = settings
        self._again = again
        self._reference, self._history = _build(rows, columns, settings), History()
        self._aftermath = Aftermath(settings)
        self._collected: list[Window] | None = None
        self._since: list[Window] = []
        self.position = self._begun = sum(batch.num_rows for batch in rows)
        self.regime: int | None = None

    def judge(self, window: Window) -> Iterator[dict[str, Any]]:
        """Take the next window and say what there is to say."""
        self.position += sum(batch.num_rows for batch in window)
        self.regime = None
        if self._collected is not None:
            yield from self._collect(self._collected, window)
            return
        counted = Profile.of(self._reference.layout, with_loss(window, self._reference.score))
        done = step(self._reference, self._history, counted, self._settings)
        self._aftermath.judged(self._reference, counted, done.verdict, self.position)
        self._reference, self._history = done.reference, done.history
        if done.verdict.change:
            back = 1 + (done.verdict.onset_windows_back or 0)
            self.leave(self.position - back * self._settings.window_rows, window)
        yield _line(self.position, done.verdict)

    def leave(self, first: int, window: Window) -> None:
        """Collect a new regime, which began with a row, from the window that was just judged on."""
        self.regime = max(first, self._begun)
        rows = self._again(self.regime, self.position - self.regime)
        if self._collected is None or not self._aftermath.waiting:  # else an alarm waits for the windows since it
            self._since = [window]
        self._collected = windows_of(rows, self._settings.window_rows)

    def end(self) -> Iterator[dict[str, Any]]:
        """Say what is left to say when the stream has ended."""
        if self._aftermath.waiting:
            yield self._aftermath.tell(self._since)

    def _collect(self, collected: list[Window], window: Window) -> Iterator[dict[str, Any]]:
        collected.append(window)
        self._since.append(window)
        yield _line(self.position, Verdict(armed=False, reason=COLLECTING))
        found = _watchable(collected, self._columns, self._settings)
        if self._aftermath.waiting and (found is not None or len(self._since) >= AFTER):
            yield self._aftermath.tell(self._since)
        if found is not None:
            self._reference, self._history, self._collected = found, History(), None
            self._begun = self.position
            self._aftermath.forget()


def windows_of(batches: Iterable[pa.RecordBatch], rows: int) -> list[Window]:
    """Cut rows into whole windows."""
    stream = Stream(iter(batches))
    return list(iter(lambda: stream.take(rows), None))


def last(batches: Sequence[pa.RecordBatch], rows: int) -> list[pa.RecordBatch]:
    """Return the newest rows."""
    kept: deque[pa.RecordBatch] = deque()
    left = rows
    for batch in reversed(batches):
        if left <= 0:
            break
        kept.appendleft(batch.slice(max(batch.num_rows - left, 0)))
        left -= kept[0].num_rows
    return list(kept)


def _watchable(regime: Sequence[Window], columns: Sequence[Column], settings: DriftSettings) -> Reference | None:
    """Make a reference of a regime, if it is ready."""
    rows = [batch for window in regime for batch in window]
    have = sum(batch.num_rows for batch in rows)
    if have < settings.rows_to_watch:
        return None
    reference, wait = settled(lambda newest: last(rows, newest), columns, settings, have)
    return None if wait else reference


def _build(rows: Sequence[pa.RecordBatch], columns: Sequence[Column], settings: DriftSettings) -> Reference:
    return Reference.build(lambda: rows, columns, settings)


def _line(row_end: int, verdict: Verdict) -> dict[str, Any]:
    said = verdict.to_json()
    return {"row_end": row_end, "drift": said.pop("alarm"), **said}
