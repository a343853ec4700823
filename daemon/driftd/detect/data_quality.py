"""Broken data is not drift: nulls, values that are not finite, and values absurdly far from the reference's."""

import numpy as np

from driftd.detect.evidence.loss_decay import LOSS
from driftd.detect.reference import Reference
from driftd.detect.settings import DriftSettings
from driftd.profile import Profile
from driftd.profile.binning import Ints
from driftd.stats import Pair
from driftd.stats.largest_cell import rate_p_value

WORDS = ("null", "not finite", "far outside the reference's range")


def problems(reference: Reference, known: Profile, window: Profile, level: float, settings: DriftSettings) -> list[str]:
    """Return what broke in a window.

    A break is a share of bad values that rose by more than `min_effect` and whose exact p-value, times the number of
    shares looked at, is at most `level`.
    """
    before, now = _bad(known), _bad(window)
    share_before = before / np.maximum(known.tallies[:, :1], 1)
    share_now = now / np.maximum(window.tallies[:, :1], 1)
    pair = Pair(known.tallies[:, None, :1], window.tallies[:, None, :1], design=reference.design[:, None])
    p_values = rate_p_value(now, before + now, pair) * max(now.size, 1)
    found = (p_values <= level) & (share_now - share_before > settings.min_effect)
    said: dict[str, str] = {}
    for place, kind in np.argwhere(found):
        feature = reference.layout.features[place]
        # labels that come late are no break, and a running number has no range
        late = feature.kind == "entities" or feature.column == LOSS or (feature.column in settings.labels and not kind)
        if late or reference.layout.skipped[place] or feature.column in settings.ignore:
            continue
        share = f"{share_now[place, kind]:.1%} instead of {share_before[place, kind]:.1%}"
        said.setdefault(feature.column, f"{feature.column}: {WORDS[kind]}: {share}")
    return list(said.values())


def _bad(profile: Profile) -> Ints:
    """Count bad values, shape (features, 3)."""
    tallies = profile.tallies
    return np.stack([tallies[:, 1], tallies[:, 2], tallies[:, 3] + tallies[:, 4]], axis=-1)
