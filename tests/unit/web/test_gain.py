"""A gain is shown as a gain, also where the metric is one that has to fall."""

import re
from types import SimpleNamespace

import pytest

from driftd.cli import output
from driftd.config.settings import Promote
from driftd.observe.views.runs import _scores
from driftd.retrain.evaluation.decision import decide
from driftd.web import filters
from driftd.web.rendering import templates

LOSS = "scores.json:loss"


@pytest.fixture
def decision():
    """A loss falls from 0.5 to 0.3."""
    bounds = {"champion": [0.45, 0.55], "candidate": [0.25, 0.35], "difference": [-0.25, -0.15]}
    compared = {
        "champion": 0.5,
        "candidate": 0.3,
        "difference": -0.2,
        "lower": -0.25,
        "upper": -0.15,
        "confidence": 0.99966,
        "rows": {"shared": 100, "champion": 100, "candidate": 100},
        "by_label": {},
        "by_regime": {},
        "bounds": bounds,
    }
    found = decide(Promote(metric=LOSS, better="lower"), {LOSS: 0.5}, {LOSS: 0.3}, compared)
    assert found["verdict"] == "promote"
    return found


def test_a_gain_stands_within_its_bounds_and_no_confidence_is_rounded_up_to_certainty(decision):
    html = templates.get_template("parts.html").module.gain(decision)
    assert "Gain +0.200, at least <strong>+0.150</strong> with 99.97% confidence" in html
    low, middle = (float(re.search(pattern, html).group(1)) for pattern in (r'er" x1="([\d.]+)%"', r'cx="([\d.]+)%'))
    assert low < middle


def test_a_loss_that_falls_is_coloured_as_a_gain(decision):
    [pair] = _scores(decision)
    assert filters.direction(pair) == "up"
    assert output.change(pair.champion, pair.candidate, pair.better).style == "green"
    rising = SimpleNamespace(champion=0.3, candidate=0.5, bounds=None, better="lower")
    assert filters.direction(rising) == "down"


@pytest.mark.parametrize(("confidence", "said"), [(0.95, "95%"), (0.99966, "99.97%"), (0.9696, "96.96%")])
def test_a_confidence_is_said_as_exactly_as_in_the_decision(confidence, said):
    assert filters.sure(confidence) == said
