"""What changed between two columns, in a sentence."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from driftd.profile import Layout, Profile, Values
from driftd.profile.pairs import Half


@dataclass(frozen=True)
class Together:
    """The two columns between which most changed. `effect` is by how much of the rows."""

    columns: tuple[str, str]
    effect: float
    sentence: str


def together(layout: Layout, reference: Profile, current: Profile, names: Sequence[str]) -> Together | None:
    """Return what changed most between two of the columns `names`, None where there are no two that are counted together."""
    first, second = (np.array([layout.features[n].column for n in side]) for side in layout.pairs.features)
    asked = np.isin(first, names) & np.isin(second, names)
    if not asked.any():
        return None
    before, now = (profile.pairs / np.maximum(profile.paired, 1) for profile in (reference, current))
    place = int(np.where(asked, np.abs(now - before), -1.0).argmax())
    one, other = (_said(layout, layout.pairs.halves[side[place]]) for side in layout.pairs.places)
    columns = str(first[place]), str(second[place])
    sentence = (
        f"{columns[0]} and {columns[1]} go together differently: both or neither of “{one}” and “{other}” holds in "
        f"{1 - before[place]:.1%} of the rows before and {1 - now[place]:.1%} now"
    )
    return Together(columns, float(abs(now[place] - before[place])), sentence)


def _said(layout: Layout, half: Half) -> str:
    name, binning = layout.features[half.feature].name, layout.binnings[half.feature]
    if isinstance(binning, Values):
        # a column that begins in the second half of a reference has no value that is told
        return f"{name} is {binning.values[int(half.high)] if binning.values else 'a value never seen before'}"
    return f"{name} above {half.low:.4g}" if half.high == np.inf else f"{name} from {half.low:.4g} to {half.high:.4g}"
