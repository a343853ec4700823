"""What an alarm was, once a few more windows are there: its pattern, its onset, and whether an earlier regime has come back."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from driftd.detect.decay import with_loss
from driftd.detect.pattern import AFTER, BEFORE, classify, returned
from driftd.detect.reference import Reference
from driftd.detect.settings import DriftSettings
from driftd.detect.verdict import Verdict
from driftd.profile import Profile

Window = Sequence[pa.RecordBatch]


@dataclass(frozen=True)
class _Alarm:
    reference: Reference
    places: tuple[int, ...]  # the features that drifted
    effect: float  # the largest of theirs
    row_end: int


@dataclass
class Aftermath:
    """Follows the regimes of one stream. Regimes are numbered from 1, incidents too.

    Attributes:
        settings: What a person decides.
        archive: The references of earlier regimes.
    """

    settings: DriftSettings
    archive: list[Reference] = field(default_factory=list)
    _recent: deque[Profile] = field(default_factory=lambda: deque(maxlen=BEFORE + 1))
    _alarm: _Alarm | None = None

    @property
    def waiting(self) -> bool:
        """Whether an alarm has not been told of yet."""
        return self._alarm is not None

    def judged(self, reference: Reference, window: Profile, verdict: Verdict, row_end: int) -> None:
        """Take a judged window; an alarm is waited for."""
        self._recent.append(window)
        if verdict.change and verdict.columns:
            drifted = {column.name: column.effect for column in verdict.columns if column.drift}
            named = [place for place, each in enumerate(reference.layout.features) if each.column in drifted]
            places = tuple(place for place in named if not reference.layout.skipped[place])
            places = places or tuple(range(len(reference.layout.features)))
            self._alarm = _Alarm(reference, places, max(drifted.values(), default=0.0), row_end)

    def tell(self, windows: Sequence[Window]) -> dict[str, Any]:
        """Say what the alarm was, from the windows that begin with the one that alarmed; what came before is forgotten."""
        assert self._alarm is not None  # noqa: S101  # `waiting` is asked first
        alarm, self._alarm = self._alarm, None
        after = [self._counted(alarm.reference, window) for window in windows[:AFTER]]
        before = list(self._recent)[:-1]
        pattern = classify(alarm.reference, alarm.places, [*before, *after], len(before))
        regime = self._earlier(windows, alarm.effect)
        began = alarm.row_end - self.settings.window_rows * (len(before) - pattern.onset + 1)
        self.archive.append(alarm.reference)
        self._recent.clear()
        return {
            "incident": len(self.archive),
            "alarm_row_end": alarm.row_end,
            "pattern": pattern.kind if regime is None else "recurring",
            "onset_row": began,
            "regime": regime,
        }

    def _earlier(self, windows: Sequence[Window], change: float) -> int | None:
        """Return the number of the latest earlier regime that these rows are like."""
        rows = [batch for window in windows[:AFTER] for batch in window]
        for number in range(len(self.archive), 0, -1):
            earlier = self.archive[number - 1]
            if not earlier.unarmed and returned(earlier, self._counted(earlier, rows), change):
                return number
        return None

    @staticmethod
    def _counted(reference: Reference, rows: Window) -> Profile:
        return Profile.of(reference.layout, with_loss(rows, reference.score))
