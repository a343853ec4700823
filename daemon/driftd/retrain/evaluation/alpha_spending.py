"""How sure a decision must be when the same test rows have decided before.

Each candidate that is held against one champion on the rows that its predecessors saw is another chance to look better by luck.
The chance that any of them replaces a champion that it is no better than stays at `1 - promote.confidence`, because the decisions
spend it in shares, 6 / (pi k)^2 for the k-th, which sum to 1 over all decisions that may ever come: Bonferroni's inequality with
weights, as in alpha-spending (Lan & DeMets 1983) and holdout reuse (Foster & Stine 2008 spend in the same way).
A promotion makes another champion, and the account begins anew.
"""

import math

FINEST = 20_000  # resamples at most; below one in so many, the smallest resampled gain is the bound
COARSEST = 2_000


def confidence(asked: float, earlier: int) -> float:
    """Return the confidence of a decision's interval.

    Args:
        asked: `promote.confidence`, of the whole sequence.
        earlier: Decisions against the same champion so far.
    """
    return 1 - (1 - asked) * 6 / (math.pi * (earlier + 1)) ** 2


def resamples(confidence: float) -> int:
    """Return how many resamples show the tail that a confidence leaves: a hundred beyond the bound, within limits."""
    return min(max(COARSEST, math.ceil(100 / (1 - confidence))), FINEST)
