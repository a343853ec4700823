"""Columns two at a time: in how many rows are two halves of their values not the same? Counts that no single column shows."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from driftd.profile.binning import Binning, Floats, Ints, Values
from driftd.profile.features import Feature

MOST = 128  # halves; the pairs grow with their square
ROWS = 1 << 11  # that are looked at of those that are counted at once
HALVES = 2  # of a column
LEAST = 0.05  # share of the rows that either side of a half must have
ALIKE = 3.0  # standard errors within which two values are equally frequent
GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio
KINDS = ("numeric", "categorical", "boolean")

Inside = NDArray[np.bool_]  # whether each row is in each half, shape (halves, rows)


@dataclass(frozen=True)
class Half:
    """A part of a feature's values, about a half: those above `low` up to and with `high` (of a category, its cells).

    Rows without a value are outside.
    """

    feature: int
    low: float
    high: float

    def holds(self, values: Floats | Ints) -> Inside:
        """Say of each value whether it is inside."""
        above = values > self.low
        return above if self.high == np.inf else above & (values <= self.high)


@dataclass(frozen=True)
class Pairs:
    """The pairs of halves of different features.

    A numeric column has two halves, above its median and between its quartiles, which are independent of each other; a
    category has its two most frequent values, the first by name of those that are equally frequent as far as the rows
    tell: the one that happens to be most frequent is less so elsewhere. Where columns move together, the rows that are in
    one half and not in the other are more or fewer than chance has it; where that changes and no column does, only these
    counts tell.
    """

    halves: tuple[Half, ...] = ()

    @classmethod
    def fit(
        cls,
        features: Sequence[Feature],
        binnings: Sequence[Binning],
        skipped: Sequence[str],
        columns: Sequence[Floats | Ints],
    ) -> "Pairs":
        """Choose the halves; `columns` are the rows' values, or cells of a category, of each feature that is `whole`."""
        chosen = [place for place, each in enumerate(features) if whole(each) and not skipped[place]]
        found: list[list[Half]] = [_halves(place, binnings[place], columns[place]) for place in chosen]
        if sum(map(len, found)) > MOST:
            found = [each[:1] for each in found]
        halves = tuple(half for each in found for half in each)[:MOST]
        return cls(halves if len({half.feature for half in halves}) > 1 else ())

    @cached_property
    def places(self) -> tuple[Ints, Ints]:
        """The first and the second half of each pair, shape (pairs,)."""
        first, second = np.triu_indices(len(self.halves), 1)
        owner = np.array([half.feature for half in self.halves], dtype=np.int64)
        apart = owner[first] != owner[second]
        return first[apart].astype(np.int64), second[apart].astype(np.int64)

    @cached_property
    def features(self) -> tuple[Ints, Ints]:
        """The features of each pair, shape (pairs,)."""
        owner = np.array([half.feature for half in self.halves], dtype=np.int64)
        first, second = self.places
        return owner[first], owner[second]

    @property
    def size(self) -> int:
        """Number of pairs."""
        return len(self.places[0])

    @property
    def none(self) -> Ints:
        """The counts of no rows."""
        return np.zeros(self.size, np.int64)

    def inside(
        self, features: Sequence[Feature], binnings: Sequence[Binning], batch: pa.RecordBatch, rows: Ints | None = None
    ) -> Inside:
        """Say of rows of a batch, all or those at these places, in which halves they are."""
        columns = [values_of(features[place], binnings[place], batch, rows) for place in self._owners]
        if not columns:
            return np.zeros((0, batch.num_rows if rows is None else len(rows)), np.bool_)
        values = np.stack(columns)[self._rows]
        low, high = self._ends
        return np.asarray((values > low) & (values <= high))

    @cached_property
    def _owners(self) -> Ints:
        """The features that have a half."""
        return np.unique([half.feature for half in self.halves]).astype(np.int64)

    @cached_property
    def _rows(self) -> Ints:
        """Which of the owners each half is of."""
        return np.searchsorted(self._owners, [half.feature for half in self.halves])

    @cached_property
    def _ends(self) -> tuple[Floats, Floats]:
        """Ends of the halves, shape (halves, 1)."""
        low, high = np.array([(half.low, half.high) for half in self.halves]).T[..., None]
        return low, high

    def unlike(self, inside: Inside) -> Ints:
        """Count the rows that are in just one half of each pair, shape (pairs,)."""
        room = np.zeros((len(self.halves), -(-inside.shape[1] // 64) * 64), np.bool_)
        room[:, : inside.shape[1]] = inside
        bits = np.packbits(room, axis=1).view(np.uint64)
        first, second = self.places
        return np.asarray(np.bitwise_count(bits[first] ^ bits[second]).sum(1, dtype=np.int64))


@dataclass
class Sampled:
    """The rows, among any number of pieces, that are looked at for pairs: one in 2^k, with the least k that leaves about `limit`.

    Which rows these are depends on their places alone, not on how they are cut into pieces. They are spread evenly by the
    golden ratio (Knuth, The Art of Computer Programming 3, 6.4), so that no period of the rows is met by one of theirs.
    """

    pairs: Pairs
    limit: int = ROWS
    seen: int = 0
    halvings: int = 0
    keys: NDArray[np.uint64] = field(default_factory=lambda: np.zeros(0, np.uint64))
    kept: list[Inside] = field(default_factory=list)

    def take(self, features: Sequence[Feature], binnings: Sequence[Binning], piece: pa.RecordBatch) -> None:
        """Look at the next rows."""
        if not self.pairs.halves:
            return
        keys = np.arange(self.seen, self.seen + piece.num_rows, dtype=np.uint64) * GOLDEN
        self.seen += piece.num_rows
        while self.seen >> self.halvings > self.limit:
            self.halvings += 1
            if self.kept:
                chosen = self._chosen(self.keys)
                self.keys, self.kept = self.keys[chosen], [np.concatenate(self.kept, axis=1)[:, chosen]]
        rows = self._chosen(keys) if self.halvings else None
        self.keys = np.concatenate([self.keys, keys if rows is None else keys[rows]])
        self.kept.append(self.pairs.inside(features, binnings, piece, rows))

    def count(self) -> tuple[Ints, Ints]:
        """Return the counts of pairs, and of how many rows they are, shape (1,)."""
        counts = self.pairs.unlike(np.concatenate(self.kept, axis=1)) if self.kept else self.pairs.none
        return counts, np.array([len(self.keys)])

    def _chosen(self, keys: NDArray[np.uint64]) -> Ints:
        return np.flatnonzero(keys >> np.uint64(64 - self.halvings) == 0)


def whole(feature: Feature) -> bool:
    """Say whether a feature is a column itself, as it takes part in pairs."""
    return feature.kind in KINDS and not feature.part


def values_of(feature: Feature, binning: Binning, batch: pa.RecordBatch, rows: Ints | None = None) -> Floats | Ints:
    """Return the values of a whole column's rows, all or those at these places: NaN for nulls; of a category cells, -1 for nulls."""
    column = batch.column(feature.column)
    if not isinstance(binning, Values):
        values = column.to_numpy(zero_copy_only=False)
        return np.asarray(values if rows is None else values[rows], dtype=np.float64)
    if feature.kind == "boolean":
        column = column.cast(pa.string())
    return binning.codes(column if isinstance(column, pa.DictionaryArray) else column.dictionary_encode(), rows)


def _halves(place: int, binning: Binning, values: Floats | Ints) -> list[Half]:
    if isinstance(binning, Values):
        tried = [Half(place, cell - 1.0, float(cell)) for cell in _most_frequent(binning.values, values)]
    else:
        finite = values[np.isfinite(values)]
        low, middle, high = np.quantile(finite, [0.25, 0.5, 0.75], method="inverted_cdf") if len(finite) else (0, 0, 0)
        tried = [Half(place, float(middle), np.inf), Half(place, float(low), float(high))]
    shares = [float(half.holds(values).mean()) if len(values) else 0.0 for half in tried]
    return [half for half, share in zip(tried, shares, strict=True) if LEAST <= share <= 1 - LEAST]


def _most_frequent(names: Sequence[str], codes: Floats | Ints) -> list[int]:
    """Return the cells of a category's two most frequent values."""
    counts = np.bincount(codes[codes >= 0].astype(np.int64), minlength=len(names))
    left, found = list(range(len(names))), list[int]()
    while left and len(found) < HALVES:
        most = int(counts[left].max())
        alike = [cell for cell in left if most - counts[cell] <= ALIKE * math.sqrt(most + counts[cell])]
        found.append(min(alike, key=names.__getitem__))
        left.remove(found[-1])
    return [*found, *range(len(found), HALVES)]  # where fewer are told: rows with another
