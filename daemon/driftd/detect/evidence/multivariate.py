"""All features together: Hotelling's test on scores, which adds up shifts that are too small in each column."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, chdtri, fdtrc, gammaincc

from driftd.detect.evidence.design_effect import SURE, Dependence, block_sums, overdispersion, without_trend
from driftd.profile import Layout
from driftd.profile.binning import Floats, Ints, Values
from driftd.stats.rank import rank_scores

MOST_SCORES = 48
ROWS_A_SCORE = 10
LEAST_SHARE = 0.05
MOST_VALUES = 6
LEAST_EIGENVALUE = 0.05  # scores have variance 1; below are differences of columns that say the same, with heavy tails
LARGEST_SCORE = 5.0
SMALL = 50
DRAWS = 4000


@dataclass(frozen=True)
class Group:
    """Scores that are tested together.

    Attributes:
        owners: The feature of each score, shape (q,).
        scores: The score of each cell, shape (q, width); mean 0 in the reference.
        whitening: Turns score means into uncorrelated ones of variance 1 a row, shape (r, q).
        excess: What the second and third cumulant of the test statistic exceed a chi-squared's by, times the rows.
        rows: Rows that the covariance was estimated from.
        design: Design effect of all scores together.
    """

    owners: Ints
    scores: Floats
    whitening: Floats
    excess: tuple[float, float]
    rows: int
    design: float = 1.0

    def table(self, codes: Ints) -> Floats:
        """Return the scores of rows, codes of shape (features, rows), as (q, rows); a missing value scores the mean, 0."""
        own = codes[self.owners]
        return np.where(own >= 0, np.take_along_axis(self.scores, np.maximum(own, 0), 1), 0.0)

    def p_values(self, moved: Floats, effective: Floats) -> Floats:
        """Judge by how much the shares of cells moved, shape (blocks, features, width); effective sizes of shape (blocks,)."""
        effective = effective / self.design
        gap = np.einsum("bqw,qw->bq", moved[:, self.owners], self.scores)
        distance = effective * ((gap @ self.whitening.T) ** 2).sum(-1)
        return self._tail(distance, effective)

    def _tail(self, distance: Floats, effective: Floats) -> Floats:
        """Return the tail of the gamma law with the statistic's first three cumulants (Pearson's type III)."""
        rank = len(self.whitening)
        # with an estimated covariance the law is Hotelling's; this is the distance that is as rare with a known one
        # (heavy tails make rows worth less for it: the variance of a variance grows with the kurtosis)
        worth = self.rows / (1 + self.excess[0] / (2 * rank))
        left = max(worth - rank, 4.0)
        known = chdtri(rank, fdtrc(rank, left, distance * left / (rank * (left + rank - 1))))
        small = np.maximum(effective, 1.0)
        second = 2 * rank + self.excess[0] / small
        third = np.maximum(8 * rank + self.excess[1] / small, 2 * second**2 / rank)
        shape = 4 * second**3 / third**2
        scale = third / (2 * second)
        shift = rank - shape * scale
        return np.asarray(gammaincc(shape, np.maximum(known - shift, 0.0) / scale))


@dataclass(frozen=True)
class Joint:
    """The groups of scores of a reference."""

    groups: tuple[Group, ...]

    @classmethod
    def fit(cls, layout: Layout, anchor: Ints, codes: Ints, tested: NDArray[np.bool_]) -> "Joint":
        """Estimate the covariance of the scores from rows of the reference, codes of shape (features, rows).

        Only features that are `tested`, shape (features,), take part.
        """
        owners, scores = _scores(layout, anchor, tested)
        rows = codes.shape[1]
        most = min(MOST_SCORES, rows // ROWS_A_SCORE)
        groups = (_group(owners[part], scores[part], codes) for part in _parts(owners, most))
        return cls(tuple(group for group in groups if group is not None))

    def settle(self, codes: Ints, blocks: Ints, found: Dependence) -> tuple["Joint", float]:
        """Learn from rows in order of arrival, codes of shape (features, rows), how far they are from independent.

        Returns:
            The groups with their design effect: of the blocks, or the mean of the features' own where that is larger.
            And the p-value of the halves being alike.
        """
        groups, p_value = [], 1.0
        for group in self.groups:
            rows = group.whitening @ group.table(codes)
            rank, degrees = len(rows), len(rows) * (len(blocks) - 3)
            between, within = (float(each.sum()) for each in block_sums(rows, blocks))
            left = float(block_sums(without_trend(rows), blocks)[1].sum())
            steady = max(overdispersion(left, degrees), float(found.steady[group.owners].mean()))
            alike = float(chdtrc(rank, between / steady)) * len(self.groups)
            p_value = min(p_value, alike)
            own = float(found.design[group.owners].mean())
            whole = overdispersion(between + within, degrees + rank) if alike <= SURE else 1.0
            groups.append(replace(group, design=max(overdispersion(within, degrees), whole, own)))
        return Joint(tuple(groups)), p_value

    def p_values(self, reference: Ints, current: Ints, sizes: tuple[Floats, Floats]) -> Floats:
        """Return one p-value a block, valid for all groups together.

        Cells have the shape (blocks, features, width); sizes are rows of shape (blocks,).
        """
        if not self.groups:
            return np.ones(len(current))
        n, m = (np.maximum(size, 1) for size in sizes)
        moved = current / m[:, None, None] - reference / n[:, None, None]
        effective = sizes[0] * sizes[1] / (n + m)
        each = [group.p_values(moved, effective) for group in self.groups]
        return np.asarray(np.minimum(1.0, np.minimum.reduce(each) * len(each)))


def _scores(layout: Layout, anchor: Ints, tested: NDArray[np.bool_]) -> tuple[Ints, Floats]:
    owners: list[int] = []
    scores: list[Floats] = []
    for place in range(len(layout.features)):
        if layout.skipped[place] or not tested[place] or not anchor[place].sum():
            continue
        if layout.features[place].ordered:
            own = _axis_scores(anchor[place])
        else:
            own = _value_scores(anchor[place], len(cast("Values", layout.binnings[place]).values))
        owners += [place] * len(own)
        scores += own
    return np.array(owners, dtype=np.int64), np.array(scores).reshape(len(owners), anchor.shape[1])


def _axis_scores(cells: Ints) -> list[Floats]:
    # a score that only rare rows have makes the sum's tail theirs; rare cells are tested by themselves
    scores = np.where(cells > 0, rank_scores(cells.astype(np.float64)), 0.0)
    return [each for each in scores if 0 < np.abs(each).max() <= LARGEST_SCORE]


def _value_scores(cells: Ints, listed: int) -> list[Floats]:
    """Return scores of frequent values; rows that told which values there are have no others."""
    share = cells / cells.sum()
    frequent = np.argsort(-share[:listed], kind="stable")[1 : MOST_VALUES + 1]
    found = []
    for place in frequent:
        if share[place] >= LEAST_SHARE:
            indicator = np.full(len(cells), -share[place])
            indicator[place] += 1
            found.append(indicator / np.sqrt(share[place] * (1 - share[place])))
    return found


def _parts(owners: Ints, most: int) -> Sequence[slice]:
    """Cut the scores into runs of at most `most`, a feature's own scores together."""
    parts: list[slice] = []
    start = 0
    bounds = [*(np.flatnonzero(np.diff(owners)) + 1).tolist(), len(owners)]
    for before, end in zip([0, *bounds], bounds, strict=False):
        if end - start > most and before > start:
            parts.append(slice(start, before))
            start = before
    if start < len(owners):
        parts.append(slice(start, len(owners)))
    return [part for part in parts if 1 < part.stop - part.start <= max(most, 1)]


