"""What an alarm was, once a few more windows are there: its pattern, its onset, and whether an earlier regime has come back."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from driftd.detect.evidence.loss_decay import with_loss
from driftd.detect.explanation.change_pattern import classify, returned
from driftd.detect.reference import Reference
from driftd.detect.settings import AFTER, BEFORE, DriftSettings
from driftd.detect.verdict import Verdict
from driftd.profile import Profile

Window = Sequence[pa.RecordBatch]


@dataclass(frozen=True)
class Alarm:
    """What was judged, and what it said.

    Attributes:
        reference: What the windows were judged against.
        columns: The columns that drifted, with their effects; none where they moved together.
    """

    reference: Reference
    columns: Mapping[str, float]

    @property
    def places(self) -> tuple[int, ...]:
        """The features that drifted; all where none is named."""
        layout = self.reference.layout
        named = tuple(
            i for i, each in enumerate(layout.features) if each.column in self.columns and not layout.skipped[i]
        )
        return named or tuple(range(len(layout.features)))

    def counted(self, rows: Window) -> Profile:
        return counted(self.reference, rows)


@dataclass(frozen=True)
class Finding:
    """What an alarm was: a kind of change, the place among the windows where it began, and the earlier regime that came back."""

    kind: str
    onset: int
    regime: int | None


def find_out(
    alarm: Alarm, before: Sequence[Profile], after: Sequence[Window], earlier: Iterable[tuple[int, Reference]]
) -> Finding:
    """Look at the windows around an alarm.

    Args:
        alarm: The alarm.
        before: Counts of the windows before it, in order.
        after: Rows of the windows from it on.
        earlier: Numbers and references of earlier regimes, the latest first.
    """
    after = after[:AFTER]
    pattern = classify(alarm.reference, alarm.places, [*before, *map(alarm.counted, after)], len(before))
    change = max(alarm.columns.values(), default=0.0)
    rows = [batch for window in after for batch in window]
    for number, reference in earlier:
        if not reference.unarmed and returned(reference, counted(reference, rows), change):
            return Finding("recurring", pattern.onset, number)
    return Finding(pattern.kind, pattern.onset, None)


def counted(reference: Reference, rows: Window) -> Profile:
    """Count rows in the cells of a reference."""
    return Profile.of(reference.layout, with_loss(rows, reference.score))


@dataclass
class Aftermath:
    """Follows the regimes of one stream. Regimes are numbered from 1, incidents too."""

    settings: DriftSettings
    archive: list[Reference] = field(default_factory=list)
    _recent: deque[Profile] = field(default_factory=lambda: deque(maxlen=BEFORE + 1))
    _alarm: tuple[Alarm, int] | None = None

    @property
    def waiting(self) -> bool:
        """Whether an alarm has not been told of yet."""
        return self._alarm is not None

    def judged(self, reference: Reference, window: Profile, verdict: Verdict, row_end: int) -> None:
        """Take a judged window; an alarm is waited for."""
        self._recent.append(window)
        if verdict.change and verdict.columns:
            self._alarm = Alarm(reference, {c.name: c.effect for c in verdict.columns if c.drift}), row_end

    def forget(self) -> None:
        """Leave the windows before a new reference behind: its counts are of other cells."""
        self._recent.clear()

    def tell(self, windows: Sequence[Window]) -> dict[str, Any]:
        """Say what the alarm was, from the windows that begin with the one that alarmed; what came before is forgotten."""
        assert self._alarm is not None  # noqa: S101  # `waiting` is asked first
        (alarm, row_end), self._alarm = self._alarm, None
        before = list(self._recent)[:-1]
        numbered = list(enumerate(self.archive, 1))
        found = find_out(alarm, before, windows, reversed(numbered))
        self.archive.append(alarm.reference)
        self._recent.clear()
        return {
            "incident": len(self.archive),
            "alarm_row_end": row_end,
            "pattern": found.kind,
            "onset_row": row_end - self.settings.window_rows * (len(before) - found.onset + 1),
            "regime": found.regime,
        }
