"""Columns two at a time: a change of how they go together, which no single column shows."""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.special import chdtrc

from driftd.detect.evidence.design_effect import SURE, TINY
from driftd.detect.evidence.marginal import SMALLEST_P
from driftd.detect.verdict import ColumnVerdict, StatisticVerdict
from driftd.profile import Layout, Profile
from driftd.profile.binning import Floats, Ints
from driftd.profile.pairs import Pairs
from driftd.stats import Pair, statistic


@dataclass(frozen=True)
class PairsTested:
    """What the pairs say of each block, shape (blocks,).

    `p_values` is that of the pair that changed least by chance, times the number of pairs; `worth` the same of those whose
    effect reaches the floor. `places` and `effects` are of the pair that `worth` is about.
    """

    p_values: Floats
    worth: Floats
    places: Ints
    effects: Floats


@dataclass(frozen=True)
class Paired:
    """The tests of a reference's pairs.

    Attributes:
        pairs: What is counted.
        design: Design effect of each pair, shape (pairs,).
        tested: Which pairs are tested, shape (pairs,).
    """

    pairs: Pairs
    design: Floats
    tested: NDArray[np.bool_]

    @property
    def number(self) -> int:
        """How many pairs are tested."""
        return int(self.tested.sum())

    def test(self, before: Profile, now: Profile, floor: float) -> PairsTested:
        """Compare profiles of blocks, whose counts have the shape (blocks, pairs)."""
        if not self.number:
            ones = np.ones(len(now.pairs))
            return PairsTested(ones, ones, np.zeros(len(ones), np.int64), np.zeros(len(ones)))
        n, m = (np.maximum(side.paired, 1).astype(np.float64) for side in (before, now))
        gap = now.pairs / m - before.pairs / n
        pooled = (before.pairs + now.pairs) / (n + m)
        variance = np.maximum(pooled * (1 - pooled), 1 / (n + m)) * self.design
        surprise = np.where(self.tested, gap**2 / variance, -1.0)
        effects = np.abs(gap)
        large = np.where(effects >= floor, surprise, -1.0)
        surest, place = surprise.argmax(1), large.argmax(1)
        blocks = np.arange(len(gap))
        p_values, worth = self._p_values(before, now, np.stack([surest, place]))
        worth = np.where(large[blocks, place] >= 0, worth, 1.0)
        return PairsTested(p_values, worth, place, effects[blocks, place])

    def columns(self, tested: PairsTested, block: int) -> frozenset[int]:
        """Return the two features of the pair that changed most surely in a block; none where no pair's change is worth anything."""
        if not self.number or tested.worth[block] >= 1:
            return frozenset()
        first, second = self.pairs.features
        place = tested.places[block]
        return frozenset([int(first[place]), int(second[place])])

    def told(
        self, columns: tuple[ColumnVerdict, ...], layout: Layout, tested: PairsTested, block: int
    ) -> tuple[ColumnVerdict, ...]:
        """Say of the two columns of the pair that changed most surely what it is between them."""
        names = [layout.features[place].column for place in sorted(self.columns(tested, block))]
        effect, p_value = float(tested.effects[block]), float(max(tested.worth[block], SMALLEST_P))
        return tuple(
            replace(
                each,
                effect=max(each.effect, effect),
                evidence=max(each.evidence, 1 / p_value),
                statistics=(
                    *each.statistics,
                    StatisticVerdict(f"with {names[1 - names.index(each.name)]}", effect, p_value, None),
                ),
            )
            if each.name in names
            else each
            for each in columns
        )

    def _p_values(self, before: Profile, now: Profile, places: Ints) -> Floats:
        """Return the p-values of some pairs of each block, places of shape (k, blocks), times the number of pairs."""
        blocks = np.arange(places.shape[1])
        one, other = (_sides(side.pairs[blocks, places], side.paired[:, 0]) for side in (before, now))
        outcome = statistic("g")(Pair(one, other, design=self.design[places]))
        return np.asarray(np.minimum(1.0, np.asarray(outcome.p_value) * self.number))


def pair_design(layout: Layout, head: pa.RecordBatch, blocks: Ints, design: Floats) -> Floats:
    """Return the design effect of each pair: that of its features, or of its own counts where they vary more between blocks.

    Args:
        layout: The features and pairs.
        head: Rows of the reference in order of arrival.
        blocks: Where the blocks begin, and the end.
        design: Design effect of the features.
    """
    first, second = layout.pairs.features
    own = np.maximum(design[first], design[second])
    if not layout.pairs.size:
        return own
    sizes = np.diff(blocks).astype(np.float64)
    inside = layout.inside(head)
    counts = np.array([layout.pairs.unlike(inside[:, start:end]) for start, end in pairwise(blocks)])
    share = counts.sum(0) / sizes.sum()
    variance = np.maximum(share * (1 - share), TINY)
    squares = ((counts - sizes[:, None] * share) ** 2 / sizes[:, None]).sum(0) / variance
    degrees = len(sizes) - 1
    sure = chdtrc(degrees, squares) * layout.pairs.size <= SURE
    return np.where(sure, np.maximum(own, squares / degrees), own)


def _sides(counts: Ints, rows: Ints) -> Ints:
    return np.stack([counts, rows - counts], axis=-1)
