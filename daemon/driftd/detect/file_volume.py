"""Volume: a file with far more or far fewer rows than the files before it is broken data, not drift."""

from collections.abc import Sequence
from math import exp, log
from statistics import median

RECENT = 200  # files that say what is usual
LEAST = 20  # fewer say nothing
DEVIATIONS = 6.0
NORMAL = 1.4826  # standard deviations of a normal law to a median absolute deviation


def odd_volumes(earlier: Sequence[int], files: Sequence[tuple[str, int]], factor: float) -> list[str]:
    """Say which files have an unusual number of rows.

    On the log scale a file is odd that is more than log(`factor`) and more than six robust standard deviations (median absolute
    deviation; Hampel 1974) from the median of the files before it, so that a feed whose files differ by nature breaks nothing.

    Args:
        earlier: Rows of each file before these, the newest ones, at most RECENT; below LEAST of them nothing is odd.
        files: Names and rows.
        factor: How many times more or fewer rows are too many or too few.
    """
    if len(earlier) < LEAST:
        return []
    sizes = [log(rows + 1) for rows in earlier]
    middle = median(sizes)
    spread = NORMAL * median(abs(size - middle) for size in sizes)
    limit = max(log(factor), DEVIATIONS * spread)
    usual = round(exp(middle) - 1)
    return [
        f"volume: {name} has {rows} rows instead of about {usual}"
        for name, rows in files
        if abs(log(rows + 1) - middle) > limit
    ]
