"""Which run comes next, and what becomes of one that is called off or has failed."""

import threading

import pytest

from driftd.journal import tables
from driftd.journal.records import RunState
from driftd.projects.champion_scoring import Scorings
from driftd.projects.scheduling.scheduler import Dispatcher
from driftd.retrain.runner import Runner
from driftd.service.worker_pool import Workers
from support.doomed import Doom, die


class Deaf(Runner):
    """Ends a look as soon as it may, and hears that it is to stop only then."""

    def execute(self, run_id, stop):
        self.may_end.wait(20)
        if not stop.is_set():
            with self.journal.write():
                tables.runs.update(self.journal, run_id, state=RunState.KEPT, ended_at=self.clock())


def test_a_look_that_could_not_be_stopped_in_time_is_made_again_and_ends(kinds):
    runner = Deaf(kinds.name, kinds.settings, kinds.journal, kinds.layout, kinds.executor, kinds.clock)
    runner.may_end = threading.Event()
    dispatch = Dispatcher(kinds.name, kinds.settings, kinds.journal, runner, lambda: None)
    look = kinds.start("probation")
    dispatch.step()
    dispatch.call_off("a rollback was asked for", timeout=0.05)
    assert dispatch.busy
    runner.may_end.set()
    dispatch._thread.join(20)
    assert tables.runs.get(kinds.journal, look).ended_at is None
    dispatch.step()
    dispatch._thread.join(20)
    assert tables.runs.get(kinds.journal, look).state is RunState.KEPT


class Busy(Runner):
    """Does what takes longer than the daemon waits for at its end."""

    def execute(self, _run_id, _stop):
        self.executor.submit(die, self.address).result()

    def score(self, _model, _spans, _stop):
        self.executor.submit(die, self.address).result()


@pytest.fixture
def busy(kinds, tmp_path):
    kinds.executor = Workers(1)
    runner = Busy(kinds.name, kinds.settings, kinds.journal, kinds.layout, kinds.executor, kinds.clock)
    with Doom(tmp_path / "doom") as doom:
        runner.address = doom.address
        runner.working = doom.await_victim
        yield runner
    kinds.executor.kill()


def test_a_run_whose_work_ends_with_the_daemon_goes_on_after_the_next_start(kinds, busy):
    dispatch = Dispatcher(kinds.name, kinds.settings, kinds.journal, busy, lambda: None)
    run = kinds.start("drift")
    dispatch.step()
    with busy.working():
        assert not dispatch.stop(0.05)
        kinds.executor.kill()
        dispatch._thread.join(20)
    assert tables.runs.get(kinds.journal, run).state is RunState.RUNNING


def test_a_window_whose_scoring_ends_with_the_daemon_is_scored_after_the_next_start(kinds, busy):
    with kinds.journal.write():
        model = tables.models.add(
            kinds.journal, project=kinds.name, version="v1.0.0", revision="", scores={}, digest="", created_at=1.0
        )
        tables.assignments.add(
            kinds.journal, project=kinds.name, number=1, model_id=model, cause="first-model", assigned_at=1.0
        )
    busy.shortage = lambda: None
    scorings = Scorings(kinds.name, kinds.settings, kinds.journal, busy, lambda: None)
    scorings.enabled = True
    scorings.step()
    with busy.working():
        assert not scorings.stop(0.05)
        kinds.executor.kill()
        assert scorings.wait(20)
    assert not tables.scorings.all(kinds.journal)
