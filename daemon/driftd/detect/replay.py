"""A recorded stream, judged as it would have been when it came: no line depends on a later row."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from driftd.detect.aftermath import Aftermath
from driftd.detect.decay import with_loss
from driftd.detect.history import History
from driftd.detect.monitor import step
from driftd.detect.reference import Reference
from driftd.detect.regime import COLLECTING, MOVING, settled
from driftd.detect.settings import AFTER, DriftSettings
from driftd.detect.verdict import Verdict
from driftd.profile import Profile
from driftd.profile.features import Column


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
    again: Callable[[int, int], Iterable[pa.RecordBatch]],
) -> Iterator[dict[str, Any]]:
    """Judge windows; after an alarm those of the new regime are collected until there are enough to go on.

    `again` gives rows of the stream once more, from this one on this many: a regime may have begun long before its alarm, and windows
    are not held for that.
    """
    stream = Stream(iter(batches))
    rows = stream.take(reference_rows)
    if rows is None:
        return
    reference, history, aftermath = _build(rows, columns, settings), History(), Aftermath(settings)
    del rows  # they may be large
    begun = stream.position
    regime: list[list[pa.RecordBatch]] | None = None
    since: list[list[pa.RecordBatch]] = []
    while window := stream.take(settings.window_rows):
        if regime is not None:
            regime.append(window)
            since.append(window)
            yield _line(stream.position, Verdict(armed=False, reason=COLLECTING))
            found = _watchable(regime, columns, settings)
            if aftermath.waiting and (found is not None or len(since) >= AFTER):
                yield aftermath.tell(since)
            if found is not None:
                reference, history, regime = found, History(), None
                begun = stream.position
            continue
        counted = Profile.of(reference.layout, with_loss(window, reference.score))
        done = step(reference, history, counted, settings)
        aftermath.judged(reference, counted, done.verdict, stream.position)
        reference, history = done.reference, done.history
        yield _line(stream.position, done.verdict)
        if done.verdict.change:
            back = 1 + (done.verdict.onset_windows_back or 0)
            first = max(stream.position - back * settings.window_rows, begun)
            regime = windows_of(again(first, stream.position - first), settings.window_rows)
            since = [window]
    if aftermath.waiting:
        yield aftermath.tell(since)


def windows_of(batches: Iterable[pa.RecordBatch], rows: int) -> list[list[pa.RecordBatch]]:
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


def _watchable(
    regime: Sequence[Sequence[pa.RecordBatch]], columns: Sequence[Column], settings: DriftSettings
) -> Reference | None:
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
