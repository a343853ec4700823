"""Windows since the reference, newest first, in buckets that double: O(log) memory for every recent stretch."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from driftd.profile import Profile
from driftd.profile.binning import Ints

SPANS = (1, 2, 4, 8)
BUCKETS_A_SPAN = 3
MOST_BUCKETS = len(SPANS) * BUCKETS_A_SPAN


@dataclass(frozen=True)
class Bucket:
    """Consecutive windows, merged."""

    windows: int
    profile: Profile


@dataclass(frozen=True)
class History:
    """At most three buckets each of 1, 2, 4 and 8 windows (the structure of ADWIN's; Bifet & Gavaldà 2007)."""

    buckets: tuple[Bucket, ...] = ()

    def push(self, window: Profile) -> tuple["History", Bucket | None]:
        """Add a window; return the new history and the oldest bucket if it fell out."""
        buckets = [Bucket(1, window), *self.buckets]
        for span in SPANS:
            own = [place for place, bucket in enumerate(buckets) if bucket.windows == span]
            if len(own) <= BUCKETS_A_SPAN:
                continue
            if span == SPANS[-1]:
                return History(tuple(buckets[:-1])), buckets[-1]
            newer, older = buckets[own[-2]], buckets[own[-1]]
            buckets[own[-2] : own[-1] + 1] = [Bucket(2 * span, newer.profile.merge(older.profile))]
        return History(tuple(buckets)), None

    @property
    def spans(self) -> Ints:
        """How many windows the newest 1, 2, ... buckets hold."""
        return np.cumsum([bucket.windows for bucket in self.buckets])

    @property
    def sums(self) -> Profile:
        """Counts of the newest 1, 2, ... buckets together, of which there is at least one; their leading axis is the buckets."""
        counts = zip(*(bucket.profile.counts for bucket in self.buckets), strict=True)
        return Profile(*map(_sums, counts))


def _sums(parts: Sequence[Ints]) -> Ints:
    sums = np.empty((len(parts), *parts[0].shape), np.int64)
    sums[0] = parts[0]
    # numpy.cumsum goes against the memory's order, and takes eight times as long
    for place, part in enumerate(parts[1:], 1):
        np.add(sums[place - 1], part, out=sums[place])
    return sums
