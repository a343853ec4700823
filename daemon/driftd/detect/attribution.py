"""Which columns moved, and how much: features brought together by column, each with the statistics that people know."""

from collections.abc import Mapping

import numpy as np

from driftd.detect.margins import ORDERED_TESTS, UNORDERED_TESTS
from driftd.detect.reference import Reference
from driftd.detect.settings import DriftSettings
from driftd.detect.verdict import ColumnVerdict, StatisticVerdict
from driftd.profile import Feature
from driftd.profile.binning import Floats, Ints

ORDERED = (*ORDERED_TESTS, "wasserstein", "psi", "jensen_shannon")
UNORDERED = ("chi_squared", *UNORDERED_TESTS, "psi", "jensen_shannon")
LEVEL = 0.01
SMALLEST_P = 1e-15


def describe(
    reference: Reference, before: Ints, now: Ints, settings: DriftSettings, *, alarm: bool
) -> tuple[ColumnVerdict, ...]:
    """Say for each column whether it moved, from cells of shape (features, width).

    Of the columns that reach the effect floor those moved whose p-values Benjamini and Hochberg accept at 1 %; at an
    alarm that no column explains alone, the one with the smallest p-value.
    """
    tested = reference.margins.test(before[None], now[None])
    p_values, effects = tested.p_values[0], tested.effects[0]
    moved = _accepted(p_values) & (effects >= settings.min_effect)
    if alarm and not moved.any():
        moved[p_values.argmin()] = True
    columns: dict[str, list[int]] = {}
    for place, feature in enumerate(reference.layout.features):
        columns.setdefault(feature.column, []).append(place)
    said = statistics(reference, before, now, settings)
    return tuple(
        ColumnVerdict(
            name=name,
            kind=reference.layout.features[places[0]].kind,
            drift=alarm and bool(moved[places].any()),
            effect=float(effects[places].max()),
            evidence=float(1 / max(min(1.0, p_values[places].min() * reference.tested.sum()), SMALLEST_P)),
            statistics=tuple(s for place in places for s in said.get(place, ())),
        )
        for name, places in columns.items()
    )


def statistics(
    reference: Reference, before: Ints, now: Ints, settings: DriftSettings
) -> dict[int, list[StatisticVerdict]]:
    """Compute the statistics of each tested feature; they are named `part.statistic` where a column has parts."""
    layout = reference.layout
    found: dict[int, list[StatisticVerdict]] = {}
    for places, names in ((layout.ordered, ORDERED), (layout.unordered, UNORDERED)):
        fixed = {int(place): limits(layout.features[place], settings) for place in places}
        for name in dict.fromkeys([*names, *(name for each in fixed.values() for name in each)]):
            outcome = reference.margins.outcome(name, places, before, now)
            for row, place in enumerate(map(int, places)):
                if name in names or name in fixed[place]:
                    p_value = None if outcome.p_value is None else float(outcome.p_value[row])
                    part = layout.features[place].part
                    label = f"{part}.{name}" if part else name
                    said = StatisticVerdict(label, float(outcome.value[row]), p_value, fixed[place].get(name))
                    found.setdefault(place, []).append(said)
    return found


def limits(feature: Feature, settings: DriftSettings) -> Mapping[str, float]:
    """Return the fixed thresholds of a feature, its own or its column's."""
    return settings.thresholds.get(feature.name, settings.thresholds.get(feature.column, {}))


def _accepted(p_values: Floats) -> np.ndarray:
    """Return which hypotheses Benjamini and Hochberg reject at LEVEL."""
    ordered = np.sort(p_values)
    bar = LEVEL * np.arange(1, len(ordered) + 1) / len(ordered)
    below = np.flatnonzero(ordered <= bar)
    return p_values <= (ordered[below[-1]] if len(below) else -1.0)
