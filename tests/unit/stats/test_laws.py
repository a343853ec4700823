"""Statistics against scipy's own, exact laws and known failures of other tools."""

import numpy as np
import pytest
from scipy import stats

from driftd.stats import Pair, statistic
from driftd.stats.rank import rank_scores

REFERENCE, CURRENT = np.array([40, 60, 100, 50, 30]), np.array([10, 30, 20, 25, 15])


def test_chi_squared_is_scipys() -> None:
    ours = statistic("chi_squared")(Pair(REFERENCE, CURRENT))
    theirs = stats.chi2_contingency(np.stack([REFERENCE, CURRENT]))
    assert ours.p_value == pytest.approx(theirs.pvalue)
    assert ours.value == pytest.approx(np.sqrt(theirs.statistic / (REFERENCE.sum() + CURRENT.sum())))


def test_g_is_scipys_with_williams_correction() -> None:
    ours = statistic("g")(Pair(REFERENCE, CURRENT))
    theirs = stats.chi2_contingency(np.stack([REFERENCE, CURRENT]), lambda_="log-likelihood")
    n, m, cells = REFERENCE.sum(), CURRENT.sum(), REFERENCE + CURRENT
    correction = 1 + ((n + m) * (1 / n + 1 / m) - 1) * ((n + m) * (1 / cells).sum() - 1) / (6 * (n + m) * theirs.dof)
    assert ours.value == pytest.approx(theirs.statistic / 2 / (n + m))
    assert ours.p_value == pytest.approx(stats.chi2(theirs.dof).sf(theirs.statistic / correction))


def test_ks_is_scipys_where_every_value_has_a_cell() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 20, 3000), rng.integers(0, 18, 900)
    ours = statistic("ks")(Pair(np.bincount(a, minlength=20), np.bincount(b, minlength=20)))
    theirs = stats.ks_2samp(a, b, method="asymp")
    assert ours.value == pytest.approx(theirs.statistic)
    assert ours.p_value == pytest.approx(theirs.pvalue, rel=0.2)


def test_no_distance_at_all_has_no_sign() -> None:
    same = np.array([[0, 8, 0], [0, 3, 0]])
    assert str(float(statistic("ks")(Pair(*same)).value)) == "0.0"


def test_rank_finds_what_mann_whitney_and_mood_find() -> None:
    rng = np.random.default_rng(1)
    base = rng.normal(size=3000)
    edges = np.quantile(base, np.arange(1, 200) / 200)
    count = lambda x: np.bincount(np.searchsorted(edges, x), minlength=200)  # noqa: E731
    for other, theirs in (
        (rng.normal(0.3, 1, 400), lambda x: stats.mannwhitneyu(base, x).pvalue),
        (rng.normal(0, 1.4, 400), lambda x: stats.mood(base, x).pvalue),
    ):
        ours = statistic("rank")(Pair(count(base), count(other))).p_value
        assert ours is not None
        assert np.log(float(ours)) == pytest.approx(np.log(theirs(other)), rel=0.35)


def test_scores_of_one_value_are_zeros() -> None:
    assert not rank_scores(np.array([0.0, 7.0, 0.0])).any()


def test_wasserstein_is_scipys_in_standard_deviations() -> None:
    positions = np.array([0.0, 1.0, 2.0, 3.0, 4.0])
    ours = statistic("wasserstein")(Pair(REFERENCE, CURRENT, positions)).value
    assert ours == pytest.approx(stats.wasserstein_distance(positions, positions, REFERENCE, CURRENT))


def test_a_new_category_has_its_exact_p_value() -> None:
    reference, current = np.array([900, 100, 0]), np.array([90, 7, 3])
    outcome = statistic("cell")(Pair(reference, current))
    exact = stats.hypergeom(1100, 3, 100).sf(2)
    assert outcome.value == pytest.approx(0.03)
    assert exact <= outcome.p_value <= exact * 6 * 1.1


def test_one_empty_cell_does_not_decide_psi() -> None:
    outcome = statistic("psi")(Pair(np.array([500, 498, 2]), np.array([50, 50, 0])))
    assert outcome.value < 0.02


@pytest.mark.parametrize("rows", [20, 50, 100])
@pytest.mark.parametrize("share", [0.06, 0.1])
def test_ranks_of_a_column_of_few_ones_reject_no_more_often_than_they_say(share, rows) -> None:
    """Its scores stay below 4, and are skewed all the same."""
    rng, level = np.random.default_rng(11), 2e-5
    ones = np.stack([rng.binomial(size, share, 400_000) for size in (2000, rows)])
    reference, current = (np.stack([size - own, own], -1) for size, own in zip((2000, rows), ones, strict=True))
    p_values = statistic("rank")(Pair(reference, current)).p_value
    assert (p_values <= level).sum() <= 2 * level * len(p_values) + 4 * np.sqrt(level * len(p_values))
