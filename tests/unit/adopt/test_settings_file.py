"""A proposal as a file."""

from pathlib import Path

import yaml

from driftd.adopt.proposal import Proposal, Setting
from driftd.adopt.settings_file import flow, render
from driftd.config import parse

SETTINGS = (
    Setting("labels", ["a: b", "yes"], "code says so"),
    Setting("window", {"rows": 250}, "a window"),
    Setting("retrain.base", "main", "the usual branch"),
    Setting("retrain.model", "model.pkl", "the largest # one\nof all", ("other.pkl",)),
    Setting("promote.metric", "scores.json:f1", "more is better"),
)


def test_it_is_valid_and_says_what_was_proposed():
    text = render(Proposal("people", Path("/srv/a b: #c"), SETTINGS, ("it may be wrong",)))
    project = parse(text, Path("/etc/driftd.yaml")).projects["people"]
    assert project.repository == Path("/srv/a b: #c")
    assert project.labels == ("a: b", "yes")
    assert (project.window.rows, project.retrain.model, project.promote.metric) == (250, "model.pkl", "scores.json:f1")


def test_every_reason_alternative_and_warning_is_a_comment():
    text = render(Proposal("people", Path("/srv/people"), SETTINGS, ("it may be wrong",)))
    lines = [line.strip() for line in text.splitlines()]
    for setting in SETTINGS:
        assert f"# {' '.join(setting.why.split())}" in lines
    assert lines.index("# or: other.pkl") + 1 == lines.index("model: model.pkl")
    assert "# Caution: it may be wrong" in lines
    assert max(map(len, lines)) <= 140


def test_without_per_row_results_it_says_what_they_would_be_good_for():
    text = render(Proposal("people", Path("/srv/people"), SETTINGS, ()))
    assert "# per_row: rows.jsonl" in text
    more = (*SETTINGS, Setting("promote.per_row", "r.jsonl", "a stage writes it"))
    assert "# per_row: rows.jsonl" not in render(Proposal("people", Path("/srv/people"), more, ()))


def test_values_come_back_as_they_were():
    for value in ("a", "yes", "1", "a: b", "#", ["x, y", "z"], {"path": ["/a b"]}, 3, "ü"):
        assert yaml.safe_load(flow(value)) == value
        assert "\n" not in flow(value)


def test_a_scorer_stands_with_what_is_said_of_drift():
    stages = {"stages": ["prepare", "evaluate"]}
    more = (
        *SETTINGS[:2],
        Setting("drift.scorer", stages, "they score"),
        *SETTINGS[2:],
        Setting("promote.per_row", "r.jsonl", "written"),
    )
    project = parse(render(Proposal("people", Path("/srv/people"), more, ())), Path("/etc/driftd.yaml")).projects[
        "people"
    ]
    assert project.drift.scorer is not None
    assert project.drift.scorer.stages == ("prepare", "evaluate")
    assert project.drift.min_effect == 0.02
