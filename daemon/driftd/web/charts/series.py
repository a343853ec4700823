"""Charts as numbers that a template writes into an SVG. Sizes are attributes, so no inline style is needed."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from driftd.observe.views import WindowView
from driftd.observe.views.heatmap import HeatView

SLOTS = (15, 30, 60)  # windows for which there is room, so that few do not look like many, and do not get lost either
WIDTH, HEIGHT, TOP = 10, 80, 16  # room of a window, from the base to the threshold, above the threshold
GAP = 2
HIGHEST = 1 + TOP / HEIGHT  # levels above the threshold are cut off here
LEAST = 2  # height of a bar that says nothing
LEVELS = (0.02, 0.05, 0.1, 0.2, 0.35, 0.5)  # effects at which the colour of a cell changes


@dataclass(frozen=True)
class Bar:
    """One window, or neighbours that look the same."""

    x: int
    y: float
    width: int
    height: float
    kind: str
    label: str


@dataclass(frozen=True)
class Chart:
    """Bars from the oldest to the newest."""

    bars: list[Bar]
    width: int
    height: int
    threshold: int


def slots(windows: int) -> int:
    """Return for how many windows a chart of so many has room."""
    return next((each for each in SLOTS if each >= windows), windows)


def bars(windows: Sequence[WindowView]) -> Chart:
    """Draw windows that come the newest first."""
    room = slots(len(windows))
    first = room - len(windows)
    drawn = [_bar((first + place) * WIDTH, window) for place, window in enumerate(reversed(windows))]
    return Chart(drawn, room * WIDTH, HEIGHT + TOP, TOP)


def _bar(x: int, window: WindowView) -> Bar:
    said = window.evidence
    height = max(LEAST, round(HEIGHT * min(said.level if said and said.armed else 0.0, HIGHEST), 1))
    return Bar(x, HEIGHT + TOP - height, WIDTH - GAP, height, kind(window), label(window))


def kind(window: WindowView) -> str:
    """Return the one word that colours a window."""
    said = window.evidence
    if said is None:
        return str(window.state)
    if said.quality:
        return "broken"
    if not said.armed:
        return "unarmed"
    return "alarm" if said.alarm else "warn" if said.warn else "quiet"


def label(window: WindowView) -> str:
    said = window.evidence
    text = f"window {window.number}, {window.rows} rows: {kind(window)}"
    if said and said.armed and not said.quality:
        text += f", {said.level:.0%} of the way to an alarm"
    return text + (f" ({', '.join(name[:80] for name in said.columns)})" if said and said.columns else "")


def level(effect: float) -> int:
    """Return the step of the colour scale of an effect."""
    return sum(effect >= each for each in LEVELS)


def strips(heat: HeatView) -> list[list[Bar]]:
    """Draw each column's effects as one strip; neighbours of one colour are one rectangle."""
    first = slots(len(heat.windows)) - len(heat.windows)
    return [
        [
            _cell(first, [(place, heat.windows[place], effect) for place, effect in group], key)
            for key, group in groupby(enumerate(row.effects), key=lambda each: _shade(each[1]))
        ]
        for row in heat.rows
    ]


def _shade(effect: float | None) -> str:
    return "none" if effect is None else f"h{level(effect)}"


def _cell(first: int, run: Sequence[tuple[int, int, float | None]], shade: str) -> Bar:
    known = [effect for _, _, effect in run if effect is not None]
    place = f"window {run[0][1]}" if len(run) == 1 else f"windows {run[0][1]} to {run[-1][1]}"
    said = (
        f"{place}: effect {f'{max(known):.3f}' if len(run) == 1 else f'up to {max(known):.3f}'}"
        if known
        else f"{place}: not judged"
    )
    return Bar((first + run[0][0]) * WIDTH, 0, len(run) * WIDTH - 1, 1, shade, said)


@dataclass(frozen=True)
class Gain:
    """The interval of a difference on an axis that holds zero; places are shares of the width, in percent."""

    low: float
    middle: float
    high: float
    zero: float
    asked: float


def gain(lower: float, difference: float, upper: float, asked: float) -> Gain:
    """Place an interval and what was asked for."""
    values = (lower, difference, upper, 0.0, asked)
    least, room = min(values), (max(values) - min(values)) or 1.0
    return Gain(*(round(14 + 76 * (value - least) / room, 2) for value in values))
