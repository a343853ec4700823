"""The loop on a made-up lab: a model knows the labels of the regime that its newest rows are from."""

import json

import numpy as np
import pytest

from driftd.backtest.driftd_policy import Loop
from driftd.backtest.model_factory import Made, Part, Side
from driftd.backtest.result import Backtest
from driftd.backtest.stream import Recorded
from driftd.config import Project
from driftd.readers import infer
from driftd.web.report import write_backtest

FIRST, WINDOW, WINDOWS, TURN = 400, 50, 24, 1000
DAY = 86400.0


class Lab:
    """Rows before TURN and from it on are two regimes; a model is right on nine of ten rows of its own and on few of the other's."""

    def __init__(self, folder):
        self.folder = folder
        self.made = 0

    def make(self, parts):
        self.made += 1
        key = f"{parts[-1].last}"
        path = self._rows(key, parts, parts)
        return Made(key, tuple(parts), 2.0, {"scores.json:a": 0.9}, [1.0, *[0.0] * 9] * 10, path)

    def losses(self, model, windows):
        right = [self._knows(model.parts, FIRST + (window - 1) * WINDOW) for window in windows]
        return [[1.0, *([0.0] * 9 if knows else [1.0, 1.0, 0.0] * 3)] * 5 for knows in right]

    def score(self, champion, candidate):
        path = self._rows(f"{champion.key}-{candidate.key}", candidate.parts, champion.parts)
        values = [json.loads(line)["value"] for line in path.read_text().splitlines()]
        return Side({"scores.json:a": float(np.mean(values))}, path)

    def new_files(self, _):
        return ["new"]

    def _knows(self, parts, row):
        return (parts[-1].last > TURN) == (row >= TURN)

    def _rows(self, key, tested, learnt):
        path = self.folder / f"{key}.jsonl"
        rows = range(tested[-1].first, tested[-1].last, 5)
        lines = [
            {"row": str(row), "file": "new", "value": float(self._knows(learnt, row) or row % 3 == 0)} for row in rows
        ]
        path.write_text("".join(json.dumps(each) + "\n" for each in lines))
        return path


@pytest.fixture
def stream(tmp_path):
    path = tmp_path / "rows.csv"
    rng = np.random.default_rng(1)
    rows = "".join(
        f"{value:.6f},{label}\n"
        for value, label in zip(rng.normal(size=FIRST + WINDOW * WINDOWS), [0, 1] * 800, strict=False)
    )
    path.write_text(f"x,y\n{rows}")
    return Recorded(path, infer([str(path)]), ("y",), FIRST, WINDOW, FIRST + WINDOW * WINDOWS)


def project(**retrain):
    return Project.model_validate(
        {
            "repository": "/srv/x",
            "source": {"path": "/srv/in"},
            "labels": ["y"],
            "window": {"rows": WINDOW},
            "drift": {"scorer": {"command": ["{rows}", "{results}"]}},
            "promote": {"metric": "scores.json:a", "per_row": "rows.jsonl"},
            "retrain": {"min_rows": 100, "cooldown": 0} | retrain,
        }
    )


def choose(window, onset):
    end = FIRST + window * WINDOW
    return (Part(FIRST + (onset - 1) * WINDOW, end, new=True),) if onset else (Part(0, end),)


def test_errors_that_rise_are_answered_once_enough_rows_are_there(stream, tmp_path):
    done = Loop(project(), stream, Lab(tmp_path), choose, DAY).run(lambda _: None)
    [incident] = done.incidents
    turn = (TURN - FIRST) // WINDOW + 1  # the first window of the other regime
    assert (incident.kind, incident.onset) == ("score", turn)
    assert turn <= incident.opened <= turn + 1
    [run] = done.runs
    assert (run.cause, run.outcome, run.window) == ("score", "promoted", max(incident.opened, turn + 1))
    assert [np.mean(losses) for losses in done.losses] == pytest.approx(
        [0.1] * (turn - 1) + [0.7] * (run.window - turn + 1) + [0.1] * (WINDOWS - run.window)
    )


def test_gates_hold_on_the_made_up_clock_and_triggers_ask(stream, tmp_path):
    late = Loop(project(min_rows=250), stream, Lab(tmp_path), choose, DAY).run(lambda _: None)
    assert late.runs[0].window == (TURN - FIRST) // WINDOW + 5
    asked = Loop(project(every_rows=200, cooldown="6d"), stream, Lab(tmp_path), choose, DAY).run(lambda _: None)
    assert [run.window for run in asked.runs][:2] == [4, 10]
    assert asked.runs[0].outcome == "kept"
    assert asked.incidents[0].resolution == "kept"


def test_policies_beside_it_and_the_page(stream, tmp_path):
    done = Backtest(project(), stream, Lab(tmp_path), choose, DAY, every=(1, 8)).run(lambda *_: None)
    scores = {line.name: line.score for line in done.policies}
    assert list(scores) == ["driftd", "never", "1 by schedule", "every window", "every 8 windows", "oracle, as many"]
    assert scores["never"] < scores["driftd"] <= scores["oracle, as many"] <= scores["every window"]
    assert done.policies[3].trained == list(range(1, WINDOWS))
    assert done.policies[3].seconds == 2.0 * (WINDOWS - 1)
    page = write_backtest(done)
    assert "What driftd would have done with" in page
    assert page.count("<polyline") == len(done.policies)
    assert "the model&#39;s loss rose from" in page
