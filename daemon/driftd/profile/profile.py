"""Counts of rows in the cells of a layout: the mergeable summary that windows and references are."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Any

import numpy as np
import pyarrow as pa

from driftd.concurrency import ahead
from driftd.profile.binning import Ints
from driftd.profile.codec import pack, unpack
from driftd.profile.layout import TALLIES, Layout
from driftd.profile.pairs import ROWS, Sampled
from driftd.profile.sample import first_half, skipped
from driftd.profile.words import BUCKETS

PIECE = 1 << 16  # rows that are counted at once; shorter pieces cost more in numpy calls than they save in cache
NAMES = ("cells", "tallies", "pairs", "paired", "terms")
HELD = 1 << 24  # bytes of short batches that are brought together; a piece waits for each thread
MANY = PIECE  # from here on counting is worth a thread


@dataclass(frozen=True)
class Profile:
    """How many rows fell into which cell, and how two columns go together.

    Cells and tallies form a commutative monoid: `merge(profile(a), profile(b)) == profile(a + b)`, whatever the split, and
    `Profile.empty` is its zero. Pairs are counted in at most ROWS of the rows that are counted at once, so these counts add, too, but
    a merged profile has looked at more rows than one of the whole.

    Attributes:
        cells: Shape (features, layout.width); features with fewer cells end in zeros.
        tallies: Shape (features, 5): rows, nulls, not finite, far below, far above.
        pairs: Shape (pairs,): rows in which two columns are unlike.
        paired: Shape (1,): rows that were looked at for that.
        terms: Shape (sources, layout.buckets): rows in which a term of a bucket is, for each column of text or entities.
    """

    cells: Ints
    tallies: Ints
    pairs: Ints
    paired: Ints
    terms: Ints

    @classmethod
    def empty(cls, layout: Layout) -> "Profile":
        """Return the profile of no rows."""
        features = len(layout.features)
        tallies = np.zeros((features, len(TALLIES)), np.int64)
        cells, terms = (
            np.zeros((features, layout.width), np.int64),
            np.zeros((len(layout.sources), layout.buckets), np.int64),
        )
        return cls(cells, tallies, layout.pairs.none, np.zeros(1, np.int64), terms)

    @classmethod
    def of(cls, layout: Layout, batches: Iterable[pa.RecordBatch], paired: int = ROWS) -> "Profile":
        """Count rows that come in any number of batches; pairs in about `paired` of them."""
        total = cls.empty(layout)
        first = list(islice(batches := iter(batches), 2))
        few = len(first) < 2 and sum(batch.num_rows for batch in first) < MANY  # noqa: PLR2004  # nothing to do beside it
        sampled = Sampled(layout.pairs, paired)

        def pieces() -> Iterator[pa.RecordBatch]:
            for batch in _gathered(chain(first, batches)):
                for piece in _cut(batch):
                    sampled.take(layout.features, layout.binnings, piece)
                    yield piece

        counts = total.cells, total.tallies, total.terms
        for more in map(layout.count, pieces()) if few else ahead(layout.count, pieces()):
            counts = counts[0] + more[0], counts[1] + more[1], counts[2] + more[2]
        cells, tallies, terms = counts
        return cls(cells, tallies, *sampled.count(), terms)

    @classmethod
    def of_reference(
        cls, layout: Layout, read: Callable[[], Iterable[pa.RecordBatch]], paired: int = ROWS
    ) -> "Profile":
        """Count the rows that a layout was fitted to; what is held out only in those that did not make it.

        Args:
            layout: The cells.
            read: Yields the rows from the start each time.
            paired: As in `of`.
        """
        counted = cls.of(layout, read(), paired)
        if not len(held := layout.held_out):
            return counted
        later = cls.of(layout, skipped(read(), first_half(counted.rows)), 0)
        cells, tallies = counted.cells.copy(), counted.tallies.copy()
        cells[held], tallies[held] = later.cells[held], later.tallies[held]
        return replace(counted, cells=cells, tallies=tallies)

    @property
    def counts(self) -> tuple[Ints, ...]:
        """All that is counted; profiles add up by adding these."""
        return self.cells, self.tallies, self.pairs, self.paired, self.terms

    def merge(self, other: "Profile") -> "Profile":
        """Add counts of the same layout."""
        return Profile(*(own + more for own, more in zip(self.counts, other.counts, strict=True)))

    @property
    def rows(self) -> int:
        """Rows that were counted."""
        return int(self.tallies[0, 0]) if len(self.tallies) else 0

    def arrays(self) -> dict[str, Ints]:
        """Return the counts by name."""
        return dict(zip(NAMES, self.counts, strict=True))

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Ints]) -> "Profile":
        """Take the counts by name; what was stored before there were terms has none."""
        return cls(*({"terms": np.zeros((0, BUCKETS), np.int64), **arrays}[name] for name in NAMES))

    def to_bytes(self, header: dict[str, Any] | None = None) -> bytes:
        """Serialise the counts, without the layout."""
        return pack(header or {}, self.arrays())

    @classmethod
    def from_bytes(cls, data: bytes) -> "Profile":
        """Read what `to_bytes` wrote."""
        _, arrays = unpack(data)
        return cls.from_arrays(arrays)


def _gathered(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Bring batches together that are shorter than a piece: each call of numpy costs as much as counting a hundred rows."""
    short: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        short.append(batch)
        rows += batch.num_rows
        size += batch.nbytes
        if rows >= PIECE or size >= HELD:
            yield from _joined(short)
            short, rows, size = [], 0, 0
    yield from _joined(short)


def _joined(batches: list[pa.RecordBatch]) -> list[pa.RecordBatch]:
    if len(batches) < 2:  # noqa: PLR2004  # nothing to join
        return batches
    joined: list[pa.RecordBatch] = pa.Table.from_batches(batches).unify_dictionaries().combine_chunks().to_batches()
    return joined


def _cut(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    return (batch.slice(first, PIECE) for first in range(0, max(batch.num_rows, 1), PIECE))
