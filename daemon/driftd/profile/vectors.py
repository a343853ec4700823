"""Numbers of a vector that need no fitting: its length, and where it lies along fixed random directions."""

from functools import lru_cache

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

DIRECTIONS = 16


def vector_part(column: pa.Array, part: str) -> pa.Array:
    """Return one number a row, null where the vector is.

    `norm` is the Euclidean length; `direction1` to `direction16` are inner products with directions of independent normal
    components, the same for every column. Whatever moves the mean of a vector by d moves each product's mean by a normal
    number of deviation |d|, so that all of them missing it is improbable (Johnson & Lindenstrauss, 1984).

    Args:
        column: list<double>; a component that is null makes the number NaN, which is tallied as not finite.
        part: The number's name.
    """
    values = column.flatten().to_numpy(zero_copy_only=False).astype(np.float64, copy=False)
    lengths = column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    with np.errstate(over="ignore", invalid="ignore"):
        products = values**2 if part == "norm" else values * _components(part, lengths)
    sums = np.bincount(np.repeat(np.arange(len(lengths)), lengths), products, len(lengths))
    found = np.sqrt(sums) if part == "norm" else sums
    return pa.array(found, mask=column.is_null().to_numpy(zero_copy_only=False), from_pandas=False)


def _components(part: str, lengths: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return a direction's components, once for each of the vectors."""
    longest = int(lengths.max(initial=0))
    direction = _direction(int(part.removeprefix("direction")), 1 << max(longest - 1, 0).bit_length())
    if (lengths == longest).all():
        return np.tile(direction[:longest], len(lengths))
    return np.concatenate([direction[:length] for length in lengths])


@lru_cache(maxsize=4 * DIRECTIONS)
def _direction(number: int, size: int) -> NDArray[np.float64]:
    # the one generator whose numbers numpy promises never to change: stored references were made with them
    return np.random.RandomState(number).normal(size=size)
