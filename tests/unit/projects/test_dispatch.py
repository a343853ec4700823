"""Which run comes next, and what becomes of one that is called off or has failed."""

import threading

from driftd.journal import tables
from driftd.journal.records import RunState
from driftd.projects.dispatch import Dispatcher
from driftd.retrain.runner import Runner


class Deaf(Runner):
    """Ends a look as soon as it may, and hears that it is to stop only then."""

    def execute(self, run_id, stop):
        self.may_end.wait(20)
        if not stop.is_set():
            with self.journal.write():
                tables.runs.set(self.journal, "id = ?", run_id, state=RunState.KEPT, ended_at=self.clock())


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
