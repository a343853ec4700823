"""When a champion on probation is looked at, and when a look sends it back."""

import numpy as np
import pytest

from driftd.config.settings import Promote
from driftd.journal import tables
from driftd.journal.records import ProbationState, RunState
from driftd.projects.scheduling.label_counts import Labels
from driftd.projects.scheduling.probation_schedule import Facts, Trial, due, last
from driftd.retrain.evaluation.alpha_spending import confidence
from driftd.retrain.evaluation.decision import probation
from support.retraining import Retraining

METRIC = "scores.json:accuracy"


@pytest.mark.parametrize(
    ("seen", "labelled", "now", "expected"),
    [
        (0, 249, 0, (False, False)),
        (0, 250, 0, (True, False)),
        (250, 499, 0, (False, False)),
        (260, 500, 0, (True, False)),
        (500, 999, 0, (False, False)),
        (500, 1000, 0, (True, True)),
        (0, 1200, 0, (True, True)),
        (0, 249, 100, (False, True)),  # too few to say anything, and the time is over
        (260, 300, 100, (True, True)),
        (300, 300, 100, (False, True)),
    ],
)
def test_looks_are_due_at_shares_of_the_rows_and_when_the_time_is_over(seen, labelled, now, expected):
    facts = Facts(now=now, rows=1000, until=100, seen=seen, labelled=labelled)
    assert (due(facts), last(facts)) == expected


def decided(lower, gain, rows=200, *, last=False, better="higher"):
    settings = Promote(metric=METRIC, better=better, per_row="rows.jsonl", min_gain=0.2)
    turned = -1 if better == "lower" else 1
    bounds = sorted((turned * lower, turned * (2 * gain - lower)))
    compared = {
        "difference": turned * gain,
        "lower": bounds[0],
        "upper": bounds[1],
        "confidence": 0.97,
        "rows": {"shared": rows},
        "bounds": {},
        "by_label": {},
        "by_regime": {},
    }
    new, before = {METRIC: 0.5}, {METRIC: 0.5 + turned * gain}
    return probation(settings, new, before, compared, 0, ("v2.0.0", "v1.0.0"), last=last)


@pytest.mark.parametrize("better", ["higher", "lower"])
def test_a_champion_goes_back_only_if_it_is_worse_for_sure(better):
    assert decided(0.01, 0.1, better=better)["verdict"] == "roll-back"
    assert decided(-0.01, 0.1, better=better)["verdict"] == "keep"
    assert decided(-0.2, -0.1, better=better)["verdict"] == "keep"


def test_a_few_rows_are_never_sure():
    assert decided(0.1, 0.2, rows=29)["verdict"] == "keep"
    assert decided(0.1, 0.2, rows=30)["verdict"] == "roll-back"


def test_the_sentence_says_how_it_stands():
    assert decided(0.01, 0.1)["sentence"] == (
        "v1.0.0 is in production again: v2.0.0 failed its probation; its accuracy is 0.500 on 200 fresh test rows, "
        "that of v1.0.0 0.600, worse by at least 0.010 with 97.00% confidence."
    )
    assert decided(-0.01, 0.1)["sentence"].startswith("v2.0.0 stays, on probation: its accuracy is 0.500")
    assert decided(-0.01, 0.1, last=True)["sentence"].startswith("v2.0.0 has passed its probation: ")


def test_champions_that_are_no_worse_are_seldom_sent_back(tmp_path):
    """Of 80 probations without a true difference, with looks at 40, 80 and 160 test rows, at most 5 % in expectation go back."""
    from driftd.retrain.evaluation.paired_bootstrap import compare

    rng = np.random.default_rng(7)

    def goes_back(number):
        change = rng.choice([-1, 0, 1], p=[0.15, 0.7, 0.15], size=160)
        for place, rows in enumerate((40, 80, 160)):
            sides = []
            for name, values in (("new", change < 0), ("before", change > 0)):
                path = tmp_path / f"{name}.jsonl"
                path.write_text(
                    "".join(f'{{"row": "{number}-{i}", "value": {int(v)}}}\n' for i, v in enumerate(values[:rows]))
                )
                sides.append(path)
            found = compare(sides[0], sides[1], (), confidence(0.95, place))
            scores = [{METRIC: found["champion"]}, {METRIC: found["candidate"]}]
            settings = Promote(metric=METRIC, per_row="rows.jsonl")
            if probation(settings, *scores, found, place, ("v2", "v1"), last=rows == 160)["verdict"] == "roll-back":
                return True
        return False

    assert sum(goes_back(number) for number in range(80)) <= 8  # 98 % of binomial(80, 0.05) are


@pytest.mark.parametrize(("state", "failed"), [(RunState.KEPT, False), (RunState.FAILED, True)])
def test_a_look_that_was_called_off_is_none_that_failed(tmp_path, state, failed):
    kinds = Retraining(tmp_path / "repository", tmp_path / "state", {"promote": {"probation": {"rows": 100}}})
    with kinds.journal.write():
        model = tables.models.add(
            kinds.journal, project=kinds.name, version="v2.0.0", revision="0", scores={}, digest="0", created_at=1.0
        )
        found = tables.probations.add(
            kinds.journal,
            project=kinds.name,
            model_id=model,
            before_id=model,
            first_window=1,
            rows=100,
            until=2.0,
            state=ProbationState.ON,
            labelled=0,
            seen=0,
            began_at=1.0,
        )
        run = kinds.start("probation", probation=found)
        tables.runs.update(kinds.journal, run, state=state, error="as a person said", ended_at=1000.0)
        tables.projects.update(kinds.journal, kinds.name, columns=[])
    kinds.arrive(1, "ab", each=50)
    trial = Trial(
        kinds.name, kinds.settings, kinds.journal, Labels(kinds.name, kinds.settings, kinds.journal, kinds.runner)
    )
    assert (trial.backoff(found, 1001.0) is not None) is failed
    assert (trial.plan() is None) is failed  # the time is over, and it is the last look that is due
    kinds.journal.close()
