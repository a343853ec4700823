"""A season that comes back is not retrained for: the model of its time is compared and promoted, through a real daemon."""

import json
import shutil
import threading
import time

import pytest

from driftd.journal import tables
from driftd.journal.records import RunState
from driftd.retrain.process import launcher
from support.adoption import QUIET, rows
from support.project import BIN, tool
from support.season import PROMOTE, Season, make_season

pytestmark = pytest.mark.slow

WINDOW, FIRST = 250, 1500
SECONDS = 10  # from the last window that was needed to the promotion, on a machine that is not busy
QUICK = 0.6  # seconds that `dvc version` takes there


class Households(Season):
    """Households, then group quarters, then households again; each file is a window."""

    def __init__(self, folder, **promote):
        super().__init__(
            folder,
            template=make_season(folder / "template", rows(0, FIRST)),
            labels=["employed"],
            window={"rows": WINDOW},
            reference={"rows": FIRST},
            drift={},
            promote=PROMOTE | {"probation": None} | promote,
            retrain={"model": "model.bin", "min_rows": 750, "cooldown": 0, "env": {"path": [str(BIN)]}},
        )

    def pass_by(self, first, last):
        for start in range(first, last, WINDOW):
            self.arrive(rows(start, start + WINDOW))

    def runs(self):
        return self.rows("SELECT cause, state FROM runs ORDER BY id")


def test_the_first_model_comes_back_with_its_season_without_a_training(tmp_path):
    season = Households(tmp_path)
    with season.daemon():
        season.wait_for_model()
        first = season.served
        season.pass_by(FIRST, FIRST + 2 * WINDOW)
        season.pass_by(QUIET, QUIET + 2000)
        assert season.assigned() == [("v1.0.0", "first-model"), ("v2.0.0", "promotion")], season.runs()
        assert season.served != first
        season.pass_by(FIRST + 2 * WINDOW, QUIET)
        assert season.assigned()[2:] == [("v1.0.0", "recall")], season.runs()
        assert season.served == first
        assert season.runs() == [("first-model", "promoted"), ("drift", "promoted"), ("recall", "promoted")]
        [(run, decision, plan, ended)] = season.rows(
            "SELECT id, decision, plan, ended_at FROM runs WHERE cause = 'recall'"
        )
        decision, last = json.loads(decision), json.loads(plan)["windows"][1]
        took = ended - season.one(f"SELECT judged_at FROM windows WHERE number = {last}")  # noqa: S608
        started = time.monotonic()
        tool(season.repository, "dvc", "version")
        assert took < SECONDS * max(1.0, (time.monotonic() - started) / QUICK)
        assert "stages.py train" not in season.driftd("logs", str(run))
        assert decision["sentence"].startswith("v1.0.0 is recalled, no training is needed: its log_loss is 0.")
        assert set(decision["by_regime"]) == {"new"}
        [(state, resolution, detail)] = season.rows(
            "SELECT state, resolution, detail FROM incidents ORDER BY id DESC LIMIT 1"
        )
        assert (state, resolution, json.loads(detail)["pattern"]["kind"]) == ("closed", "promotion", "recurring")
        assert season.rows("SELECT reference_id, detail ->> 'collecting' FROM projects") == [(1, None)]
        judged = f"SELECT count(*), min(verdict ->> 'alarm') FROM windows WHERE number > {last + 1}"  # noqa: S608
        assert season.rows(f"{judged} AND reference_id = 1 AND state = 'judged'") == [(season.windows - last - 1, 0)]
        assert season.json("show", str(run))["version"] == "v1.0.0"
    assert season.json("verify")["ok"]


def promoted_twice(kinds):
    """Let a second champion know four kinds, and a window of the first two be behind it; return both models."""
    kinds.arrive(1, "abcd")
    kinds.arrive(2, "cd")
    assert kinds.answer((1, 2), regime_from=1).state is RunState.PROMOTED
    kinds.arrive(3, "ab")
    return tables.models.all(kinds.journal, order="id")


def test_a_model_that_is_worse_or_lost_is_not_recalled(with_models):
    kinds = with_models(1)
    [first, second] = promoted_twice(kinds)
    kinds.arrive(4, "cd")
    run = kinds.execute(kinds.start("recall", windows=[4, 4], regime_from=4, recall=first.id, alarm=4))
    assert (run.state, run.decision["candidate"]) == (RunState.KEPT, 0.0)
    assert run.decision["sentence"].startswith("v1.0.0 is not recalled, a training follows: its accuracy is 0.000")
    shutil.rmtree(kinds.repository / ".dvc" / "cache")
    run = kinds.execute(kinds.start("recall", windows=[4, 4], regime_from=4, recall=first.id, alarm=4))
    assert run.state is RunState.FAILED
    assert kinds.layout.current.readlink().name == second.version


class Midway(threading.Event):
    """A stop that is asked for as soon as a log has a command."""

    def __init__(self, log):
        super().__init__()
        self.log = log

    def is_set(self):
        return self.log.exists() and "$ " in self.log.read_text()


def test_what_the_champion_printed_before_a_stop_is_in_the_log_once(with_models, monkeypatch):
    monkeypatch.setattr(launcher, "POLL", 0.001)
    kinds = with_models(1)
    [first, _] = promoted_twice(kinds)
    number = kinds.start("recall", windows=[3, 3], regime_from=3, recall=first.id, alarm=3)
    kinds.runner.execute(number, Midway(kinds.layout.run(number) / "champion" / "log"))
    assert tables.runs.get(kinds.journal, number).state is RunState.RUNNING
    with (kinds.layout.run(number) / "champion" / "log").open("a") as log:
        log.write("and this before a kill\n")
    assert kinds.execute(number).state is RunState.PROMOTED
    assert (
        kinds.log(number).count("  beside it, the champion v2.0.0:") == 3
    )  # of the stop, of the kill and of the last time
    assert kinds.log(number).count("and this before a kill") == 1
