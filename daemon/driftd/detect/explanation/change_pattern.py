"""What kind of change an incident is, and when it began: windows around the alarm, projected on what became different."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from driftd.detect.combination import Blocks, Evidence
from driftd.detect.evidence.marginal import SMALLEST_P
from driftd.detect.reference import Reference
from driftd.profile import Profile
from driftd.profile.binning import Floats, Ints

Kind = Literal["sudden", "gradual", "temporary", "recurring"]

ENOUGH = 3  # windows before the alarm that tell the level without the change
LEAST_RAMP = 4  # windows; a rise in fewer is sudden
RETURNED = 0.25  # of the change; where less is left at the end it was temporary
SAME = 0.001  # level at which a regime is unlike an earlier one
FEW = 3  # features; where more drifted, their own cells tell
REST = 0.25  # of a change, which may be left when the regime before it comes back


@dataclass(frozen=True)
class Pattern:
    """A kind of change, and the place of the window, among those that were given, in which it began."""

    kind: Kind
    onset: int


def classify(reference: Reference, moved: Sequence[int], windows: Sequence[Profile], alarm: int) -> Pattern:
    """Say what the windows before and after an alarm show.

    Each window gets the share of the change that it shows: its mean of a score that tells the new rows from the reference's, over
    the windows from the alarm on (its own rows left out). A step and a ramp are fitted; the better one decides.

    Args:
        reference: What they were judged against.
        moved: The places of the features that drifted.
        windows: Counts, in order; the one that alarmed among them.
        alarm: Its place.
    """
    cells = np.array([_counts(reference, window, moved) for window in windows], dtype=np.float64)
    shares = _shares(_counts(reference, reference.compared, moved), cells, alarm)
    step, ramp = _step(shares, alarm), _ramp(shares, alarm)
    if np.median(shares[-max(2, (len(shares) - alarm) // 3) :]) < RETURNED and len(shares) - alarm > LEAST_RAMP:
        return Pattern("temporary", step[1])
    return Pattern("gradual", ramp[1]) if ramp[0] < step[0] else Pattern("sudden", step[1])


def returned(earlier: Reference, regime: Profile, change: float) -> bool:
    """Say whether the rows of a regime, counted in the cells of an earlier reference, are like it.

    They are where a test does not tell them apart, or where what is left is small beside the change that brought them. What was
    constant then, such as the number of a year, may have another value now.

    Args:
        earlier: The reference.
        regime: The rows.
        change: The largest effect of the alarm.
    """
    if not earlier.tested.any():
        return False
    found = Evidence.of(earlier, Blocks.single(earlier.profile, regime), 0.0)
    found.tested.p_values[:, earlier.constant] = 1.0
    left = float(
        found.tested.effects[0, earlier.tested & ~earlier.constant].max(
            initial=float(found.terms.effects.max(initial=0.0))
        )
    )
    rare = found.rarity()[0]
    return bool(1 / max(rare, SMALLEST_P) > SAME or left <= REST * change)


def _counts(reference: Reference, profile: Profile, moved: Sequence[int]) -> Ints:
    """Return the cells of the features that drifted, shape (features, width), of their terms, and of what is between a few of them."""
    cells = profile.cells[list(moved)]
    columns = {reference.layout.features[place].column for place in moved}
    if terms := [profile.terms[place] for place, name in enumerate(reference.layout.sources) if name in columns]:
        buckets = reference.layout.buckets
        cells = np.pad(cells, ((0, 0), (0, max(buckets - cells.shape[1], 0))))
        cells = np.concatenate([cells, np.pad(terms, ((0, 0), (0, cells.shape[1] - buckets)))])
    if len(moved) > FEW:
        return cells
    first, second = reference.layout.pairs.features
    unlike = profile.pairs[np.isin(first, moved) & np.isin(second, moved)]
    pairs = np.zeros((len(unlike), cells.shape[1]), np.int64)
    pairs[:, :2] = np.stack([unlike, profile.paired - unlike], axis=-1)
    return np.concatenate([cells, pairs])


def _shares(reference: Ints, cells: Floats, alarm: int) -> Floats:
    """Return how much of the change each window shows: about 0 before it, 1 on average from the alarm on."""
    base = reference / np.maximum(reference.sum(-1, keepdims=True), 1)
    pooled = cells[alarm:].sum(0)
    found = np.zeros(len(cells))
    for place, window in enumerate(cells):
        others = pooled - window if place >= alarm and len(cells) - alarm > 1 else pooled
        new = others / np.maximum(others.sum(-1, keepdims=True), 1)
        score = np.divide(new - base, new + base, out=np.zeros_like(new), where=new + base > 0)
        own = window / np.maximum(window.sum(-1, keepdims=True), 1)
        found[place] = (score * (own - base)).sum()
    # the reference's own sampling error is in every window alike
    found -= np.median(found[:alarm]) if alarm >= ENOUGH else 0.0
    level = found[alarm:].mean()
    return found / level if level > 0 else found


def _step(shares: Floats, last: int) -> tuple[float, int]:
    """Fit one level before and one from the onset on, which is not after `last`; return the squared error and the onset."""
    errors = [
        float(
            ((shares[:onset] - _level(shares[:onset])) ** 2).sum()
            + ((shares[onset:] - shares[onset:].mean()) ** 2).sum()
        )
        for onset in range(last + 1)
    ]
    return min(errors), int(np.argmin(errors))


def _ramp(shares: Floats, last: int) -> tuple[float, int]:
    """Fit a level and a rise from the onset, not after `last`, to the end, which takes at least LEAST_RAMP windows."""
    time = np.arange(len(shares))
    errors = []
    for onset in range(min(last, len(shares) - LEAST_RAMP) + 1):
        rise = np.maximum(time - onset + 1.0, 0.0)
        basis = np.stack([np.ones_like(rise), rise]) if onset else rise[None]
        fitted, *_ = np.linalg.lstsq(basis.T, shares, rcond=None)
        errors.append(float(((shares - fitted @ basis) ** 2).sum()) if fitted[-1] > 0 else np.inf)
    return (min(errors), int(np.argmin(errors))) if errors else (np.inf, 0)


def _level(shares: Floats) -> float:
    return float(shares.mean()) if len(shares) else 0.0
