"""Effect sizes that people know. None has a p-value: a bare distance says nothing about chance."""

import numpy as np

from driftd.stats.base import Floats, Outcome, Pair


def smoothed(pair: Pair) -> tuple[Floats, Floats]:
    """Return both distributions with half a row added to each cell that holds a row (Jeffreys' prior)."""
    filled = (pair.reference + pair.current) > 0
    n, m = pair.sizes
    cells = filled.sum(-1)
    a = np.where(filled, pair.reference + 0.5, 0.0) / np.maximum(n + cells / 2, 0.5)[..., None]
    b = np.where(filled, pair.current + 0.5, 0.0) / np.maximum(m + cells / 2, 0.5)[..., None]
    return a, b


class PopulationStability:
    """Population stability index over the cells.

    Definition: PSI = sum (a - b) ln(a / b) with half a row added to each filled cell, so that an empty one does not
    decide the sum. Not bounded.

    When to use: because a rule of thumb (0.1, 0.25) is agreed somewhere. Without drift its mean is about
    (cells - 1)(1/n + 1/m): compare only at equal sizes.

    Source: Lewis, An Introduction to Credit Scoring, 1992; Yurdakul, Statistical properties of PSI, 2018.
    """

    name = "psi"
    ordered = False
    tested = False

    def __call__(self, pair: Pair) -> Outcome:
        a, b = smoothed(pair)
        ratio = np.log(np.where(a > 0, a, 1.0) / np.where(b > 0, b, 1.0))
        return Outcome(np.where(pair.effective <= 0, 0.0, ((a - b) * ratio).sum(-1)), None)


class JensenShannon:
    """Jensen-Shannon distance over the cells.

    Definition: the square root of the mean Kullback-Leibler divergence (base 2) of both from their mean; 0 to 1.

    Source: Endres & Schindelin, A new metric for probability distributions, 2003.
    """

    name = "jensen_shannon"
    ordered = False
    tested = False

    def __call__(self, pair: Pair) -> Outcome:
        a, b = pair.shares
        middle = (a + b) / 2
        divergence = (_divergence(a, middle) + _divergence(b, middle)) / 2
        return Outcome(np.where(pair.effective <= 0, 0.0, np.sqrt(np.clip(divergence, 0.0, 1.0))), None)


def _divergence(a: Floats, b: Floats) -> Floats:
    ratio = np.where(a > 0, a, 1.0) / np.where((a > 0) & (b > 0), b, 1.0)
    return np.asarray((a * np.log2(ratio)).sum(-1))


class Hellinger:
    """Hellinger distance over the cells.

    Definition: sqrt(1 - sum sqrt(a b)); 0 to 1.

    Source: Hellinger 1909; Le Cam, Asymptotic Methods in Statistical Decision Theory, 1986.
    """

    name = "hellinger"
    ordered = False
    tested = False

    def __call__(self, pair: Pair) -> Outcome:
        a, b = pair.shares
        empty = pair.effective <= 0
        return Outcome(np.where(empty, 0.0, np.sqrt(np.clip(1 - np.sqrt(a * b).sum(-1), 0.0, 1.0))), None)


class TotalVariation:
    """Total variation over the cells: the share of rows that would have to change their cell.

    Definition: half the sum of |a - b|; 0 to 1.

    Source: Levin, Peres & Wilmer, Markov Chains and Mixing Times, 2009, chapter 4.
    """

    name = "total_variation"
    ordered = False
    tested = False

    def __call__(self, pair: Pair) -> Outcome:
        a, b = pair.shares
        return Outcome(np.where(pair.effective <= 0, 0.0, np.abs(a - b).sum(-1) / 2), None)


class Wasserstein:
    """Earth mover's distance, in standard deviations of the reference.

    Definition: the integral of |F_reference - F_current| over the cells' positions, which are in standard deviations
    of the reference; a shift of the whole column by one standard deviation is 1. Without positions, cells are one
    apart.

    Source: Vallender 1974; Ramdas, Garcia Trillos & Cuturi, On Wasserstein two-sample testing, 2017.
    """

    name = "wasserstein"
    ordered = True
    tested = False

    def __call__(self, pair: Pair) -> Outcome:
        a, b = pair.shares
        gap = np.abs(np.cumsum(a - b, axis=-1))[..., :-1]
        width = 1.0 if pair.positions is None else np.diff(pair.positions, axis=-1)
        return Outcome(np.where(pair.effective <= 0, 0.0, (gap * width).sum(-1)), None)


class CramerVonMises:
    """Cramér-von Mises distance: the mean squared gap of two distribution functions over the pooled rows.

    Definition: integral of (F_reference - F_current)² dH with H the pooled distribution; 0 to 1/3. Softer than K-S: it
    asks how far apart on the whole, not where most.

    Source: Anderson, On the distribution of the two-sample Cramér-von Mises criterion, 1962.
    """

    name = "cramer_von_mises"
    ordered = True
    tested = False

    def __call__(self, pair: Pair) -> Outcome:
        a, b = pair.shares
        totals = (pair.reference + pair.current).astype(np.float64)
        weight = totals / np.maximum(totals.sum(-1, keepdims=True), 1)
        value = (np.cumsum(a - b, axis=-1) ** 2 * weight).sum(-1)
        return Outcome(np.where(pair.effective <= 0, 0.0, value), None)
