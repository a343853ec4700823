from dataclasses import asdict, dataclass
from typing import Any

from driftd.detect.evidence.loss_decay import Decay


@dataclass(frozen=True)
class StatisticVerdict:
    """One statistic of a column: an effect in its own unit, its p-value if it has one, and a fixed threshold if set."""

    name: str
    value: float
    p_value: float | None
    threshold: float | None


@dataclass(frozen=True)
class ColumnVerdict:
    """What is said of one column.

    `effect` lies between 0 and 1: K-S distance or total variation, the largest of its parts. `evidence` has the unit of the
    verdict's.
    """

    name: str
    kind: str
    drift: bool
    effect: float
    evidence: float
    statistics: tuple[StatisticVerdict, ...]


@dataclass(frozen=True)
class Verdict:
    """What a window says, together with the windows before it.

    Attributes:
        armed: Whether windows are judged at all.
        reason: Why not.
        alarm: The data has drifted.
        warn: It may have.
        evidence: Without drift, at most one window in this many says so much.
        threshold: The evidence from which it is an alarm.
        windows: How many windows the evidence is about, the last one included.
        onset_windows_back: At an alarm, how many windows before the last one the new regime began.
        quality: The data is broken: nulls, not finite or absurd values. Never drift.
        problems: What is broken, for a person.
        columns: The columns, in the schema's order, over the same windows.
        decay: What the model's losses say, where its predictions come with the data.
    """

    armed: bool
    reason: str | None = None
    alarm: bool = False
    warn: bool = False
    evidence: float = 1.0
    threshold: float = 1.0
    windows: int = 1
    onset_windows_back: int | None = None
    quality: bool = False
    problems: tuple[str, ...] = ()
    columns: tuple[ColumnVerdict, ...] = ()
    decay: Decay | None = None

    @property
    def change(self) -> bool:
        """Whether there is something to answer: a drift, or a score that has decayed."""
        return self.alarm or (self.decay is not None and self.decay.alarm)

    def to_json(self) -> dict[str, Any]:
        """Return plain data, as the journal and `--json` have it."""
        return asdict(self)
