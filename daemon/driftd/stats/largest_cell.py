import numpy as np
from scipy.special import betainc

from driftd.stats.base import Floats, Ints, Outcome, Pair


class LargestCell:
    """The cell whose share changed least by chance: a new category, a swapped one, a tail.

    Definition: for each cell, its count in the current sample given its count in both samples. The p-value is that of the
    cell with the largest binomial deviance, times twice the number of cells that hold a row; the value is the change of
    that cell's share, between 0 and 1.

    When to use: changes that live in one cell out of many, where sums over cells drown them. Also the exact test of
    unseen values: a cell that the compared rows of the reference hardly fill.

    Law: given both counts together the current one is hypergeometric, and the binomial with share m / (n + m) that is
    used here has the heavier tails beyond the mean; so the p-value is valid in every sample size.

    Source: Przyborowski & Wilenski 1940 (conditional test of two Poisson rates); Hoeffding 1956 and Vatutin & Mikhailov
    1982 (the hypergeometric is a sum of independent indicators); Bonferroni over cells.
    """

    name = "cell"
    ordered = False
    tested = True

    def __call__(self, pair: Pair) -> Outcome:
        place = deviance(pair).argmax(-1)[..., None]
        totals = pair.reference + pair.current
        current = np.take_along_axis(np.broadcast_to(pair.current, totals.shape), place, -1)[..., 0]
        total = np.take_along_axis(totals, place, -1)[..., 0]
        n, m = pair.sizes
        before = (total - current) / np.maximum(n, 1)
        p_value = rate_p_value(current, total, pair)
        filled = np.maximum((totals > 0).sum(-1), 1)
        empty = pair.effective <= 0
        value = np.where(empty, 0.0, np.abs(current / np.maximum(m, 1) - before))
        return Outcome(value, np.where(empty, 1.0, np.minimum(1.0, 2 * filled * p_value)))


def deviance(pair: Pair) -> Floats:
    """Return how far each cell's count is from its expected share of both counts, shape (..., k)."""
    n, m = pair.sizes
    share = (m / np.maximum(n + m, 1))[..., None]
    total = pair.reference + pair.current
    return np.asarray(_surprise(pair.current, total * share) + _surprise(pair.reference, total * (1 - share)))


def _surprise(counts: Ints, expected: Floats) -> Floats:
    """Return x ln(x / expected), 0 where nothing is counted or expected."""
    there = (counts > 0) & (expected > 0)
    return np.asarray(counts * np.log(np.where(there, counts, 1.0) / np.where(there, expected, 1.0)))


def rate_p_value(current: np.ndarray, total: np.ndarray, pair: Pair) -> Floats:
    """Return the one-sided p-value, in the direction of its change, of a count given both samples' count together.

    Args:
        current: Count in the current sample; its shape broadcasts against the pair's leading axes.
        total: Count in both.
        pair: Gives the sizes and the design effect.
    """
    n, m = pair.sizes
    share = m / np.maximum(n + m, 1)
    # rounded so that dependent rows never say more than they know
    both = np.ceil(total / pair.design)
    floor, ceiling = np.floor(current / pair.design), np.ceil(current / pair.design)
    more = current >= total * share
    # P(X >= floor) and P(X <= ceiling) of a binomial X, both as an incomplete beta integral
    wins = np.where(more, floor, both - ceiling)
    losses = np.where(more, both - np.minimum(floor, both) + 1, ceiling + 1)
    tail = betainc(np.maximum(wins, 1), losses, np.where(more, share, 1 - share))
    one_sided = np.where(wins > 0, tail, 1.0)
    return np.asarray(np.where((total > 0) & (n > 0) & (m > 0), one_sided, 1.0))
