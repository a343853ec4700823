"""Windows as bars, in numbers that a template writes into an SVG. Sizes are attributes, so no inline style is needed."""

from collections.abc import Sequence
from dataclasses import dataclass

from driftd.observe.views import WindowView

WIDTH, GAP, HEIGHT, TOP = 6, 2, 80, 16  # of a bar, between bars, from the base to the threshold, above the threshold
HIGHEST = 1 + TOP / HEIGHT  # levels above the threshold are cut off here
LEAST = 2  # height of a bar that says nothing


@dataclass(frozen=True)
class Bar:
    """One window."""

    x: int
    y: float
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
    bar: int


def bars(windows: Sequence[WindowView]) -> Chart:
    """Draw windows that come the newest first."""
    drawn = [_bar(place * (WIDTH + GAP), window) for place, window in enumerate(reversed(windows))]
    return Chart(drawn, max(1, len(drawn)) * (WIDTH + GAP) - GAP, HEIGHT + TOP, TOP, WIDTH)


def _bar(x: int, window: WindowView) -> Bar:
    said = window.evidence
    height = max(LEAST, round(HEIGHT * min(said.level if said and said.armed else 0.0, HIGHEST), 1))
    return Bar(x, HEIGHT + TOP - height, height, kind(window), label(window))


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
    return text + (f" ({', '.join(said.columns)})" if said and said.columns else "")
