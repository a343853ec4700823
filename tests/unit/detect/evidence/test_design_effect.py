import numpy as np
import pytest

from driftd.detect.evidence.design_effect import block_sums, blocks_of, integrated_time, overdispersion
from driftd.detect.reference import Reference
from driftd.detect.settings import DriftSettings
from driftd.readers import Kind
from support.rows import batch, numbers


@pytest.mark.parametrize("memory", [0.3, 0.6, 0.9])
def test_the_autocorrelation_time_of_a_known_process(memory) -> None:
    rng = np.random.default_rng(0)
    series = rng.normal(size=20_000)
    for i in range(1, len(series)):
        series[i] += memory * series[i - 1]
    assert integrated_time(series) == pytest.approx((1 + memory) / (1 - memory), rel=0.25)


def test_independent_rows_are_worth_one_each() -> None:
    rng = np.random.default_rng(1)
    times = [integrated_time(rng.normal(size=2000)) for _ in range(300)]
    assert np.mean(np.array(times) == 1.0) > 0.97


def test_variation_is_split_between_and_within_halves() -> None:
    rng = np.random.default_rng(2)
    between, within = block_sums(rng.normal(size=(4000, 800)), blocks_of(800, 100))
    assert between.mean() == pytest.approx(1, rel=0.1)
    assert within.mean() == pytest.approx(6, rel=0.1)


def test_blocks_that_differ_raise_the_design_effect() -> None:
    assert overdispersion(60.0, 20) == 3.0
    assert overdispersion(24.0, 20) == 1.0


def test_a_reference_that_moves_by_itself_is_worth_fewer_rows() -> None:
    """A word that comes in bursts: its share in the second half is no evidence against later windows without it."""
    rng = np.random.default_rng(3)
    burst = rng.random(300) < np.repeat([0.02, 0.3], 150)
    steady = rng.random(300) < 0.16
    rows, schema = numbers({"burst": burst.astype(float), "steady": steady.astype(float)})
    reference = Reference.build(lambda: [rows], schema.columns, DriftSettings(window_rows=50))
    assert reference.moving
    assert reference.design[0] > 3
    assert reference.design[1] == 1.0
    assert reference.tested.tolist() == [False, True]


@pytest.mark.parametrize("within", [0.05, 0.1])
def test_sessions_as_long_as_windows_are_seen_where_they_shift_the_level_alone(within) -> None:
    """Of the two scores the second does not feel them; the mean of both would say half of it."""
    true, found = 1 + 99 * within, []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        sessions = np.repeat(rng.normal(size=(100, 5)), 100, axis=0)
        rows, schema = numbers(np.sqrt(within) * sessions + np.sqrt(1 - within) * rng.normal(size=(10_000, 5)))
        settings = DriftSettings(window_rows=100)
        found += Reference.build(lambda rows=rows: [rows], schema.columns, settings).design.tolist()
    assert 0.75 * true < np.median(found) < 1.5 * true


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("rows", [1, 2, 5, 7, 12])
def test_few_rows_are_looked_at_without_a_warning(rows) -> None:
    """A division by nothing would be printed under the answer of `driftd check`."""
    rng = np.random.default_rng(3)
    texts = [" ".join(rng.choice(["one", "two", "three"], 4)) for _ in range(rows)]
    few, schema = batch(
        x=(Kind.NUMERIC, rng.normal(size=rows)), y=(Kind.NUMERIC, rng.normal(size=rows)), text=(Kind.TEXT, texts)
    )
    reference = Reference.build(lambda: [few], schema.columns, DriftSettings(window_rows=100))
    assert reference.unarmed == f"the reference has {rows} rows and needs 100"
