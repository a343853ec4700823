"""What holds for every registered statistic."""

from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from driftd.config.settings import StatisticName
from driftd.stats import STATISTICS, Pair, Statistic

every = pytest.mark.parametrize("statistic", STATISTICS.values(), ids=STATISTICS)
each_with_a_law = pytest.mark.parametrize(
    "statistic", [s for s in STATISTICS.values() if s.tested], ids=lambda s: s.name
)
SHARES = np.array([0.02, 0.08, 0.1, 0.3, 0.25, 0.15, 0.06, 0.04])


def draw(rng: np.random.Generator, rows: int, shares: np.ndarray = SHARES, size: int | None = None) -> np.ndarray:
    return rng.multinomial(rows, shares, size)


@every
def test_equal_samples_have_no_effect(statistic: Statistic) -> None:
    counts = np.array([5, 10, 20, 10])
    outcome = statistic(Pair(counts, counts))
    assert outcome.value == pytest.approx(0, abs=1e-7)
    assert outcome.p_value is None or outcome.p_value == pytest.approx(1)


@every
def test_effect_grows_with_the_shift(statistic: Statistic) -> None:
    rows, moved = 100_000, np.roll(SHARES, 3)
    effects = [
        float(statistic(Pair(rows * SHARES, rows * ((1 - part) * SHARES + part * moved))).value)
        for part in (0.0, 0.1, 0.3, 1.0)
    ]
    assert effects == sorted(effects)
    assert effects[-1] > effects[0] + 0.01


@every
def test_an_empty_sample_says_nothing(statistic: Statistic) -> None:
    some, none = np.array([3, 4, 5]), np.zeros(3, dtype=int)
    for pair in (Pair(some, none), Pair(none, some), Pair(none, none)):
        outcome = statistic(pair)
        assert outcome.value == 0
        assert outcome.p_value is None or outcome.p_value == 1


@every
def test_leading_axes_are_judged_one_by_one(statistic: Statistic) -> None:
    rng = np.random.default_rng(1)
    reference, current = draw(rng, 500, size=6).reshape(2, 3, -1), draw(rng, 80, size=6).reshape(2, 3, -1)
    design, positions = np.array([1.0, 2.0, 1.5]), np.sort(rng.normal(size=(3, 8)), axis=-1)
    together = statistic(Pair(reference, current, positions, design))
    assert together.value.shape == (2, 3)
    for i in range(2):
        for j in range(3):
            alone = statistic(Pair(reference[i, j], current[i, j], positions[j], design[j]))
            assert alone.value == pytest.approx(together.value[i, j])
            if together.p_value is not None:
                assert alone.p_value == pytest.approx(together.p_value[i, j])


@every
def test_cells_that_nobody_fills_change_nothing(statistic: Statistic) -> None:
    rng = np.random.default_rng(2)
    reference, current = draw(rng, 400), draw(rng, 90)
    plain, padded = (statistic(Pair(np.pad(reference, (0, extra)), np.pad(current, (0, extra)))) for extra in (0, 5))
    assert plain.value == pytest.approx(padded.value)
    assert plain.p_value == pytest.approx(padded.p_value) or plain.p_value is None


@every
def test_the_order_of_categories_is_no_information(statistic: Statistic) -> None:
    if statistic.ordered:
        return
    rng = np.random.default_rng(3)
    reference, current, shuffled = draw(rng, 400), draw(rng, 90, np.roll(SHARES, 1)), rng.permutation(8)
    assert statistic(Pair(reference, current)).value == pytest.approx(
        statistic(Pair(reference[shuffled], current[shuffled])).value
    )


@each_with_a_law
@pytest.mark.parametrize(("n", "m"), [(2000, 250), (500, 50), (50_000, 5000)])
def test_p_values_are_valid_without_drift(statistic: Statistic, n: int, m: int) -> None:
    rng = np.random.default_rng(4)
    p_values = statistic(Pair(draw(rng, n, size=20_000), draw(rng, m, size=20_000))).p_value
    assert p_values is not None
    for level, most in ((0.05, 1.15), (0.01, 1.3), (0.001, 2.0)):
        assert (p_values <= level).mean() <= level * most


@each_with_a_law
def test_p_values_are_small_with_drift(statistic: Statistic) -> None:
    rng = np.random.default_rng(5)
    outcome = statistic(Pair(draw(rng, 5000), draw(rng, 1000, np.roll(SHARES, 1))))
    assert outcome.p_value is not None
    assert outcome.p_value < 1e-9


@each_with_a_law
def test_dependent_rows_say_less(statistic: Statistic) -> None:
    rng = np.random.default_rng(6)
    reference, current = draw(rng, 5000), draw(rng, 300, np.roll(SHARES, 1))
    p_values = [float(statistic(Pair(reference, current, design=design)).p_value) for design in (1.0, 3.0, 10.0)]
    assert p_values == sorted(p_values)
    assert p_values[0] < p_values[2]


@every
def test_it_is_documented(statistic: Statistic) -> None:
    text = type(statistic).__doc__ or ""
    assert "Definition:" in text
    assert "Source:" in text
    assert ("Law:" in text) == statistic.tested
    page = Path(__file__).parents[2] / "docs" / "statistics.md"
    assert f"`{statistic.name}`" in page.read_text()


def test_settings_know_the_same_names() -> None:
    assert set(get_args(StatisticName)) == set(STATISTICS)
