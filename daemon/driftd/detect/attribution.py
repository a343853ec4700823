"""Which columns moved, and how much: features brought together by column, each with the statistics that people know."""

import numpy as np

from driftd.detect.column_settings import limits
from driftd.detect.evidence.marginal import FINE, ORDERED_TESTS, SMALLEST_P, UNORDERED_TESTS, Tested
from driftd.detect.reference import Reference
from driftd.detect.settings import DriftSettings
from driftd.detect.verdict import ColumnVerdict, StatisticVerdict
from driftd.stats import Outcome, statistic

ORDERED = (*ORDERED_TESTS, "wasserstein", "psi", "jensen_shannon")
UNORDERED = ("chi_squared", *UNORDERED_TESTS, "psi", "jensen_shannon")
LEVEL = 0.01

# the statistics of each tested feature, by its place
Said = dict[int, list[StatisticVerdict]]


def describe(
    reference: Reference, tested: Tested, block: int, said: Said, moved: frozenset[int]
) -> tuple[ColumnVerdict, ...]:
    """Say what is to be said of each column about a block; `moved` are the features that drifted."""
    columns: dict[str, list[int]] = {}
    for place, feature in enumerate(reference.layout.features):
        if place != reference.loss:
            columns.setdefault(feature.column, []).append(place)
    family = max(int(reference.tested.sum()), 1)
    effects = tested.effects[block].tolist()
    evidence = (1 / np.clip(tested.p_values[block] * family, SMALLEST_P, 1.0)).tolist()
    return tuple(
        ColumnVerdict(
            name=name,
            kind=reference.layout.features[places[0]].kind,
            drift=not moved.isdisjoint(places),
            effect=max(effects[place] for place in places),
            evidence=max(evidence[place] for place in places),
            statistics=tuple(s for place in places for s in said.get(place, ())),
        )
        for name, places in columns.items()
    )


def attribute(tested: Tested, block: int, settings: DriftSettings) -> frozenset[int]:
    """Return the features that explain an alarm of one block.

    Of those that reach the effect floor they are the ones whose p-values Benjamini and Hochberg accept at 1 %; where none is
    enough by itself, the one with the smallest p-value.
    """
    p_values, effects = tested.p_values[block], tested.effects[block]
    ordered = np.sort(p_values)
    below = np.flatnonzero(ordered <= LEVEL * np.arange(1, len(ordered) + 1) / len(ordered))
    moved = (p_values <= (ordered[below[-1]] if len(below) else -1.0)) & (effects >= settings.min_effect)
    return frozenset(map(int, np.flatnonzero(moved))) or frozenset([int(p_values.argmin())])


def exceeded(said: Said) -> frozenset[int]:
    """Return the features of which a statistic reached the threshold that a person fixed for it."""
    return frozenset(
        place for place, each in said.items() if any(s.threshold is not None and s.value >= s.threshold for s in each)
    )


def statistics(reference: Reference, tested: Tested, block: int, settings: DriftSettings) -> Said:
    """Say what each statistic is for each tested feature in a block; they are named `part.statistic` where a column has parts.

    Args:
        reference: What was compared with.
        tested: The tests, of which the block's are taken, and the counts for the statistics that are no test.
        block: Its place.
        settings: Give the fixed thresholds.
    """
    found: Said = {}
    for ordered, names in ((True, ORDERED), (False, UNORDERED)):
        places = reference.margins.places(ordered)
        fixed = {int(place): limits(reference.layout.features[place], settings) for place in places}
        if not fixed:
            continue
        prefixes = [f"{part}." if (part := reference.layout.features[place].part) else "" for place in places]
        lists = [found.setdefault(place, []) for place in fixed]
        for name in dict.fromkeys([*names, *(name for each in fixed.values() for name in each)]):
            done = tested.outcomes.get((ordered, name))
            made = done or statistic(name)(tested.pair(ordered, name in FINE, block))
            values, p_values = _of_block(made, block if done else None)
            for own, prefix, limit, value, p_value in zip(
                lists, prefixes, fixed.values(), values, p_values, strict=True
            ):
                if name in names or name in limit:
                    own.append(StatisticVerdict(prefix + name, value, p_value, limit.get(name)))
    return found


def _of_block(outcome: Outcome, block: int | None = None) -> tuple[list[float], list[float | None]]:
    """Return a statistic's values and p-values for each feature, of one block where there are several."""
    value, p_value = outcome
    if block is not None:
        value, p_value = value[block], None if p_value is None else p_value[block]
    return value.tolist(), [None] * len(value) if p_value is None else p_value.tolist()
