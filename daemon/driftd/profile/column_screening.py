"""Columns that would always or never "drift": recognised by their rows in the reference."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

LEAST_ROWS = 50
LEAST_DISTINCT = 10
IDENTIFIER = 0.5


def number_trait(values: NDArray[np.float64]) -> tuple[str, str]:
    """Return why finite numbers, in order of arrival, are not tested ("" if they are), and a note or ""."""
    if not len(values):
        return "empty", "no value in the reference; not tested"
    if len(values) >= LEAST_ROWS:
        steps = np.diff(values)
        monotone = bool((steps >= 0).all() or (steps <= 0).all())
        if monotone and np.count_nonzero(steps) >= LEAST_DISTINCT:
            return "counter", "only rises or falls with the rows, like a time or a running number; not tested"
    if values.min() == values.max():
        return "", "constant in the reference; tested from the second window on in which it varies"
    return "", ""


def category_trait(counts: Mapping[str, int]) -> tuple[str, str]:
    """Return why a category's counted values are not tested ("" if they are), and a note or ""."""
    rows = sum(counts.values())
    if not rows:
        return "empty", "no value in the reference; not tested"
    if rows >= LEAST_ROWS and len(counts) > IDENTIFIER * rows:
        return "identifier", f"{len(counts)} values in {rows} rows, like an identifier; not tested"
    if len(counts) == 1:
        return "", "constant in the reference; tested from the second window on in which it varies"
    return "", ""
