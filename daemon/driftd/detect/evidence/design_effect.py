"""How many rows are worth one: rows of sessions, files or hours resemble their neighbours."""

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc, fdtrc

from driftd.profile import Layout
from driftd.profile.binning import Floats, Ints, Values
from driftd.stats.rank import rank_scores

LAGS = 10
SURE = 0.01
TINY = 1e-12
SPAN = 5.0
FREQUENT = 0.05  # share of a value that is listed whichever rows tell
LEAST_BLOCKS = 8
MOST_BLOCKS = 64


def blocks_of(rows: int, window_rows: int) -> Ints:
    """Return where the blocks of consecutive rows begin in which a reference is looked at, and the end."""
    blocks = min(max(rows // window_rows, LEAST_BLOCKS), MOST_BLOCKS, max(rows, 1))  # none is empty
    return np.linspace(0, rows, blocks + 1).astype(np.int64)


def block_sums(scores: Floats, blocks: Ints) -> tuple[Floats, Floats]:
    """Split the variation of scores (q, rows) between blocks: sums of squares (q,) between halves, and within them.

    For independent rows of variance 1 they are chi-squared, with 1 and with (blocks - 2) degrees of freedom.
    """
    sizes = np.diff(blocks).astype(np.float64)
    means = np.add.reduceat(scores, blocks[:-1], axis=1) / sizes
    half = len(sizes) // 2
    overall = means @ sizes / sizes.sum()
    between, within = np.zeros(len(scores)), np.zeros(len(scores))
    for part in (slice(0, half), slice(half, None)):
        middle = means[:, part] @ sizes[part] / sizes[part].sum()
        between += sizes[part].sum() * (middle - overall) ** 2
        within += ((means[:, part] - middle[:, None]) ** 2) @ sizes[part]
    return between, within


@dataclass(frozen=True)
class Dependence:
    """What consecutive rows say about each feature, shape (features,).

    Attributes:
        design: The variance of a mean of consecutive rows over that of independent ones, at least 1.
        steady: The same of rows without their linear trend, and within halves.
        alike: The p-value of the first half being like the second.
    """

    design: Floats
    steady: Floats
    alike: Floats

    def but(self, places: Ints, other: "Dependence") -> "Dependence":
        """Return this with what another one says about some features."""
        pairs = ((self.design, other.design), (self.steady, other.steady), (self.alike, other.alike))
        sides = [own.copy() for own, _ in pairs]
        for side, (_, theirs) in zip(sides, pairs, strict=True):
            side[places] = theirs[places]
        return Dependence(*sides)


def dependence(layout: Layout, anchor: Ints, codes: Ints, blocks: Ints) -> Dependence:
    """Look at rows of a reference in order of arrival.

    The design effect is the larger of the integrated autocorrelation time of the rows' rank scores (Sokal's window) and the
    variance between blocks over that of independent rows; each counts only where independence is refuted at 1 % over all
    features (Ljung & Box 1978; chi-squared), so that chance costs no power. A change from the first half to the second counts
    as well where it is that sure.

    Args:
        layout: The features.
        anchor: Cells of the reference, shape (features, width).
        codes: The cell of each row, shape (features, rows).
        blocks: Where the blocks begin, and the end.
    """
    features = len(layout.features)
    found = Dependence(np.ones(features), np.ones(features), np.ones(features))
    for place in range(features):
        if layout.skipped[place] and not layout.features[place].held_out:
            continue
        cells, own = anchor[place], codes[place]
        binning = layout.binnings[place]
        if isinstance(binning, Values) and binning.told:
            cells, own = _rare_together(cells, own, len(binning.values))
        scores = rank_scores(cells.astype(np.float64))
        series = np.where(own >= 0, scores[:, np.maximum(own, 0)], 0.0)
        series = series[series.std(1) > 0]
        if not len(series):
            continue
        found.design[place] = design_effect(series, blocks, features)
        found.steady[place] = design_effect(without_trend(series), blocks, features)
        if layout.features[place].held_out:
            # where rows come again nothing in them is unseen: it falls, and only more than before is evidence
            found.design[place] = design_effect(without_fall(series[:1]), blocks, features)
            continue
        between, within = block_sums(series, blocks)
        found.alike[place] = float(chdtrc(len(series), float(between.sum()) / found.steady[place]))
        if found.alike[place] * features <= SURE:
            # the reference itself is not in control here: what it does by itself is no evidence
            whole = _together(between + within, len(blocks) - 2, features)
            found.design[place] = max(found.design[place], whole)
    return found


def _rare_together(cells: Ints, codes: Ints, listed: int) -> tuple[Ints, Ints]:
    """Put rare values into one cell with those that are not listed: in the rows that told which are, more of them are."""
    rare = (cells < FREQUENT * cells.sum()) | (np.arange(len(cells)) >= listed)
    pooled = np.where(rare, 0, cells)
    pooled[listed] = cells[rare].sum()
    return pooled, np.where((codes >= 0) & rare[np.maximum(codes, 0)], listed, codes)


def design_effect(series: Floats, blocks: Ints, family: int) -> float:
    """Return the design effect of score series, shape (scores, rows)."""
    times = [integrated_time(each, family * len(series)) for each in series]
    return max(*times, _together(block_sums(series, blocks)[1], len(blocks) - 3, family))


def _together(squares: Floats, degrees: int, family: int) -> float:
    """Return the overdispersion of one or two scores together, or of the larger one alone where it surely has more.

    Sessions may shift the level and leave the spread as it is; with few blocks the larger of two alike ones would be too large.
    """
    found = overdispersion(float(squares.sum()), degrees * len(squares), family)
    small, large = float(squares.min()), float(squares.max())
    if degrees < 1 or 2 * family * float(fdtrc(degrees, degrees, large / max(small, TINY))) > SURE:
        return found
    return max(found, overdispersion(large, degrees, family * len(squares)))


def without_trend(series: Floats) -> Floats:
    """Return series, shape (scores, rows), less their least-squares lines."""
    time = np.linspace(-1, 1, series.shape[1])
    slope = series @ time / (time @ time)
    return np.asarray(series - slope[:, None] * time)


def without_fall(series: Floats) -> Floats:
    """Return series, shape (scores, rows), less what fits them best of all that never rises (isotonic regression)."""
    from scipy.optimize import isotonic_regression  # it takes long to import

    return np.array([each - isotonic_regression(each, increasing=False).x for each in series])


def overdispersion(squares: float, degrees: int, family: int = 1) -> float:
    """Return a sum of squares over its degrees of freedom, or 1 where chance explains it."""
    if degrees < 1 or float(chdtrc(degrees, squares)) * family > SURE:
        return 1.0
    return max(1.0, squares / degrees)


def integrated_time(series: Floats, family: int = 1) -> float:
    """Return the integrated autocorrelation time of a series, or 1 where independence is not refuted.

    Args:
        series: Values in order, shape (n,).
        family: How many series are looked at together (Bonferroni).
    """
    n = len(series)
    if n < 5 * LAGS or not series.std():
        return 1.0
    correlation = _autocorrelation(series)
    early = correlation[1 : LAGS + 1]
    box = n * (n + 2) * float((early**2 / (n - np.arange(1, LAGS + 1))).sum())
    if float(chdtrc(LAGS, box)) * family > SURE:
        return 1.0
    times = 1 + 2 * np.cumsum(correlation[1:])
    inside = np.flatnonzero(np.arange(1, len(times) + 1) >= SPAN * times)
    return max(1.0, float(times[inside[0]] if len(inside) else times.max()))


def _autocorrelation(series: Floats) -> Floats:
    n = len(series)
    power = np.abs(np.fft.rfft(series - series.mean(), 2 * n)) ** 2
    covariance = np.fft.irfft(power)[: n // 2]
    return np.asarray(covariance / covariance[0])
