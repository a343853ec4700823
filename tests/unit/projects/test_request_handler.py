"""What people ask for is answered, whatever comes of it."""

import sqlite3

import pytest

from driftd.incidents import lifecycle
from driftd.journal import tables
from driftd.journal.records import IncidentState, ProjectState, RequestState, RunState
from driftd.projects.request_handler import Answers
from driftd.projects.scheduling.scheduler import Dispatcher


def ask(kinds, kind, **arguments):
    """Ask for something and let it be answered; return the request."""
    dispatch = Dispatcher(kinds.name, kinds.settings, kinds.journal, kinds.runner, lambda: None)
    with kinds.journal.write():
        request = tables.requests.add(
            kinds.journal,
            project=kinds.name,
            kind=kind,
            arguments=arguments,
            state=RequestState.WAITING,
            created_at=kinds.clock(),
        )
    Answers(kinds.name, kinds.journal, kinds.runner, None, dispatch).step()
    return tables.requests.get(kinds.journal, request)


def waiting(kinds, incident=None):
    """Let a run wait for approval."""
    run = kinds.start("drift")
    with kinds.journal.write():
        decision = {"verdict": "promote", "sentence": "It is better."}
        tables.runs.update(
            kinds.journal, run, state=RunState.WAITING, incident_id=incident, decision=decision, step="decide"
        )
    return run


def test_a_file_that_cannot_be_had_refuses_the_request_and_is_named(kinds):
    kinds.layout.to_label.mkdir(parents=True)  # where a file is to be removed
    answered = ask(kinds, "reject", run=waiting(kinds), by="ada")
    assert answered.state is RequestState.REFUSED
    assert str(kinds.layout.to_label) in answered.answer["message"]


def test_a_request_that_nobody_can_answer_is_refused_and_holds_none_up(kinds):
    with kinds.journal.write():
        strange = tables.requests.add(
            kinds.journal,
            project=kinds.name,
            kind="approve",
            arguments={"run": 2**63},
            state=RequestState.WAITING,
            created_at=kinds.clock(),
        )
    answered = ask(kinds, "pause")
    assert (answered.state, tables.projects.get(kinds.journal, kinds.name).state) == (
        RequestState.DONE,
        ProjectState.PAUSED,
    )
    refused = tables.requests.get(kinds.journal, strange)
    assert (refused.state, "OverflowError" in refused.answer["message"]) == (RequestState.REFUSED, True)


def test_a_journal_that_cannot_be_read_leaves_a_request_to_be_answered_later(kinds, monkeypatch):
    def busy(*_):
        raise sqlite3.OperationalError("database is locked")

    monkeypatch.setattr(kinds.runner, "roll_back", busy)
    with pytest.raises(sqlite3.OperationalError):
        ask(kinds, "rollback")
    [request] = tables.requests.all(kinds.journal)
    assert request.state is RequestState.WAITING


def test_an_incident_that_is_dismissed_takes_the_run_that_waits_with_it(kinds):
    with kinds.journal.write():
        incident = lifecycle.ask(kinds.journal, kinds.name, "schedule", "It is Monday.", {})
        tables.incidents.update(kinds.journal, incident, state=IncidentState.RUNNING)
    run = waiting(kinds, incident)
    answered = ask(kinds, "dismiss", incident=incident, by="ada")
    assert answered.answer["message"] == (
        f"incident {incident} is closed, and run {run}, which waited for approval, is rejected"
    )
    ended = tables.runs.get(kinds.journal, run)
    assert (ended.state, ended.ended_at is None) == (RunState.KEPT, False)
    assert (ended.decision["approval"]["word"], ended.decision["approval"]["by"]) == ("rejected", "ada")
    [closed] = tables.incidents.all(kinds.journal)
    assert (closed.state, closed.resolution) == (IncidentState.CLOSED, "person")
    dispatch = Dispatcher(kinds.name, kinds.settings, kinds.journal, kinds.runner, lambda: None)
    dispatch.step()
    assert dispatch.held is None


def test_an_incident_is_not_dismissed_while_its_run_only_waits_for_the_daemon_to_go_on(kinds):
    with kinds.journal.write():
        incident = lifecycle.ask(kinds.journal, kinds.name, "schedule", "It is Monday.", {})
        tables.incidents.update(kinds.journal, incident, state=IncidentState.RUNNING)
    run = kinds.start("drift")  # the daemon has just started again: no thread executes it yet
    with kinds.journal.write():
        tables.runs.update(kinds.journal, run, incident_id=incident, step="reproduce")
    answered = ask(kinds, "dismiss", incident=incident, by="ada")
    assert (answered.state, answered.answer["message"]) == (
        RequestState.REFUSED,
        "a run is on its way (wait for its end)",
    )
    assert tables.incidents.get(kinds.journal, incident).state is IncidentState.RUNNING
