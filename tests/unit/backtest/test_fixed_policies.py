from itertools import combinations

import numpy as np
import pytest

from driftd.backtest.fixed_policies import oracle, schedule


def cost(losses, trained):
    ends = [*trained, losses.shape[1]]
    return sum(losses[begin, begin:end].sum() for begin, end in zip([0, *trained], ends, strict=True))


@pytest.mark.parametrize("trainings", [0, 1, 2, 3])
def test_the_oracle_finds_what_trying_all_finds(trainings):
    rng = np.random.default_rng(trainings)
    windows = 9
    losses = np.where(np.arange(windows) >= np.arange(windows)[:, None], rng.random((windows, windows)), np.nan)
    found = oracle(losses, trainings)
    assert len(found) <= trainings
    tried = (combo for count in range(trainings + 1) for combo in combinations(range(1, windows), count))
    assert cost(losses, found) == pytest.approx(min(cost(losses, list(each)) for each in tried))


def test_a_training_that_gains_nothing_is_not_made():
    losses = np.where(np.arange(5) >= np.arange(5)[:, None], 1.0, np.nan)
    assert oracle(losses, 3) == []


def test_a_schedule_has_equal_distances():
    assert schedule(12, 3) == [3, 6, 9]
    assert schedule(10, 0) == []
