"""Words and entities one at a time: in how many documents is each, before and now? Counts of hashes, so nothing is learnt of a text."""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.special import betainc, chdtrc, rel_entr

from driftd.detect.evidence.design_effect import SURE
from driftd.detect.evidence.marginal import SMALLEST_P
from driftd.detect.verdict import ColumnVerdict, StatisticVerdict
from driftd.profile import Layout, Profile
from driftd.profile.binning import Floats, Ints
from driftd.profile.words import BUCKETS

LARGE = 20.0  # expected rows from which on the law of large numbers is good far out in the tails, too
CUTS = np.array([0.5, 0.25, 0.1, 0.03])  # shares of the reference's rows that have more unseen terms
EXACT = 8  # buckets of each block whose p-value is computed; those are the most surprising
NO_TERMS = np.ones((0, BUCKETS))  # the design effects where no column has terms
OFTEN = 40  # rows of a bucket from which on its own design effect can be told


@dataclass(frozen=True)
class TermsTested:
    """What the terms say of blocks.

    `p_values`, shape (blocks,), is that of the test whose outcome is least by chance, times the number of tests. Of each source, shape
    (sources, blocks): `worth` is the same of its tests whose effect, the change of a share of documents, reaches the floor; `unseen`
    whether that one is about terms never seen, and `effects` its effect.
    """

    p_values: Floats
    worth: Floats
    unseen: NDArray[np.bool_]
    effects: Floats


@dataclass(frozen=True)
class Terms:
    """The tests of a reference's terms.

    A bucket is tested on both sides. Of terms never seen only more are evidence: where a row of the reference comes again,
    all that it says is known, which is no change of what rows say.

    Attributes:
        places: The first feature of each source, shape (sources,).
        unseen: The feature that is the share of unseen terms, shape (sources,).
        many: The last cell of that feature that is not above each of the CUTS, shape (sources, cuts).
        design: Design effect of each bucket, shape (sources, buckets).
        unseen_design: Design effect of the share of unseen terms, shape (sources,).
        tested: Which sources are tested, shape (sources,).
    """

    places: Ints
    unseen: Ints
    many: Ints
    design: Floats
    unseen_design: Floats
    tested: NDArray[np.bool_]

    @classmethod
    def of(
        cls, layout: Layout, anchor: Ints, design: Floats, term_design: Floats, tested: NDArray[np.bool_]
    ) -> "Terms":
        """Make the tests of a layout's terms, by the cells of a reference; the design effects are of features and buckets."""
        unseen = layout.held_out
        above = 1 - np.cumsum(anchor[unseen], axis=1) / np.maximum(anchor[unseen].sum(1, keepdims=True), 1)
        many = (above[:, None, :] > CUTS[:, None]).sum(-1)
        many = np.minimum(many, anchor.shape[-1] - 1)  # of rows that nobody has labelled yet none is above
        return cls(places_of(layout), unseen, many, term_design, design[unseen], tested)

    @property
    def number(self) -> int:
        """How many tests there are."""
        buckets: int = self.design.shape[1]
        return int(self.tested.sum()) * (buckets + len(CUTS))

    def test(self, before: Profile, now: Profile, floor: float) -> TermsTested:
        """Compare profiles of blocks."""
        blocks, sources = len(now.terms), range(len(self.places))
        if not self.number:
            ones = np.ones((len(sources), blocks))
            return TermsTested(np.ones(blocks), ones, ones < 1, ones * 0)
        tests = (self._buckets, self._unseen)
        found = np.array([[each(source, before, now, floor) for each in tests] for source in sources])
        p_values, worth, effects = np.moveaxis(found, 2, 0)  # each of shape (sources, tests, blocks)
        best = worth.argmin(1)[:, None]
        return TermsTested(
            np.minimum(1.0, p_values.min((0, 1)) * self.number),
            np.minimum(1.0, worth.min(1) * self.number),
            best[:, 0] == 1,
            np.take_along_axis(effects, best, 1)[:, 0],
        )

    def _buckets(self, source: int, before: Profile, now: Profile, floor: float) -> tuple[Floats, Floats, Floats]:
        """Return the smallest p-value of any bucket of a source, that of those with an effect, and the latter's effect."""
        a, b = before.terms[:, source], now.terms[:, source]
        n, m = (self._documents(source, side) for side in (before, now))
        if not self.tested[source]:
            return np.ones(len(b)), np.ones(len(b)), np.zeros(len(b))
        effects = np.abs(b / np.maximum(m, 1) - a / np.maximum(n, 1))
        surprise = _surprise(a, b, n, m, self.design[source])
        found = []
        for ranked in (surprise, np.where(effects >= floor, surprise, -1.0)):
            most = np.argpartition(-ranked, EXACT, axis=1)[:, :EXACT]
            counts = np.take_along_axis(a, most, 1), np.take_along_axis(b, most, 1)
            p_values = self._p_values(source, *counts, n, m, most)
            p_values = np.where(np.take_along_axis(ranked, most, 1) > 0, p_values, 1.0)
            best = p_values.argmin(1)[:, None]
            found.append((np.take_along_axis(p_values, best, 1)[:, 0], np.take_along_axis(most, best, 1)))
        (smallest, _), (worth, place) = found
        return smallest, worth, np.take_along_axis(effects, place, 1)[:, 0]

    def _unseen(self, source: int, before: Profile, now: Profile, floor: float) -> tuple[Floats, Floats, Floats]:
        """Return the same of rows with many terms that are not known."""
        sides = []
        for side in (before, now):
            cells = np.cumsum(side.cells[:, self.unseen[source]], axis=-1)
            total = cells[:, -1:].astype(np.float64)
            sides.append((total - cells[:, self.many[source]], total))
        (a, n), (b, m) = sides
        effects = b / np.maximum(m, 1) - a / np.maximum(n, 1)
        p_values = _more(*(each / self.unseen_design[source] for each in (a, b, n, m)))
        p_values = np.where(self.tested[source] & (effects > 0), p_values, 1.0)
        worth = np.where(effects >= floor, p_values, 1.0)
        place = worth.argmin(1)[:, None]
        return p_values.min(1), worth.min(1), np.take_along_axis(effects, place, 1)[:, 0]

    def columns(self, tested: TermsTested, block: int, most: float) -> frozenset[int]:
        """Return the first features of the columns whose terms have changed in a block, with a p-value of at most so much."""
        return frozenset(map(int, self.places[tested.worth[:, block] <= most]))

    def told(
        self, columns: tuple[ColumnVerdict, ...], layout: Layout, tested: TermsTested, block: int, moved: frozenset[int]
    ) -> tuple[ColumnVerdict, ...]:
        """Say of the columns that moved by how much one of their terms did, where one did."""
        said = {}
        for source, place in enumerate(self.places):
            if int(place) in moved and tested.worth[source, block] < 1:
                effect, p_value = float(tested.effects[source, block]), max(tested.worth[source, block], SMALLEST_P)
                name = "unseen" if tested.unseen[source, block] else "terms"
                said[layout.features[place].column] = StatisticVerdict(name, effect, float(p_value), None)
        return tuple(
            replace(
                each,
                effect=max(each.effect, found.value),
                evidence=max(each.evidence, 1 / (found.p_value or SMALLEST_P)),
                statistics=(*each.statistics, found),
            )
            if (found := said.get(each.name))
            else each
            for each in columns
        )

    def _documents(self, source: int, side: Profile) -> Floats:
        """Return the rows that are not null, shape (blocks, 1)."""
        tallies = side.tallies[:, self.places[source]]
        return (tallies[:, 0] - tallies[:, 1])[:, None].astype(np.float64)

    def _p_values(self, source: int, before: Ints, now: Ints, n: Floats, m: Floats, buckets: Ints) -> Floats:
        """Return two-sided p-values of some buckets of each block, shape (blocks, k), with their counts."""
        a, b, n, m = (side / self.design[source][buckets] for side in (before, now, n, m))
        a, b = _rarer(a, b, n, m)
        return np.asarray(np.minimum(1.0, 2 * np.minimum(_more(a, b, n, m), _more(b, a, m, n))))


