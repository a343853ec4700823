import sys
from pathlib import Path

import numpy as np
import pytest

from driftd.detect.combination import Blocks
from driftd.detect.evidence.pairwise import Paired
from driftd.detect.explanation.change_pattern import Pattern, classify
from driftd.detect.explanation.distributions import explain
from driftd.detect.history import History
from driftd.detect.offline.two_sample import check
from driftd.detect.reference import Reference
from driftd.detect.sequential_test import step
from driftd.detect.settings import DriftSettings
from driftd.profile import Layout, Profile
from driftd.readers import Kind
from support.rows import batch, numbers

BENCHMARKS = Path(__file__).parents[4] / "benchmarks"
SETTINGS = DriftSettings(window_rows=250)


@pytest.fixture(scope="module")
def power():
    sys.path.insert(0, str(BENCHMARKS))
    try:
        import power as module
    finally:
        sys.path.remove(str(BENCHMARKS))
    return module


@pytest.mark.parametrize(
    "what",
    [
        "correlation 0.4 becomes -0.4",
        "label PER 50 % becomes 70 %",
        "phrases turned round in 50 % of the texts",
    ],
)
def test_what_no_margin_or_length_shows_is_found_within_three_windows(power, what) -> None:
    columns, names, quiet, changed = power.STRUCTURE[what]
    delay, named, false, _ = power.run(columns, quiet, changed, 3, SETTINGS)
    assert delay is not None
    assert delay <= 3
    assert not names.isdisjoint(named)
    assert false == 0


def linked(rng, rows, correlation):
    table = rng.normal(size=(rows, 4))
    table[:, 1] = correlation * table[:, 0] + np.sqrt(1 - correlation**2) * table[:, 1]
    return numbers(table)


def test_two_samples_with_equal_margins_are_told_apart_and_both_columns_named() -> None:
    rng = np.random.default_rng(0)
    before, schema = linked(rng, 2000, 0.5)
    now, _ = linked(rng, 1000, -0.5)
    found = check(lambda: [before], [now], schema.columns, SETTINGS, 0.001)
    assert found.drift
    assert [column.name for column in found.columns if column.drift] == ["c0", "c1"]
    same, _ = linked(rng, 1000, 0.5)
    assert not check(lambda: [before], [same], schema.columns, SETTINGS, 0.001).drift


def test_equally_frequent_values_keep_the_level_of_pairs() -> None:
    rng = np.random.default_rng(0)
    rejected = 0
    for _ in range(150):
        (before, schema), (now, _) = (
            batch(**{name: (Kind.CATEGORICAL, rng.choice(list("abcdefghijklmn"), rows).tolist()) for name in "xy"})
            for rows in (1000, 2000)
        )
        layout = Layout.fit(before, schema.columns)
        paired = Paired(layout.pairs, np.ones(layout.pairs.size), np.ones(layout.pairs.size, bool))
        blocks = Blocks.single(*(Profile.of(layout, [rows]) for rows in (before, now)))
        rejected += paired.test(blocks.reference, blocks.current, 0.0).p_values[0] <= 0.05
    assert rejected <= 14  # with 7.5 expected at most, more have a chance of 1 %


def test_a_pair_that_comes_and_goes_in_the_reference_is_worth_fewer_rows() -> None:
    rng = np.random.default_rng(0)
    signs = np.repeat(rng.choice([-1.0, 1.0], 40), 100)
    x = rng.normal(size=4000)
    rows, schema = numbers(np.stack([x, signs * x], axis=1))
    reference = Reference.build(lambda: [rows], schema.columns, SETTINGS)
    assert reference.pair_design.max() > 20
    assert np.array_equal(Reference.from_bytes(reference.to_bytes()).pair_design, reference.pair_design)


def test_columns_left_out_take_no_part_in_pairs() -> None:
    rows, schema = linked(np.random.default_rng(0), 500, 0.5)
    built = Reference.build(lambda: [rows], schema.columns, SETTINGS)
    fewer = built.under(DriftSettings(window_rows=250, ignore=("c0",)))
    first, second = fewer.layout.pairs.features
    assert not fewer.paired.tested[(first == 0) | (second == 0)].any()
    assert fewer.paired.number == 12


def test_a_change_between_columns_is_told_in_a_sentence_and_dated() -> None:
    rng = np.random.default_rng(0)
    before, schema = linked(rng, 2000, 0.6)
    reference = Reference.build(lambda: [before], schema.columns, SETTINGS)
    windows = [linked(rng, 250, 0.6 if place < 10 else -0.6)[0] for place in range(22)]
    profiles = [Profile.of(reference.layout, [window]) for window in windows]
    assert classify(reference, (0, 1), profiles, 10) == Pattern("sudden", 10)
    done = step(reference, History(), profiles[10], SETTINGS)
    told = {
        each.name: each for each in explain(reference.layout, reference.profile, profiles[10], done.verdict.columns)
    }
    assert done.verdict.alarm
    assert told["c0"].effect > 0.2
    assert told["c0"].sentence == told["c1"].sentence
    assert "c0 and c1 go together differently" in told["c0"].sentence
    assert "together" not in told["c2"].sentence


def test_a_category_that_begins_in_the_second_half_of_a_reference_is_explained_with_another_column() -> None:
    """No row told which values it has."""
    rng = np.random.default_rng(2)

    def make(there, x):
        values = np.where(np.arange(len(x)) % 200 == 199, "rare", "usual")
        own = [str(value) if each else None for value, each in zip(values, there, strict=True)]
        return batch(x=(Kind.NUMERIC, x), own=(Kind.CATEGORICAL, own))

    x, then = rng.normal(size=(2, 600))
    before, schema = make(np.arange(600) >= 300, x)
    reference = Reference.build(lambda: [before], schema.columns, SETTINGS)
    now, _ = make(then > 0, then)
    profile = Profile.of(reference.layout, [now])
    found = check(lambda: [before], [now], schema.columns, SETTINGS, 0.001)
    assert [column.name for column in found.columns if column.drift] == ["x", "own"]
    told = explain(reference.layout, reference.compared, profile, found.columns)
    assert all("“own is a value never seen before”" in each.sentence for each in told)
