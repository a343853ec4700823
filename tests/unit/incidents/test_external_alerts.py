import pytest

from driftd.incidents import external_alerts, lifecycle
from driftd.journal import Journal, tables
from driftd.journal.records import IncidentState, ProjectState, RunState

VERDICT = {"alarm": True, "columns": [{"name": "age", "drift": True, "effect": 0.2}]}


@pytest.fixture
def journal(tmp_path):
    journal = Journal.open(tmp_path / "journal.db", clock=lambda: 1000.0)
    with journal.write():
        tables.projects.add(journal, name="p", state=ProjectState.ACTIVE, columns=[], detail={})
    yield journal
    journal.close()


@pytest.fixture
def hear(journal):
    def hear(fingerprint="a", group="g", since="2026-01-01T00:00:00Z", firing=True):
        alert = {
            "group": group,
            "fingerprint": fingerprint,
            "since": since,
            "firing": firing,
            "summary": "Slow: it is slow",
        }
        with journal.write():
            return external_alerts.heard(journal, "p", alert)

    return hear


def all_of(journal):
    return [(each.kind, str(each.state), each.resolution) for each in tables.incidents.all(journal, order="id")]


def test_an_alert_is_one_incident_however_often_it_is_said(journal, hear):
    assert hear() == "incident 1"
    assert hear() == "known already: incident 1"
    assert all_of(journal) == [("alert", "open", None)]
    assert tables.incidents.get(journal, 1).summary == "Slow: it is slow"


def test_the_same_firing_stays_known_after_its_incident_and_the_next_is_a_new_one(journal, hear):
    hear()
    with journal.write():
        lifecycle.close(journal, tables.incidents.get(journal, 1), "kept")
    assert hear() == "known already: incident 1"
    assert hear(since="2026-02-01T00:00:00Z") == "incident 2"


def test_other_alerts_join_and_the_last_that_is_resolved_ends_it(journal, hear):
    hear("a")
    assert hear("b") == "joins incident 1"
    assert hear("a", group="other") == "joins incident 1"
    assert hear("a", firing=False) == "noted with incident 1"
    assert hear("b", firing=False) == "noted with incident 1"
    assert all_of(journal) == [("alert", "open", None)]
    assert hear("a", group="other", firing=False) == "incident 1 is over"
    assert all_of(journal) == [("alert", "closed", "recovery")]
    assert hear("a", firing=False) == "no incident waits for it"


def test_a_resolved_alert_never_ends_a_drift_or_a_run(journal, hear):
    with journal.write():
        lifecycle.alarm(journal, "p", "drift", 20, 18, VERDICT, None)
    assert hear() == "joins incident 1"
    assert hear(firing=False) == "noted with incident 1"
    assert all_of(journal) == [("drift", "open", None)]
    with journal.write():
        tables.incidents.set(journal, "id = 1", kind="alert", state=IncidentState.RUNNING)
    hear(since="later")
    assert hear(firing=False) == "noted with incident 1"


def test_what_an_alert_opened_is_over_when_its_run_has_ended(journal, hear):
    hear()
    with journal.write():
        tables.incidents.set(journal, "id = 1", state=IncidentState.RUNNING)
        run = tables.runs.add(
            journal,
            project="p",
            incident_id=1,
            cause="alert",
            state=RunState.KEPT,
            plan={},
            created_at=1.0,
            ended_at=2.0,
        )
        lifecycle.settle(journal, tables.runs.get(journal, run), 0)
    assert all_of(journal) == [("alert", "closed", "kept")]