def term_design(layout: Layout, head: pa.RecordBatch, blocks: Ints) -> Floats:
    """Return the design effect of each source's buckets, shape (sources, buckets): what their counts vary between blocks of neighbours.

    That of all buckets together counts for each, where chance does not explain it; a frequent one may have a larger one of its own.

    Args:
        layout: The sources.
        head: Rows of the reference in order of arrival.
        blocks: Where the blocks begin, and the end.
    """
    design = np.ones((len(layout.sources), layout.buckets))
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


def places_of(layout: Layout) -> Ints:
    """Return the first feature of each source."""
    names = [feature.column for feature in layout.features]
    return np.array([names.index(column) for column in layout.sources], dtype=np.int64)


def _more(a: Floats, b: Floats, n: Floats, m: Floats) -> Floats:
    """Return how likely b of m rows or more are, where a of n were before: a binomial's tail, or that of the likelihood ratio."""
    share = np.clip(m / np.maximum(n + m, 1), 1e-12, 1 - 1e-12)
    exact = np.where(b > 0, betainc(np.maximum(b, 1e-9), a + 1, share), 1.0)
    # counts go in steps of a row, a continuous law does not: half a row less is said (Yates 1934)
    usual = chdtrc(1, 2 * log_ratio(a + 0.5, b - 0.5, n, m)) / 2
    return np.where(_large(a, b, n, m), np.where(b * n > a * m, usual, 1 - usual), exact)


def _surprise(before: Ints, now: Ints, n: Floats, m: Floats, design: Floats) -> Floats:
    """Return about -log p of each bucket: a bound of a binomial's tail, or the likelihood ratio where counts are large."""
    a, b, n, m = before / design, now / design, n / design, m / design
    a, b = _rarer(a, b, n, m)
    return np.where(_large(a, b, n, m), log_ratio(a, b, n, m), _present(a, b, n, m))


def _rarer(a: Floats, b: Floats, n: Floats, m: Floats) -> tuple[Floats, Floats]:
    """Return the rows with a term, or those without where they are fewer: what has few rows has an exact law."""
    often = 2 * (a + b) > n + m
    return np.where(often, n - a, a), np.where(often, m - b, b)


def log_ratio(a: Floats, b: Floats, n: Floats, m: Floats) -> Floats:
    """Return half the likelihood ratio of a in n rows before and b in m now against one rate for both."""
    return _present(a, b, n, m) + _present(n - a, m - b, n, m)


def _present(a: Floats, b: Floats, n: Floats, m: Floats) -> Floats:
    total = np.maximum(n + m, 1e-9)
    return np.asarray(rel_entr(a, (a + b) * n / total) + rel_entr(b, (a + b) * m / total))


def _large(a: Floats, b: Floats, n: Floats, m: Floats) -> NDArray[np.bool_]:
    """Say where each of the four expected counts is large."""
    rate = (a + b) / np.maximum(n + m, 1e-9)
    return np.asarray(np.minimum(rate, 1 - rate) * np.minimum(n, m) >= LARGE)
