"""What other budgets and floors would have said about a recorded stream, so that a person sets them with open eyes."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from statistics import median
from typing import Any

from driftd.detect.settings import DriftSettings

BUDGETS = (500.0, 1000.0, 5000.0, 20_000.0)
FLOORS = (0.0, 0.02, 0.05, 0.1)
HORIZON = 40  # windows after a change in which an alarm is its own

# judges the stream with these settings, a line a window, as `replay` prints them
Judge = Callable[[DriftSettings], Iterable[dict[str, Any]]]


@dataclass(frozen=True)
class Tried:
    """One setting, and what came of it.

    Attributes:
        false_alarms: The budget, in windows to a false alarm.
        min_effect: The floor.
        alarms: The rows at which it alarmed.
        windows: Windows that were judged.
        found: How many of the known changes were followed by an alarm within HORIZON windows, before the next one.
        delays: Windows from each found change to its first alarm.
        others: Alarms that are nobody's; all of them where no change is known.
    """

    false_alarms: float
    min_effect: float
    alarms: tuple[int, ...]
    windows: int
    found: int
    delays: tuple[float, ...]
    others: int

    @property
    def delay(self) -> float | None:
        """The median delay."""
        return median(self.delays) if self.delays else None

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "delay": self.delay}


def tune(
    judge: Judge,
    settings: DriftSettings,
    changes: Sequence[int] = (),
    budgets: Sequence[float] = BUDGETS,
    floors: Sequence[float] = FLOORS,
) -> Iterator[Tried]:
    """Judge a stream with every budget and floor, and score each against the rows where it is known to change."""
    for floor, budget in product(floors, budgets):
        tried = replace(settings, false_alarms=budget, min_effect=floor)
        armed, alarms = 0, []
        for line in judge(tried):
            armed += line.get("armed", False)
            if line.get("drift"):
                alarms.append(line["row_end"])
        yield score(tried, tuple(alarms), armed, sorted(changes))


def score(settings: DriftSettings, alarms: tuple[int, ...], windows: int, changes: Sequence[int]) -> Tried:
    """Say which alarm belongs to which change; a change owns the alarms after it, up to the horizon or the next change."""
    delays: dict[int, float] = {}
    others = 0
    for alarm in alarms:
        owner = max((change for change in changes if change < alarm), default=None)
        if owner is None or alarm > owner + HORIZON * settings.window_rows:
            others += 1
        else:
            delays.setdefault(owner, (alarm - owner) / settings.window_rows)
    return Tried(
        settings.false_alarms, settings.min_effect, alarms, windows, len(delays), tuple(delays.values()), others
    )
