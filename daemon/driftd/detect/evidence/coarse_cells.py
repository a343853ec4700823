"""From the fine cells of profiles to the coarse ones in which sums over cells and single cells are tested."""

import numpy as np

from driftd.profile import Axis, Layout
from driftd.profile.binning import Floats, Ints

# shares of the reference below which a coarse cell ends: sixteenths, and towards both tails ever smaller
_TAIL = 1 / np.array([2048, 512, 128, 32])
GRID = np.unique(np.concatenate([_TAIL, np.arange(1, 16) / 16, 1 - _TAIL]))


def boundaries(cells: Ints) -> Ints:
    """Return the last fine cell of each coarse one, shape (features, len(GRID) + 1), for reference cells (features, k).

    Where a feature has no more values than there are coarse cells, each value is a cell of its own.
    """
    last = cells.shape[-1] - 1
    cumulative = np.cumsum(cells, axis=-1)
    share = cumulative / np.maximum(cumulative[..., -1:], 1)
    ends = (share[..., None, :] < GRID[:, None]).sum(-1)
    for place, counts in enumerate(cells):
        filled = np.flatnonzero(counts)
        if len(filled) <= len(GRID):
            ends[place] = np.pad(filled, (0, len(GRID) - len(filled)), constant_values=last)
    ends = np.concatenate([np.minimum(ends, last), np.full((len(cells), 1), last)], axis=-1)
    return np.asarray(np.sort(ends, axis=-1))


def coarse(cumulative: Ints, ends: Ints) -> Ints:
    """Return the counts of coarse cells from those up to each fine one, shape (..., features, k)."""
    taken = cumulative[..., np.arange(len(ends))[:, None], ends]
    return np.diff(taken, axis=-1, prepend=0)


def positions(layout: Layout, cells: Ints) -> Floats:
    """Return where fine cells lie in standard deviations of the reference, shape (features, width); 0 for categories."""
    table = np.zeros((len(layout.features), layout.width))
    for place, binning in enumerate(layout.binnings):
        if isinstance(binning, Axis):
            spots = binning.positions
            spots = np.ldexp(spots, -np.frexp(np.abs(spots).max())[1])  # squares of those beyond 1e154 are not finite
            share = cells[place, : len(spots)] / max(int(cells[place].sum()), 1)
            mean = float(spots @ share)
            deviation = float(np.sqrt((spots - mean) ** 2 @ share)) or 1.0
            table[place] = np.pad((spots - mean) / deviation, (0, layout.width - len(spots)), mode="edge")
    return table
