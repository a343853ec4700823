"""Counts of rows in the cells of a layout: the mergeable summary that windows and references are."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

import numpy as np
import pyarrow as pa

from driftd.profile.ahead import ahead
from driftd.profile.binning import Ints
from driftd.profile.codec import pack, unpack
from driftd.profile.layout import TALLIES, Layout

PIECE = 1 << 16  # rows that are counted at once; shorter pieces cost more in numpy calls than they save in cache
MANY = PIECE  # from here on counting is worth a thread


@dataclass(frozen=True)
class Profile:
    """How many rows fell into which cell.

    Profiles of one layout form a commutative monoid: `merge(profile(a), profile(b)) == profile(a + b)`, whatever the
    split, and `Profile.empty` is its zero.

    Attributes:
        cells: Shape (features, layout.width); features with fewer cells end in zeros.
        tallies: Shape (features, 5): rows, nulls, not finite, far below, far above.
    """

    cells: Ints
    tallies: Ints

    @classmethod
    def empty(cls, layout: Layout) -> "Profile":
        """Return the profile of no rows."""
        features = len(layout.features)
        return cls(np.zeros((features, layout.width), np.int64), np.zeros((features, len(TALLIES)), np.int64))

    @classmethod
    def of(cls, layout: Layout, batches: Iterable[pa.RecordBatch]) -> "Profile":
        """Count rows that come in any number of batches."""
        total = cls.empty(layout)
        first = list(islice(batches := iter(batches), 2))
        few = len(first) < 2 and sum(batch.num_rows for batch in first) < MANY  # noqa: PLR2004  # nothing to do beside it
        pieces = chain.from_iterable(_cut(batch) for batch in chain(first, batches))
        for counts in map(layout.count, pieces) if few else ahead(layout.count, pieces):
            total = total.merge(cls(*counts))
        return total

    def merge(self, other: "Profile") -> "Profile":
        """Add counts of the same layout."""
        return Profile(self.cells + other.cells, self.tallies + other.tallies)

    @property
    def rows(self) -> int:
        """Rows that were counted."""
        return int(self.tallies[0, 0]) if len(self.tallies) else 0

    def to_bytes(self, header: dict[str, Any] | None = None) -> bytes:
        """Serialise the counts, without the layout."""
        return pack(header or {}, {"cells": self.cells, "tallies": self.tallies})

    @classmethod
    def from_bytes(cls, data: bytes) -> "Profile":
        """Read what `to_bytes` wrote."""
        _, arrays = unpack(data)
        return cls(arrays["cells"], arrays["tallies"])


def _cut(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    return (batch.slice(first, PIECE) for first in range(0, max(batch.num_rows, 1), PIECE))
