"""The loop of a project goes on where one of its steps cannot."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from driftd.config import Project
from driftd.journal import Journal, tables
from driftd.journal.layout import journal_path
from driftd.journal.records import ProjectState, RequestState
from driftd.projects.loop import ProjectLoop
from driftd.retrain.process.launcher import Stopped
from driftd.service.health import HEARTBEAT_LIMIT, Health
from support.project import write_rows

COLUMNS = [
    {"name": "n", "kind": "numeric"},
    {"name": "kind", "kind": "categorical"},
    {"name": "label", "kind": "categorical"},
]


@pytest.fixture
def journal(tmp_path):
    journal = Journal.open(journal_path(tmp_path / "state"), clock=lambda: 1000.0)
    with journal.write():
        detail = {"collecting": {"from": 1}}
        tables.projects.add(journal, name="kinds", state=ProjectState.ACTIVE, columns=COLUMNS, detail=detail)
    yield journal
    journal.close()


def test_a_rollback_that_waits_for_a_remote_is_a_sign_of_life_and_can_be_stopped(journal, tmp_path, monkeypatch):
    settings = Project.model_validate({"repository": tmp_path, "source": {"path": tmp_path / "incoming"}})
    loop = ProjectLoop("kinds", settings, journal, tmp_path / "state", ThreadPoolExecutor(1))
    began = threading.Event()

    def pull(_version, stop):
        loop._alive = loop._intake.admission.heartbeat = time.monotonic() - 2 * HEARTBEAT_LIMIT
        began.set()
        if stop.wait(20):
            raise Stopped

    monkeypatch.setattr(loop._runner, "roll_back", pull)
    monkeypatch.setattr(loop._runner, "clean_up", lambda: None)
    with journal.write():
        request = tables.requests.add(
            journal, project="kinds", kind="rollback", arguments={}, state=RequestState.WAITING, created_at=1.0
        )
    loop.start()
    assert began.wait(10)
    assert Health(journal, lambda: [loop]).fresh()
    assert loop.stop(10)
    assert tables.requests.get(journal, request).state is RequestState.WAITING


def test_a_repository_that_is_away_keeps_no_file_from_being_let_in_and_judged(journal, tmp_path):
    settings = Project.model_validate(
        {
            "repository": tmp_path / "away",
            "source": {"path": tmp_path / "incoming", "settle": 0},
            "window": {"rows": 10},
            "retrain": {"model": "model"},
        }
    )
    loop = ProjectLoop("kinds", settings, journal, tmp_path / "state", ThreadPoolExecutor(1), clock=lambda: 1000.0)
    write_rows(tmp_path / "incoming" / "rows.csv", "a", each=20)
    with journal.write():
        request = tables.requests.add(
            journal,
            project="kinds",
            kind="trigger",
            arguments={"by": "ada"},
            state=RequestState.WAITING,
            created_at=1.0,
        )
    for _ in range(3):  # a file that does not change is looked at twice
        with pytest.raises(ExceptionGroup) as failed:
            loop._tick()
    [said] = {str(each) for each in failed.value.exceptions}
    assert "away" in said
    assert [each.state for each in tables.windows.all(journal)] == ["collected", "collected"]
    answered = tables.requests.get(journal, request)
    assert answered.state is RequestState.REFUSED
    assert answered.answer["message"].startswith(said)
    loop._failed(failed.value)
    [problem] = tables.events.all(journal, "kind = 'problem'")
    assert problem.data["message"] == said == loop.problem
    loop._intake.stop()
