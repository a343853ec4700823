import numpy as np

from driftd.stats.base import Outcome, Pair


class KolmogorovSmirnov:
    """Largest distance between two distribution functions, at the edges of the cells.

    Definition: D = max over edges of |F_reference - F_current|, between 0 and 1.

    When to use: any change of a numeric column; strongest for shifts of the middle.

    Law: without drift P(D >= d) <= 2 exp(-2 n_e d²) with n_e = nm / (n + m) for every n = m >= 458 and within a
    factor of 1.4 below (Wei & Dudley 2012). Reading D at edges only makes it smaller, so the p-value stays valid;
    ties make it conservative.

    Source: Massart 1990; Wei & Dudley, Two-sample Dvoretzky-Kiefer-Wolfowitz inequalities, 2012.
    """

    name = "ks"
    ordered = True
    tested = True

    def __call__(self, pair: Pair) -> Outcome:
        (reference, current), (n, m) = pair.cumulative, pair.sizes
        gap = reference * (1 / np.maximum(n, 1))[..., None] - current * (1 / np.maximum(m, 1))[..., None]
        # 0 is added as the maximum of 0 and -0 may be either
        value = np.where(pair.effective <= 0, 0.0, np.maximum(gap.max(-1), -gap.min(-1)) + 0.0)
        return Outcome(value, np.minimum(1.0, 2 * np.exp(-2 * pair.effective * value**2)))
