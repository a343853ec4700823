import numpy as np
from scipy.special import chdtrc

from driftd.stats.base import Floats, Outcome, Pair

LEAST_EXPECTED = 5.0


def pooled(pair: Pair, least: float = LEAST_EXPECTED) -> tuple[Floats, Floats]:
    """Return both counts with every cell that is too rare moved into one cell at the end, shape (..., k + 1).

    Rare is a cell whose expected count in the smaller sample, divided by the design effect, is below `least`.
    """
    n, m = pair.sizes
    total = (pair.reference + pair.current).astype(np.float64)
    smaller = np.minimum(n, m) / pair.design
    expected = total * (smaller / np.maximum(n + m, 1))[..., None]
    rare = expected < least
    return _moved(pair.reference, rare), _moved(pair.current, rare)


def _moved(counts: np.ndarray, rare: np.ndarray) -> Floats:
    rest = np.where(rare, counts, 0.0).sum(-1, keepdims=True)
    return np.concatenate([np.where(rare, 0.0, counts), rest], axis=-1)


class ChiSquared:
    """Pearson's chi-squared of homogeneity over the cells, rare cells pooled.

    Definition: X² = n m / (n + m)-weighted squared differences of the shares over the pooled share, divided by the
    design effect; the value is Cramér's V = sqrt(X² / (n + m)) of the undivided X², between 0 and 1.

    When to use: categories, and numeric columns in coarse cells. The evidence of windows uses G, whose tail holds for
    rare cells as well.

    Law: chi-squared with (cells - 1) degrees of freedom once every expected count is 5 or more, which pooling mostly
    sees to; the pool itself may have fewer.

    Source: Pearson 1900; Cochran, Some methods for strengthening the common chi-squared tests, 1954; Rao & Scott 1981
    for the division by the design effect.
    """

    name = "chi_squared"
    ordered = False
    tested = True

    def __call__(self, pair: Pair) -> Outcome:
        a, b = pooled(pair)
        n, m = a.sum(-1), b.sum(-1)
        total = a + b
        gap = a / np.maximum(n, 1)[..., None] - b / np.maximum(m, 1)[..., None]
        raw = np.divide(gap**2, total, out=np.zeros_like(total), where=total > 0).sum(-1) * n * m
        degrees = np.maximum((total > 0).sum(-1) - 1, 0)
        p_value = np.where((degrees > 0) & (n > 0) & (m > 0), chdtrc(np.maximum(degrees, 1), raw / pair.design), 1.0)
        return Outcome(np.sqrt(raw / np.maximum(n + m, 1)), p_value)


class LikelihoodRatio:
    """G, the log-likelihood ratio of homogeneity over the cells, rare cells pooled.

    Definition: G = 2 sum count ln(count / expected) over both samples, divided by the design effect and by Williams'
    correction; the value is the uncorrected G / 2(n + m), the mean information in nats that a row carries about its sample.

    When to use: categories and coarse cells where small p-values matter: its tail has the exponent of the exact law
    also where expected counts are small, which Pearson's has not.

    Law: chi-squared with (cells - 1) degrees of freedom (Wilks 1938); Williams' correction brings its mean there in small
    samples.

    Source: Williams, Improved likelihood ratio tests for complete contingency tables, 1976; Sokal & Rohlf, Biometry, 1981;
    Hoeffding, Asymptotically optimal tests for multinomial distributions, 1965.
    """

    name = "g"
    ordered = False
    tested = True

    def __call__(self, pair: Pair) -> Outcome:
        a, b = pooled(pair)
        n, m = a.sum(-1, keepdims=True), b.sum(-1, keepdims=True)
        total = a + b
        raw = 2 * (_entropy(a) + _entropy(b) - _entropy(total) - _entropy(n) - _entropy(m) + _entropy(n + m))
        raw = np.maximum(raw, 0.0)
        degrees = np.maximum((total > 0).sum(-1) - 1, 0)
        known = (degrees > 0) & (n[..., 0] > 0) & (m[..., 0] > 0)
        corrected = raw / pair.design / williams(total, n[..., 0], m[..., 0], pair.design)
        p_value = np.where(known, chdtrc(np.maximum(degrees, 1), corrected), 1.0)
        return Outcome(raw / 2 / np.maximum(n + m, 1)[..., 0], p_value)


def williams(total: Floats, n: Floats, m: Floats, design: Floats | float) -> Floats:
    """Return Williams' correction of G, at least 1, for cell totals of shape (..., k) and sample sizes of shape (...)."""
    rows = np.maximum(n + m, 1)
    filled = total > 0
    degrees = np.maximum(filled.sum(-1) - 1, 1)
    across = (rows[..., None] / np.where(filled, total, np.inf)).sum(-1) - 1
    samples = rows / np.maximum(n, 1) + rows / np.maximum(m, 1) - 1
    return np.asarray(1 + np.maximum(across, 0) * samples * design / (6 * rows * degrees))


def _entropy(counts: Floats) -> Floats:
    """Return the sum of x ln x over the last axis."""
    return np.asarray((counts * np.log(np.maximum(counts, 1.0))).sum(-1))
