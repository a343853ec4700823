from functools import reduce

import numpy as np
import pytest

from driftd.detect.explanation.change_pattern import classify, returned
from driftd.detect.reference import Reference
from driftd.detect.settings import DriftSettings
from driftd.profile import Profile
from driftd.readers import Kind
from support.rows import batch, numbers

SETTINGS = DriftSettings(window_rows=100)


def windows(rng, reference, shares):
    """Make windows in which a share of the rows is of another kind."""
    made = []
    for share in shares:
        table = rng.normal(size=(100, 2))
        table[:, 0] += 1.5 * (rng.random(100) < share)
        made.append(Profile.of(reference.layout, [numbers(table)[0]]))
    return made


@pytest.fixture
def reference():
    rows, schema = numbers(np.random.default_rng(0).normal(size=(2000, 2)))
    return Reference.build(lambda: [rows], schema.columns, SETTINGS)


QUIET = [0.0] * 12
RAMP = np.linspace(0.08, 1, 12).tolist()


@pytest.mark.parametrize(
    ("kind", "onset", "shares", "alarm"),
    [
        ("sudden", 12, [*QUIET, *[1.0] * 9], 12),
        ("sudden", 12, [*QUIET, *[0.5] * 10], 13),
        ("sudden", 12, [*QUIET, 0.5, *[1.0] * 9], 13),
        ("gradual", 12, [*QUIET, *RAMP], 15),
        ("temporary", 12, [*QUIET, *[1.0] * 4, *[0.0] * 8], 12),
    ],
)
def test_the_kind_of_a_change_and_its_onset(reference, kind, onset, shares, alarm) -> None:
    rng = np.random.default_rng(1)
    right = [classify(reference, [0], windows(rng, reference, shares), alarm) for _ in range(10)]
    assert sum(each.kind == kind for each in right) >= 9
    assert np.median([abs(each.onset - onset) for each in right]) <= 1


def test_rare_values_that_are_as_many_as_before_are_no_part_of_the_change() -> None:
    """Those of the reference's first half told which values there are, so that none of them is new."""

    def make(rng, rows, share):
        usual = np.where(rng.uniform(size=rows) < share, "a", "b")
        own = [
            str(value) if each < 0.55 else f"rare {each}"
            for value, each in zip(usual, rng.uniform(size=rows), strict=True)
        ]
        return batch(own=(Kind.CATEGORICAL, own), other=(Kind.NUMERIC, rng.normal(size=rows)))

    onsets = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        rows, schema = make(rng, 1000, 0.5)
        known = Reference.build(lambda rows=rows: [rows], schema.columns, DriftSettings(window_rows=200))
        profiles = [Profile.of(known.layout, [make(rng, 200, 0.5 if n < 5 else 0.38)[0]]) for n in range(13)]
        onsets.append(classify(known, [0], profiles, 5).onset)
    assert sum(onset == 5 for onset in onsets) >= 20


def test_a_change_without_quiet_windows_before_it(reference) -> None:
    found = classify(reference, [0], windows(np.random.default_rng(2), reference, [1.0] * 6), 0)
    assert (found.kind, found.onset) == ("sudden", 0)


def test_a_regime_that_comes_back_is_known_and_another_is_not(reference) -> None:
    rng = np.random.default_rng(3)
    same, other = (reduce(Profile.merge, windows(rng, reference, [share] * 10)) for share in (0.0, 1.0))
    assert returned(reference, same, 0.5)
    assert not returned(reference, other, 0.5)
