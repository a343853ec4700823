"""Statistics that compare two samples by their counts. Pure: no I/O, no clock, no random numbers.

Each is a callable on a `Pair` of counts and says value and p-value for all leading axes at once. Effects and p-values
are separate things; a statistic without a finite-sample law has no p-value.

    >>> import numpy as np
    >>> from driftd.stats import Pair, statistic
    >>> outcome = statistic("ks")(Pair(np.array([50, 50, 0]), np.array([20, 30, 50])))
    >>> round(float(outcome.value), 2), float(outcome.p_value) < 0.001
    (0.5, True)
"""

from driftd.stats.base import Outcome, Pair, Statistic
from driftd.stats.distances import (
    CramerVonMises,
    Hellinger,
    JensenShannon,
    PopulationStability,
    TotalVariation,
    Wasserstein,
)
from driftd.stats.ks import KolmogorovSmirnov
from driftd.stats.largest_cell import LargestCell
from driftd.stats.likelihood import ChiSquared, LikelihoodRatio
from driftd.stats.rank import RankShift

STATISTICS: dict[str, Statistic] = {
    s.name: s
    for s in (
        KolmogorovSmirnov(),
        RankShift(),
        LikelihoodRatio(),
        ChiSquared(),
        LargestCell(),
        PopulationStability(),
        JensenShannon(),
        Hellinger(),
        TotalVariation(),
        Wasserstein(),
        CramerVonMises(),
    )
}


def statistic(name: str) -> Statistic:
    """Return the statistic of this name; KeyError for an unknown one."""
    return STATISTICS[name]


__all__ = ["STATISTICS", "Outcome", "Pair", "Statistic", "statistic"]
