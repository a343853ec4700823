"""Each feature by itself: one valid p-value and an effect, for blocks of merged windows at once."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from driftd.detect.cells import boundaries, coarse, positions
from driftd.profile import Layout
from driftd.profile.binning import Floats, Ints
from driftd.stats import Outcome, Pair, statistic

ORDERED_TESTS = ("ks", "rank", "g", "cell")
UNORDERED_TESTS = ("g", "cell")
SMALLEST_P = 1e-15  # below, asymptotic laws say nothing


@dataclass(frozen=True)
class Tested:
    """P-values and effects, shape (blocks, features).

    `p_values` is the smallest p-value of a feature's tests times their number, 1 where it is not tested; `effects` the
    K-S distance or the total variation.
    """

    p_values: Floats
    effects: Floats


@dataclass(frozen=True)
class Margins:
    """The tests of a reference's features.

    Attributes:
        layout: The features and their fine cells.
        anchor: Cells of the reference as it was built; coarse cells follow from it and stay as they are.
        design: Design effect of each feature.
        tested: Which features are tested.
    """

    layout: Layout
    anchor: Ints
    design: Floats
    tested: NDArray[np.bool_]

    @cached_property
    def ends(self) -> Ints:
        return boundaries(self.anchor)

    @cached_property
    def spots(self) -> Floats:
        return positions(self.layout, self.anchor)

    def test(self, reference: Ints, current: Ints) -> Tested:
        """Compare cells of shape (blocks, features, width)."""
        tested = Tested(np.ones(current.shape[:2]), np.zeros(current.shape[:2]))
        for places, test in ((self.layout.ordered, self._ordered), (self.layout.unordered, self._unordered)):
            if len(places):
                p_values, tested.effects[:, places] = test(places, reference[:, places], current[:, places])
                tested.p_values[:, places] = np.where(self.tested[places], np.minimum(1.0, p_values), 1.0)
        return tested

    def outcome(self, name: str, places: Ints, reference: Ints, current: Ints) -> Outcome:
        """Compute one statistic of some features, all ordered or none, from cells of shape (features, width)."""
        before, now, design = reference[places], current[places], self.design[places]
        if len(places) and self.layout.features[places[0]].ordered and not statistic(name).ordered:
            ends = self.ends[places]
            return statistic(name)(Pair(coarse(before, ends), coarse(now, ends), design=design))
        return statistic(name)(Pair(before, now, self.spots[places], design))

    def _ordered(self, places: Ints, reference: Ints, current: Ints) -> tuple[Floats, Floats]:
        design, ends = self.design[places], self.ends[places]
        fine = Pair(reference, current, design=design)
        grouped = Pair(coarse(reference, ends), coarse(current, ends), design=design)
        found = [statistic(name)(fine if statistic(name).ordered else grouped) for name in ORDERED_TESTS]
        return _smallest(found), found[0].value

    def _unordered(self, places: Ints, reference: Ints, current: Ints) -> tuple[Floats, Floats]:
        filled = max(self.layout.binnings[place].size for place in places)
        pair = Pair(reference[..., :filled], current[..., :filled], design=self.design[places])
        return _smallest([statistic(name)(pair) for name in UNORDERED_TESTS]), statistic("total_variation")(pair).value


def _smallest(outcomes: list[Outcome]) -> Floats:
    p_values = [outcome.p_value for outcome in outcomes if outcome.p_value is not None]
    return np.asarray(np.minimum.reduce(p_values) * len(p_values))
