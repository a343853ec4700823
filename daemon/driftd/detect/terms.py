"""Words and entities one at a time: in how many documents is each, before and now? Counts of hashes, so nothing is learnt of a text."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.special import betainc, chdtrc, rel_entr

from driftd.detect.dependence import SURE
from driftd.detect.margins import SMALLEST_P
from driftd.detect.verdict import ColumnVerdict, StatisticVerdict
from driftd.profile import Layout, Profile
from driftd.profile.binning import Floats, Ints
from driftd.profile.words import BUCKETS

LARGE = 20.0  # expected rows from which on the law of large numbers is good far out in the tails, too
EXACT = 8  # buckets of each block whose p-value is computed; those are the most surprising
NO_TERMS = np.ones((0, BUCKETS))  # the design effects where no column has terms
OFTEN = 40  # rows of a bucket from which on its own design effect can be told


@dataclass(frozen=True)
class TermsTested:
    """What the terms say of each block, shape (blocks,).

    `p_values` is that of the bucket that changed least by chance, times the number of buckets; `worth` the same of those whose
    effect, the change of the share of documents, reaches the floor. `sources` and `effects` are of the one that `worth` is about.
    """

    p_values: Floats
    worth: Floats
    sources: Ints
    effects: Floats


@dataclass(frozen=True)
class Terms:
    """The tests of a reference's terms.

    Attributes:
        places: The first feature of each source, shape (sources,).
        design: Design effect of each bucket, shape (sources, BUCKETS).
        tested: Which sources are tested, shape (sources,).
    """

    places: Ints
    design: Floats
    tested: NDArray[np.bool_]

    @property
    def number(self) -> int:
        """How many buckets are tested."""
        return int(self.tested.sum()) * BUCKETS

    def test(self, before: Profile, now: Profile, floor: float) -> TermsTested:
        """Compare profiles of blocks, whose counts have the shape (blocks, sources, BUCKETS)."""
        blocks = len(now.terms)
        if not self.number:
            return TermsTested(np.ones(blocks), np.ones(blocks), np.zeros(blocks, np.int64), np.zeros(blocks))
        n, m = (self._documents(side) for side in (before, now))
        effects = np.abs(now.terms / np.maximum(m, 1) - before.terms / np.maximum(n, 1))
        p_values = np.ones((2, blocks))
        place = np.zeros(blocks, np.int64)
        surprise = np.where(self.tested[:, None], _surprise(before.terms, now.terms, n, m, self.design), -1.0)
        for row, large in enumerate((surprise, np.where(effects >= floor, surprise, -1.0))):
            flat = large.reshape(blocks, -1)
            most = np.argpartition(-flat, EXACT, axis=1)[:, :EXACT]
            found = self._p_values(before.terms, now.terms, n, m, most)
            found = np.where(np.take_along_axis(flat, most, 1) > 0, found, 1.0)
            best = found.argmin(1)
            p_values[row] = np.minimum(1.0, found.min(1) * self.number)
            place = most[np.arange(blocks), best]
        effects = np.take_along_axis(effects.reshape(blocks, -1), place[:, None], 1)[:, 0]
        return TermsTested(p_values[0], p_values[1], place // BUCKETS, effects)

    def columns(self, tested: TermsTested, block: int) -> frozenset[int]:
        """Return the first feature of the column whose terms changed most surely in a block; none where no change is worth anything."""
        if not self.number or tested.worth[block] >= 1:
            return frozenset()
        return frozenset([int(self.places[tested.sources[block]])])

    def told(
        self, columns: tuple[ColumnVerdict, ...], layout: Layout, tested: TermsTested, block: int
    ) -> tuple[ColumnVerdict, ...]:
        """Say of the column whose terms changed most surely by how much one of them did."""
        names = [layout.features[place].column for place in self.columns(tested, block)]
        effect, p_value = float(tested.effects[block]), float(max(tested.worth[block], SMALLEST_P))
        said = StatisticVerdict("terms", effect, p_value, None)
        return tuple(
            replace(
                each,
                effect=max(each.effect, effect),
                evidence=max(each.evidence, 1 / p_value),
                statistics=(*each.statistics, said),
            )
            if each.name in names
            else each
            for each in columns
        )

    def _documents(self, side: Profile) -> Floats:
        """Return the rows that are not null, shape (blocks, sources, 1)."""
        tallies = side.tallies[:, self.places]
        return (tallies[..., 0] - tallies[..., 1])[..., None].astype(np.float64)

    def _p_values(self, before: Ints, now: Ints, n: Floats, m: Floats, places: Ints) -> Floats:
        """Return two-sided p-values of some buckets of each block, places of shape (blocks, k)."""
        blocks = np.arange(len(now))[:, None]
        source, bucket = np.divmod(places, BUCKETS)
        design = self.design[source, bucket]
        n, m = (side[blocks, source, 0] / design for side in (n, m))
        a, b = (side[blocks, source, bucket] / design for side in (before, now))
        share = np.minimum(m / np.maximum(n + m, 1), 1 - 1e-12)
        above, below = betainc(np.maximum(b, 1e-9), a + 1, share), betainc(np.maximum(a, 1e-9), b + 1, 1 - share)
        exact = np.minimum(1.0, 2 * np.minimum(np.where(b > 0, above, 1.0), np.where(a > 0, below, 1.0)))
        usual = chdtrc(1, 2 * _whole(a, b, n, m))
        return np.asarray(np.where(_large(a, b, n, m), usual, exact))


def term_design(layout: Layout, head: pa.RecordBatch, blocks: Ints) -> Floats:
    """Return the design effect of each source's buckets, shape (sources, BUCKETS): what their counts vary between blocks of neighbours.

    That of all buckets together counts for each, where chance does not explain it; a frequent one may have a larger one of its own.

    Args:
        layout: The sources.
        head: Rows of the reference in order of arrival.
        blocks: Where the blocks begin, and the end.
    """
    design = np.ones((len(layout.sources), BUCKETS))
    if not len(design):
        return design
    parts = [Profile.of(layout, [head.slice(start, end - start)], 0).terms for start, end in pairwise(blocks)]
    counts, sizes = np.array(parts, np.float64), np.diff(blocks).astype(np.float64)[:, None, None]
    share = counts.sum(0) / sizes.sum()
    expected = sizes * share
    squares = np.divide(
        (counts - expected) ** 2, expected * (1 - share), out=np.zeros_like(expected), where=share * (1 - share) > 0
    ).sum(0)
    degrees = len(sizes) - 1
    often = counts.sum(0) >= OFTEN
    for place, each in enumerate(often):
        if not each.any():
            continue
        whole, number = float(squares[place, each].sum()), int(each.sum()) * degrees
        together = whole / number if chdtrc(number, whole) <= SURE else 1.0
        own = np.where(each & (chdtrc(degrees, squares[place]) * each.sum() <= SURE), squares[place] / degrees, 1.0)
        design[place] = np.maximum(max(together, 1.0), own)
    return design


def places_of(layout: Layout, columns: Sequence[str]) -> Ints:
    """Return the first feature of each column."""
    names = [feature.column for feature in layout.features]
    return np.array([names.index(column) for column in columns], dtype=np.int64)


def _surprise(before: Ints, now: Ints, n: Floats, m: Floats, design: Floats) -> Floats:
    """Return about -log p of each bucket: a bound of a binomial's tail, or the likelihood ratio where counts are large."""
    a, b, n, m = before / design, now / design, n / design, m / design
    return np.where(_large(a, b, n, m), _whole(a, b, n, m), _present(a, b, n, m))


def _whole(a: Floats, b: Floats, n: Floats, m: Floats) -> Floats:
    return _present(a, b, n, m) + _present(n - a, m - b, n, m)


def _present(a: Floats, b: Floats, n: Floats, m: Floats) -> Floats:
    total = np.maximum(n + m, 1e-9)
    return np.asarray(rel_entr(a, (a + b) * n / total) + rel_entr(b, (a + b) * m / total))


def _large(a: Floats, b: Floats, n: Floats, m: Floats) -> NDArray[np.bool_]:
    """Say where each of the four expected counts is large."""
    rate = (a + b) / np.maximum(n + m, 1e-9)
    return np.asarray(np.minimum(rate, 1 - rate) * np.minimum(n, m) >= LARGE)
