"""What every statistic takes and gives."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Pair:
    """Counts of two samples over the same cells.

    Attributes:
        reference: Counts of shape (..., k); leading axes are columns or scales, judged side by side.
        current: Counts that broadcast against `reference`.
        positions: Where each cell lies on the column's axis, shape (..., k); only statistics with a unit need it.
        design: Design effect, at least 1: how many dependent rows are worth one independent row (Kish, 1965).
    """

    reference: Ints
    current: Ints
    positions: Floats | None = None
    design: Floats | float = 1.0

    @cached_property
    def sizes(self) -> tuple[Floats, Floats]:
        """Rows of both samples, shape (...)."""
        return self.reference.sum(-1).astype(np.float64), self.current.sum(-1).astype(np.float64)

    @cached_property
    def cumulative(self) -> tuple[Ints, Ints]:
        """Counts up to and with each cell, shape (..., k)."""
        return np.cumsum(self.reference, axis=-1), np.cumsum(self.current, axis=-1)

    @cached_property
    def effective(self) -> Floats:
        """The effective size nm / (n + m) of a comparison, divided by the design effect; 0 where a sample is empty."""
        n, m = self.sizes
        return np.asarray(n * m / np.maximum(n + m, 1) / self.design)

    @cached_property
    def shares(self) -> tuple[Floats, Floats]:
        """The counts as shares of their sample, shape (..., k); zeros where a sample is empty."""
        n, m = self.sizes
        return self.reference / np.maximum(n, 1)[..., None], self.current / np.maximum(m, 1)[..., None]


class Outcome(NamedTuple):
    """What a statistic says, shape (...): an effect in its own unit, and how surprising it is without drift."""

    value: Floats
    p_value: Floats | None


class Statistic(Protocol):
    """A comparison of two samples by their counts.

    `ordered` says that it reads the cells as an axis and is for numeric columns; `tested` that it has a p-value.
    """

    name: str
    ordered: bool
    tested: bool

    def __call__(self, pair: Pair) -> Outcome:
        """Return value and p-value for each leading index of the pair."""
        ...
