"""Cells that a reference fixes once, so that counts of any rows can be added and compared."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

QUANTILES = 256
TAILS = (1 / 512, 1 / 1024, 1 / 2048, 1 / 4096)
FEW = 32
LARGEST = np.finfo(np.float32).max


@dataclass(frozen=True)
class Axis:
    """Cells of a numeric feature: between quantiles of the reference, finer in the tails, one for each frequent value.

    A cell holds the values above one edge up to and with the next. The outermost two hold what lies absurdly far from
    the reference: such values are counted apart, as broken data.

    Values and edges are compared as single-precision distances from the middle edge, where these keep all edges apart:
    what differs by less than 6e-8 of that distance is the same. Sorting them takes half the time.

    Attributes:
        edges: Increasing, shape (k,); k + 1 cells.
    """

    edges: Floats

    @cached_property
    def _keys(self) -> NDArray[np.floating]:
        keys = _distances(self.edges, self._middle)
        return keys if (keys[1:] > keys[:-1]).all() else self.edges

    @property
    def _middle(self) -> float:
        return float(self.edges[len(self.edges) // 2])

    def _rounded(self, values: Floats) -> NDArray[np.floating]:
        """Return what stands for finite values beside the keys, as a new array; it never reverses two."""
        if self._keys is self.edges:
            return values.copy()
        found = _distances(values, self._middle)
        # an end that is infinite lies beyond all of them
        return found if np.isfinite(self._keys[[0, -1]]).all() else np.clip(found, -LARGEST, LARGEST, out=found)

    @classmethod
    def fit(cls, values: Floats, far: float = np.inf) -> "Axis":
        """Place the edges for the finite values of a reference, shape (n,), n >= 1.

        Absurdly far is what lies beyond its smallest or largest value by more than `far` times their distance. Codes and
        other columns of few values have no scale for that.
        """
        ordered = np.sort(values)
        n = len(ordered)
        grid = np.concatenate([np.arange(1, QUANTILES + 1) / QUANTILES, TAILS, 1 - np.array(TAILS)])
        distinct = np.unique(ordered)
        inner = distinct if len(distinct) <= QUANTILES else ordered[np.ceil(np.sort(grid) * n).astype(int) - 1]
        low, high = float(ordered[0]), float(ordered[-1])
        largest = float(np.finfo(np.float64).max)
        reach = min(far * (high / 2 - low / 2), largest / 2) * 2 if len(distinct) > FEW else np.inf
        ends = np.array([max(low - reach, -largest), min(high + reach, largest)])
        below = np.nextafter(low, -largest)
        return cls(np.unique(np.concatenate([ends, [below], inner, [high]])))

    @property
    def size(self) -> int:
        """Number of cells between the two far ones."""
        return len(self.edges) - 1

    @property
    def positions(self) -> Floats:
        """Where each cell between the far ones lies: its upper edge, the last one at the reference's largest value."""
        return np.concatenate([self.edges[1:-1], self.edges[-2:-1]])

    def count(self, values: Floats) -> tuple[Ints, int, int]:
        """Count finite values in the cells; also how many are far below and far above."""
        # searching the edges in the sorted values costs a sixteenth of searching the values in the edges
        ordered = self._rounded(values)
        ordered.sort()
        places = np.searchsorted(ordered, self._keys, side="right")
        return places[1:] - places[:-1], int(places[0]), len(values) - int(places[-1])

    def codes(self, values: Floats) -> Ints:
        """Return each value's cell; -1 for values that are far off or not finite."""
        cells = np.searchsorted(self._keys, self._rounded(values), side="left").astype(np.int64) - 1
        return np.where(np.isfinite(values) & (cells >= 0) & (cells < self.size), cells, -1)


def _distances(values: Floats, middle: float) -> NDArray[np.float32]:
    found = np.empty(values.shape, np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        return np.subtract(values, middle, out=found, casting="same_kind")


def digest(value: str) -> int:
    """Return 63 bits that stand for a value whose text is not kept."""
    return int.from_bytes(blake2b(value.encode(), digest_size=8).digest(), "little") >> 1


@dataclass(frozen=True)
class Values:
    """Cells of a category: its most frequent values in the reference, then `other` (seen, rarer) and `unseen`.

    Attributes:
        values: By falling count, at most LIMIT.
        others: Digests of the other values that the reference holds.
        told: Whether the first half of the reference's rows told them, so that only the others may be compared: where values
            are rare, rows have new ones without any drift, but none has those that told what is new.
    """

    values: tuple[str, ...]
    others: frozenset[int]
    told: bool = False
    index: Mapping[str, int] = field(init=False, repr=False, compare=False)

    LIMIT: ClassVar[int] = 250
    RARE: ClassVar[int] = 5

    def __post_init__(self) -> None:
        object.__setattr__(self, "index", {value: place for place, value in enumerate(self.values)})

    @classmethod
    def fit(cls, counts: Mapping[str, int], *, told: bool = False) -> "Values":
        """Choose the cells for the counted values of a reference."""
        ordered = sorted(counts, key=lambda value: (-counts[value], value))
        return cls(tuple(ordered[: cls.LIMIT]), frozenset(map(digest, ordered[cls.LIMIT :])), told)

    @classmethod
    def chosen(cls, counts: Mapping[str, int]) -> bool:
        """Say whether which values have a cell is chance: some are rare, or there are too many."""
        return len(counts) > cls.LIMIT or min(counts.values(), default=cls.RARE) < cls.RARE

    @property
    def size(self) -> int:
        """Number of cells, `other` and `unseen` included."""
        return len(self.values) + 2

    def place(self, value: str) -> int:
        """Return the cell of a value."""
        known = self.index.get(value)
        if known is not None:
            return known
        return len(self.values) + (0 if self.others and digest(value) in self.others else 1)

    def codes(self, column: pa.DictionaryArray, rows: Ints | None = None) -> Ints:
        """Return the cell of each row, or of those at these places; -1 for null."""
        size = len(column.dictionary)
        indices = column.indices.fill_null(size) if column.null_count else column.indices
        chosen = indices.to_numpy(zero_copy_only=False)
        chosen = chosen if rows is None else chosen[rows]
        cells = np.full(size + 1, -1, dtype=np.int64)
        # a window holds few of the values that its file knows
        used = np.flatnonzero(np.bincount(chosen, minlength=size)[:size])
        cells[used] = [self.place(value) for value in column.dictionary.take(pa.array(used)).to_pylist()]
        return np.asarray(cells[chosen])

    def count(self, column: pa.DictionaryArray) -> Ints:
        """Count the rows that are not null in the cells."""
        codes = self.codes(column)
        return np.bincount(codes[codes >= 0], minlength=self.size).astype(np.int64)


Binning = Axis | Values


def binning_to_json(binning: Binning) -> dict[str, Any]:
    """Return plain data that `binning_from_json` reads without loss."""
    if isinstance(binning, Axis):
        return {"edges": [float(edge).hex() for edge in binning.edges]}
    return {"values": list(binning.values), "others": sorted(binning.others), "told": binning.told}


def binning_from_json(data: Mapping[str, Any]) -> Binning:
    """Read what `binning_to_json` wrote."""
    if "edges" in data:
        return Axis(np.array([float.fromhex(edge) for edge in data["edges"]]))
    return Values(tuple(data["values"]), frozenset(data["others"]), data.get("told", False))