def _group(owners: Ints, scores: Floats, codes: Ints) -> Group | None:
    table = Group(owners, scores, np.eye(len(owners)), (0.0, 0.0), 0).table(codes)
    values, vectors = np.linalg.eigh(np.cov(table))
    kept = values > LEAST_EIGENVALUE
    if kept.sum() < 2:  # noqa: PLR2004  # one direction is one column, which is tested by itself
        return None
    # an eigenvector's sign is a library's choice; squares do not see it
    whitening = (vectors[:, kept] / np.sqrt(values[kept])).T
    rows = whitening @ (table - table.mean(1, keepdims=True))
    return Group(owners, scores, whitening, _excess(rows), table.shape[1])


def _excess(rows: Floats) -> tuple[float, float]:
    """Return what the cumulants of m |mean of m rows|² exceed a chi-squared's by, times m, for whitened rows (r, n).

    The second one is exact; the third is found by drawing blocks of SMALL rows, where it is largest.
    """
    rank, n = rows.shape
    lengths = (rows**2).sum(0)
    second = max(float((lengths**2).mean()) - rank * (rank + 2), 0.0)
    drawn = np.random.default_rng(0).integers(0, n, (SMALL, DRAWS))
    # one by one: all at once would be SMALL * DRAWS numbers for each
    sums = np.array([row[drawn].sum(0) for row in rows])
    distance = (sums**2).sum(0) / SMALL
    third = float(((distance - distance.mean()) ** 3).mean()) - 8 * rank
    return second, max(third, 0.0) * SMALL
