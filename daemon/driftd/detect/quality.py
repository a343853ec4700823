"""Broken data is not drift: nulls, values that are not finite, and values absurdly far from the reference's."""

import numpy as np

from driftd.detect.reference import Reference
from driftd.profile import Profile
from driftd.profile.binning import Ints
from driftd.stats import Pair
from driftd.stats.cells import cell_p_values

WORDS = ("null", "not finite", "far outside the reference's range")


def problems(reference: Reference, known: Profile, window: Profile, settings_level: float, floor: float) -> list[str]:
    """Return what broke in a window.

    A break is a share of bad values that rose by more than `floor` and whose exact p-value, times the number of shares
    looked at, is at most `settings_level`.
    """
    before, now = _bad(known), _bad(window)
    share_before = before / np.maximum(known.tallies[:, :1], 1)
    share_now = now / np.maximum(window.tallies[:, :1], 1)
    pair = Pair(_split(known, before), _split(window, now), design=reference.design[:, None])
    p_values = cell_p_values(pair)[..., 1] * p_count(before)
    found = (p_values <= settings_level) & (share_now - share_before > floor)
    said: dict[str, str] = {}
    for place, kind in np.argwhere(found):
        feature = reference.layout.features[place]
        # labels that come late are no break, and a running number has no range
        if feature.kind == "entities" or reference.layout.skipped[place]:
            continue
        share = f"{share_now[place, kind]:.1%} instead of {share_before[place, kind]:.1%}"
        said.setdefault(feature.column, f"{feature.column}: {WORDS[kind]}: {share}")
    return list(said.values())


def p_count(bad: Ints) -> int:
    return max(bad.size, 1)


def _bad(profile: Profile) -> Ints:
    """Count bad values, shape (features, 3)."""
    tallies = profile.tallies
    return np.stack([tallies[:, 1], tallies[:, 2], tallies[:, 3] + tallies[:, 4]], axis=-1)


def _split(profile: Profile, bad: Ints) -> Ints:
    return np.stack([profile.tallies[:, :1] - bad, bad], axis=-1)
