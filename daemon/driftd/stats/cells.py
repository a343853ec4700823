import numpy as np
from scipy.special import betainc, betaincc

from driftd.stats.base import Floats, Outcome, Pair


class LargestCell:
    """The cell whose share changed least by chance: a new category, a swapped one, a tail.

    Definition: for each cell, its count in the current sample given its count in both; the smallest p-value times
    twice the number of cells that hold a row. The value is the change of that cell's share, between 0 and 1.

    When to use: changes that live in one cell out of many, where sums over cells drown them. Also the exact test of
    unseen values: a cell that the reference never filled.

    Law: given both counts together the current one is hypergeometric, and the binomial with share m / (n + m) that is
    used here has the heavier tails; so the p-value is valid in every sample size.

    Source: Przyborowski & Wilenski 1940 (conditional test of two Poisson rates); Bonferroni over cells.
    """

    name = "cell"
    ordered = False
    tested = True

    def __call__(self, pair: Pair) -> Outcome:
        p_values = cell_p_values(pair)
        reference, current = pair.shares
        place = p_values.argmin(-1)[..., None]
        change = np.take_along_axis(np.abs(current - reference), place, -1)[..., 0]
        filled = np.maximum(((pair.reference + pair.current) > 0).sum(-1), 1)
        smallest = np.take_along_axis(p_values, place, -1)[..., 0]
        return Outcome(change, np.minimum(1.0, 2 * filled * smallest))


def cell_p_values(pair: Pair) -> Floats:
    """Return the one-sided p-value of each cell, in the direction of its change, shape (..., k)."""
    n, m = pair.sizes
    design = np.asarray(pair.design)[..., None]
    share = (m / np.maximum(n + m, 1))[..., None]
    total = pair.reference + pair.current
    both = np.ceil(total / design)
    # rounded so that dependent rows never say more than they know
    count = np.floor(pair.current / design)
    more = np.where(count > 0, betainc(np.maximum(count, 1), both - count + 1, share), 1.0)
    ceiling = np.ceil(pair.current / design)
    less = np.where(ceiling < both, betaincc(ceiling + 1, np.maximum(both - ceiling, 1), share), 1.0)
    one_sided = np.where(pair.current >= total * share, more, less)
    known = (total > 0) & (np.minimum(n, m) > 0)[..., None]
    return np.where(known, one_sided, 1.0)
