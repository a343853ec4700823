"""Each feature by itself: one valid p-value and an effect, for blocks of merged windows at once."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from driftd.detect.evidence.coarse_cells import boundaries, coarse, positions
from driftd.profile import Layout
from driftd.profile.binning import Floats, Ints
from driftd.stats import Outcome, Pair, statistic

ORDERED_TESTS = ("ks", "rank", "g", "cell")
UNORDERED_TESTS = ("g", "cell")
# these read the fine cells; to the others coarse ones tell as much
FINE = ("ks", "cramer_von_mises", "wasserstein")
SMALLEST_P = 1e-15  # below, asymptotic laws say nothing

# what a statistic said of the ordered (True) or of the other features, shape (blocks, features)
Outcomes = dict[tuple[bool, str], Outcome]


@dataclass(frozen=True)
class Tested:
    """P-values and effects, shape (blocks, features).

    `p_values` is the smallest p-value of a feature's tests times their number, 1 where it is not tested; `effects` the
    K-S distance or the total variation; `outcomes` and `pairs` what they were made of.
    """

    p_values: Floats
    effects: Floats
    outcomes: Outcomes = field(default_factory=dict)
    pairs: dict[bool, dict[bool, Pair]] = field(default_factory=dict)

    def pair(self, ordered: bool, fine: bool, block: int) -> Pair:
        """Return the counts of a block that were compared, of the features on an axis or of the others."""
        pair = self.pairs[ordered][fine]
        before, now = (side[block if len(side) > 1 else 0] for side in (pair.reference, pair.current))
        return Pair(before, now, pair.positions, pair.design)


@dataclass(frozen=True)
class Margins:
    """The tests of a reference's features.

    Attributes:
        layout: The features and their fine cells.
        anchor: Cells of the reference as it was built; coarse cells follow from it and stay as they are.
        design: Design effect of each feature.
        tested: Which features are tested.
        told: The reference's rows that are not compared, because they told which values a category has; of the shape of `anchor`.
    """

    layout: Layout
    anchor: Ints
    design: Floats
    tested: NDArray[np.bool_]
    told: Ints

    @cached_property
    def ends(self) -> Ints:
        return boundaries(self.anchor)

    @cached_property
    def spots(self) -> Floats:
        return positions(self.layout, self.anchor)

    def test(self, reference: Ints, current: Ints) -> Tested:
        """Compare cells of shape (blocks, features, width)."""
        tested = Tested(np.ones(current.shape[:2]), np.zeros(current.shape[:2]))
        for ordered, names, effect in ((True, ORDERED_TESTS, "ks"), (False, UNORDERED_TESTS, "total_variation")):
            places = self.places(ordered)
            if not len(places):
                continue
            pairs = self.pairs(ordered, reference, current)
            tested.pairs[ordered] = pairs
            found = {name: statistic(name)(pairs[name in FINE]) for name in dict.fromkeys((*names, effect))}
            tested.outcomes.update({(ordered, name): outcome for name, outcome in found.items()})
            p_values = [np.asarray(found[name].p_value) for name in names]
            smallest = np.minimum(1.0, np.minimum.reduce(p_values) * len(names))
            tested.p_values[:, places] = np.where(self.tested[places], smallest, 1.0)
            tested.effects[:, places] = found[effect].value
        return tested

    def places(self, ordered: bool) -> Ints:
        """Return the places of the features on an axis, or of the others."""
        return self.layout.ordered if ordered else self.layout.unordered

    def pairs(self, ordered: bool, reference: Ints, current: Ints) -> dict[bool, Pair]:
        """Return the counts that statistics compare, of cells (..., features, width): fine ones (True) and coarse ones."""
        places = self.places(ordered)
        rows = _run(places)
        before, now, design = reference[..., rows, :], current[..., rows, :], self.design[places]
        if not ordered:
            filled = max(self.layout.binnings[place].size for place in places)
            before = before[..., :filled] - self.told[rows, :filled]
            return {False: Pair(before, now[..., :filled], design=design)}
        fine, ends = Pair(before, now, self.spots[places], design), self.ends[places]
        below, within = fine.cumulative
        return {True: fine, False: Pair(coarse(below, ends), coarse(within, ends), design=design)}


def _run(places: Ints) -> Ints | slice:
    """Return places that follow each other as a slice: it copies nothing."""
    first, end = int(places[0]), int(places[-1]) + 1
    return slice(first, end) if end - first == len(places) else places
