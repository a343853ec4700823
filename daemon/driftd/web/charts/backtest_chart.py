"""The chart of a backtest: the score of each policy over the windows, as numbers that a template writes into an SVG."""

from collections.abc import Sequence
from dataclasses import dataclass

from driftd.backtest.result import Line, Result

WIDTH, HEIGHT = 1000, 260
SMOOTH = 30  # a point is the mean of so many-th part of all windows
STEPS = 4  # lines of the grid


@dataclass(frozen=True)
class Curve:
    """One policy; `number` tells its colour and dashes, driftd's is 0."""

    number: int
    name: str
    points: str


@dataclass(frozen=True)
class Mark:
    """Something that happened after a window."""

    x: float
    kind: str
    label: str


@dataclass(frozen=True)
class Curves:
    curves: list[Curve]
    marks: list[Mark]
    grid: list[tuple[float, str]]  # height, score
    span: int  # windows that a point is the mean of
    width: int = WIDTH
    height: int = HEIGHT


def draw(result: Result) -> Curves:
    """Draw running means; the scores that are there fill the height."""
    windows = len(result.policies[0].windows)
    span = max(1, windows // SMOOTH)
    means = [_running(line, span) for line in result.policies]
    known = [mean for line in means for mean in line if mean is not None]
    low, high = min(known, default=0.0), max(known, default=1.0)
    room = (high - low) or 1.0

    def place(number: int, mean: float) -> str:
        return f"{_x(number + 1, windows):.1f},{HEIGHT * (1 - (mean - low) / room):.1f}"

    curves = [
        Curve(number, line.name, " ".join(place(at, mean) for at, mean in enumerate(drawn) if mean is not None))
        for number, (line, drawn) in enumerate(zip(result.policies, means, strict=True))
    ]
    marks = [
        Mark(_x(each.opened, windows), "opened", f"window {each.opened}: {each.kind}: {each.summary}")
        for each in result.incidents
    ]
    marks += [Mark(_x(run.window, windows), run.outcome, f"window {run.window}: {run.outcome}") for run in result.runs]
    grid = [(HEIGHT * step / STEPS, f"{high - room * step / STEPS:.3f}") for step in range(STEPS + 1)]
    return Curves(curves, marks, grid, span)


def _x(window: int, windows: int) -> float:
    return WIDTH * window / windows


def _running(line: Line, span: int) -> Sequence[float | None]:
    found: list[float | None] = []
    for end in range(1, len(line.windows) + 1):
        known = [score for score in line.windows[max(0, end - span) : end] if score is not None]
        found.append(sum(known) / len(known) if known else None)
    return found
