"""Mergeable profiles of rows against cells that a reference fixed.

    layout = Layout.fit(sample, columns)      # once, from rows of the reference
    profile = Profile.of(layout, batches)    # counts; profiles of one layout add up
    profile.merge(other)

A profile holds counts, never text or rows.
"""

from driftd.profile.binning import Axis, Values
from driftd.profile.features import Feature
from driftd.profile.layout import TALLIES, Layout
from driftd.profile.profile import Profile
from driftd.profile.sample import systematic

__all__ = ["TALLIES", "Axis", "Feature", "Layout", "Profile", "Values", "systematic"]
