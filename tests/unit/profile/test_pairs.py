import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftd.profile import Layout, Profile
from driftd.profile.pairs import MOST
from driftd.readers import Kind
from support.rows import batch, numbers, pieces


def test_pairs_count_the_rows_in_which_halves_differ() -> None:
    rng = np.random.default_rng(0)
    letters = rng.choice(list("abc"), 300, p=[0.5, 0.3, 0.2])
    x = rng.normal(size=300)
    rows, schema = batch(x=(Kind.NUMERIC, x.tolist()), c=(Kind.CATEGORICAL, letters.tolist()))
    layout = Layout.fit(rows, schema.columns)
    profile = Profile.of(layout, [rows])
    low, middle, high = np.quantile(x, [0.25, 0.5, 0.75], method="inverted_cdf")
    halves = [x > middle, (x > low) & (x <= high), letters == "a", letters == "b"]
    expected = [int((halves[i] != halves[j]).sum()) for i in (0, 1) for j in (2, 3)]
    assert profile.pairs.tolist() == expected


@settings(deadline=None)
@given(
    rows=st.lists(st.tuples(st.none() | st.floats(-2, 2), st.integers(0, 3).map(float)), min_size=1, max_size=200),
    cuts=st.lists(st.integers(0, 200), max_size=3),
)
def test_pairs_of_a_whole_are_the_sum_of_its_parts(rows, cuts) -> None:
    first, schema = numbers(np.random.default_rng(0).integers(-2, 3, (100, 2)).astype(float))
    layout = Layout.fit(first, schema.columns)
    assert layout.pairs.size
    whole, _ = batch(c0=(Kind.NUMERIC, [x for x, _ in rows]), c1=(Kind.NUMERIC, [y for _, y in rows]))
    total = Profile.empty(layout)
    for piece in pieces(whole, cuts):
        total = total.merge(Profile.of(layout, [piece]))
    assert total.to_bytes() == Profile.of(layout, [whole]).to_bytes()


@pytest.mark.parametrize(("columns", "halves"), [(2, 4), (100, 100), (300, MOST)])
def test_there_are_only_so_many_pairs(columns, halves) -> None:
    rows, schema = numbers(np.random.default_rng(0).normal(size=(100, columns)))
    assert len(Layout.fit(rows, schema.columns).pairs.halves) == halves


def test_a_lone_column_and_constants_make_no_pair() -> None:
    table = np.random.default_rng(0).normal(size=(100, 2))
    table[:, 1] = 3.0
    rows, schema = numbers(table)
    layout = Layout.fit(rows, schema.columns)
    assert layout.pairs.size == 0
    assert Profile.of(layout, [rows]).pairs.shape == (0,)


@given(
    rows=st.integers(1, 5000), cuts=st.lists(st.integers(0, 5000), max_size=5), limit=st.sampled_from([64, 300, 1024])
)
@settings(deadline=None)
def test_which_rows_are_looked_at_does_not_depend_on_how_they_are_cut(rows, cuts, limit) -> None:
    first, schema = numbers(np.random.default_rng(0).normal(size=(100, 3)))
    layout = Layout.fit(first, schema.columns)
    whole, _ = numbers(np.random.default_rng(rows).normal(size=(rows, 3)))
    at_once = Profile.of(layout, [whole], limit)
    assert Profile.of(layout, pieces(whole, cuts), limit).to_bytes() == at_once.to_bytes()
    assert at_once.paired <= limit + 2
    assert at_once.paired >= min(rows, limit / 2 - 2)


@pytest.mark.parametrize("period", [2, 7, 24, 64, 365])
def test_a_period_of_the_rows_is_met_evenly(period) -> None:
    place = np.arange(20_000) % period
    phase = (place < period / 2).astype(float)
    rows, schema = numbers(np.stack([phase, np.random.default_rng(0).permutation(phase)], axis=1))
    profile = Profile.of(Layout.fit(rows, schema.columns), [rows])
    share = phase.mean()
    assert profile.pairs / profile.paired == pytest.approx(2 * share * (1 - share), abs=0.04)
