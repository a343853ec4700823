"""Decisions without a true difference: how often is a candidate promoted all the same?"""

import json
import random

import pytest

from driftd.config.settings import Promote
from driftd.retrain.evaluation.alpha_spending import COARSEST, FINEST, confidence, resamples
from driftd.retrain.evaluation.decision import decide
from driftd.retrain.evaluation.paired_bootstrap import compare

METRIC = "scores.json:accuracy"
DECISIONS = 200
ROWS = 300


def rows(path, results):
    path.write_text("".join(json.dumps({"row": f"{n:064x}", "value": value}) + "\n" for n, value in enumerate(results)))
    return path


def promoted(folder, champion, candidate, earlier):
    settings = Promote(metric=METRIC)
    level = confidence(settings.confidence, earlier)
    found = compare(rows(folder / "old", champion), rows(folder / "new", candidate), [], level)
    scores = ({METRIC: found["champion"]}, {METRIC: found["candidate"]})
    return decide(settings, *scores, found, earlier)["verdict"] == "promote"


def results(rng):
    return [float(rng.random() < 0.7) for _ in range(ROWS)]


@pytest.mark.slow
def test_of_200_candidates_that_are_no_better_each_against_a_new_champion_at_most_16_are_promoted(tmp_path):
    rng = random.Random(1)
    assert sum(promoted(tmp_path, results(rng), results(rng), 0) for _ in range(DECISIONS)) <= 16


@pytest.mark.slow
def test_of_200_candidates_on_the_same_test_rows_at_most_16_are_promoted(tmp_path):
    """A promotion makes the candidate the champion, as in a project, and the account begins anew."""
    rng = random.Random(2)
    champion, earlier, promotions = results(rng), 0, 0
    for _ in range(DECISIONS):
        candidate = results(rng)
        if promoted(tmp_path, champion, candidate, earlier):
            champion, earlier, promotions = candidate, 0, promotions + 1
        else:
            earlier += 1
    assert promotions <= 16
    assert promotions <= 5  # with all decisions against one champion: 0.05 expected


def test_a_real_gain_is_promoted_even_as_the_tenth_candidate(tmp_path):
    rng = random.Random(3)
    better = [float(rng.random() < 0.9) for _ in range(ROWS)]
    assert promoted(tmp_path, results(rng), better, 9)


@pytest.mark.parametrize("asked", [0.9, 0.95, 0.99])
def test_all_decisions_together_spend_what_one_may(asked):
    spent = [1 - confidence(asked, earlier) for earlier in range(10_000)]
    assert spent == sorted(spent, reverse=True)
    assert 0.999 * (1 - asked) < sum(spent) < 1 - asked


@pytest.mark.parametrize(("level", "count"), [(0.9, COARSEST), (0.99, 10_000), (0.9999, FINEST)])
def test_a_finer_tail_takes_more_resamples(level, count):
    assert resamples(level) == pytest.approx(count, abs=1)
