import pytest

from driftd.incidents import lifecycle
from driftd.journal import Journal, tables
from driftd.journal.records import IncidentState, ProjectState, RunState, WindowState
from driftd.projects import incident_diagnosis

VERDICT = {
    "alarm": True,
    "columns": [
        {"name": "age", "drift": True, "effect": 0.2},
        {"name": "city", "drift": False, "effect": 0.9},
        {"name": "text.length", "drift": True, "effect": 0.41},
    ],
}


@pytest.fixture
def journal(tmp_path):
    journal = Journal.open(tmp_path / "journal.db", clock=lambda: 1000.0)
    with journal.write():
        tables.projects.add(journal, name="p", state=ProjectState.ACTIVE, columns=[], detail={})
        reference = tables.references.add(
            journal, project="p", profile="a", rows=10, made_of={}, armed=True, created_at=1.0
        )
        tables.projects.set(journal, "name = 'p'", reference_id=reference)
    yield journal
    journal.close()


def opened(journal, window=20, onset=18):
    with journal.write():
        return tables.incidents.get(journal, lifecycle.alarm(journal, "p", "drift", window, onset, VERDICT, 1))


def run(journal, incident, state, cause="drift", **plan):
    with journal.write():
        tables.incidents.update(journal, incident.id, state=IncidentState.RUNNING)
        run_id = tables.runs.add(
            journal,
            project="p",
            incident_id=incident.id,
            cause=cause,
            state=state,
            plan=plan,
            created_at=1.0,
            ended_at=2.0,
        )
        lifecycle.settle(journal, tables.runs.get(journal, run_id), 300)
    return tables.incidents.get(journal, incident.id)


def test_an_alarm_opens_an_incident_that_names_what_moved_the_most_first(journal):
    incident = opened(journal)
    assert (incident.state, incident.window, incident.onset_window) == (IncidentState.OPEN, 20, 18)
    assert incident.summary == "text.length (0.41), age (0.20)"


def test_after_an_alarm_the_new_regime_is_collected_from_its_onset(journal):
    opened(journal)
    project = tables.projects.get(journal, "p")
    assert project.reference_id is None
    assert project.detail["collecting"] == {"from": 18}


def test_a_second_alarm_joins_the_open_incident(journal):
    first = opened(journal)
    second = opened(journal, window=40, onset=39)
    assert second.id == first.id
    assert (second.detail["alarms"], second.onset_window, second.reference_id) == ([20, 40], 39, 1)


def test_a_promotion_closes_the_incident(journal):
    incident = run(journal, opened(journal), RunState.PROMOTED)
    assert (incident.state, incident.resolution) == (IncidentState.CLOSED, "promotion")


def test_a_kept_champion_leaves_it_unresolved_until_the_rows_have_doubled(journal):
    incident = run(journal, opened(journal), RunState.KEPT)
    assert (incident.state, incident.retry_rows) == (IncidentState.UNRESOLVED, 600)


@pytest.mark.parametrize("state", [RunState.KEPT, RunState.FAILED])
def test_a_model_that_was_not_recalled_leaves_the_incident_to_a_training(journal, state):
    incident = run(journal, opened(journal), state, "recall", recall=1)
    assert (incident.state, incident.retry_rows, incident.detail.get("failures")) == (IncidentState.OPEN, None, None)


def test_a_recalled_model_brings_its_reference_back(journal):
    with journal.write():
        model = tables.models.add(
            journal, project="p", version="v1.0.0", revision="0", reference_id=1, digest="0", created_at=1.0, scores={}
        )
    incident = run(journal, opened(journal), RunState.PROMOTED, "recall", recall=model)
    assert (incident.state, incident.resolution) == (IncidentState.CLOSED, "promotion")
    project = tables.projects.get(journal, "p")
    assert (project.reference_id, project.detail) == (1, {})


@pytest.mark.parametrize("state", [RunState.PROMOTED, RunState.KEPT])
@pytest.mark.parametrize("cause", ["drift", "recall"])
def test_a_further_change_while_a_run_is_on_its_way_waits_for_the_next_run(journal, state, cause):
    incident = opened(journal)
    with journal.write():
        tables.incidents.update(journal, incident.id, state=IncidentState.RUNNING)
    assert opened(journal, window=40, onset=39).state is IncidentState.RUNNING
    incident = run(journal, incident, state, cause, alarm=20, recall=1)
    assert (incident.state, incident.retry_rows, incident.onset_window) == (IncidentState.OPEN, None, 39)
    assert tables.projects.get(journal, "p").detail["collecting"] == {"from": 39}
    assert run(journal, incident, state, alarm=40).state is not IncidentState.OPEN


@pytest.mark.parametrize(("state", "back"), [(RunState.PROMOTED, 2), (RunState.KEPT, 1)])
def test_who_dismisses_a_further_change_goes_back_to_what_the_champion_was_made_for(journal, state, back):
    incident = opened(journal)
    with journal.write():
        made = tables.references.add(
            journal, project="p", profile="b", rows=10, made_of={}, first_window=18, armed=True, created_at=2.0
        )
        lifecycle.watch(journal, "p", made)
        tables.incidents.update(journal, incident.id, state=IncidentState.RUNNING)
        tables.windows.add(
            journal,
            project="p",
            number=40,
            spans=[],
            rows=1,
            closed_at=3.0,
            closed_by="rows",
            state=WindowState.JUDGED,
            reference_id=made,
        )
    opened(journal, window=40, onset=39)
    incident = run(journal, incident, state, alarm=20)
    with journal.write():
        lifecycle.dismiss(journal, incident)
    project = tables.projects.get(journal, "p")
    assert (project.reference_id, project.detail) == (back, {})


def test_a_change_while_a_scheduled_run_is_on_its_way_waits_for_the_next_run(journal):
    with journal.write():
        asked = lifecycle.ask(journal, "p", "schedule", "it is time", {})
        tables.incidents.update(journal, asked, state=IncidentState.RUNNING)
    incident = opened(journal)
    assert (incident.id, incident.kind) == (asked, "drift")
    assert run(journal, incident, RunState.PROMOTED, alarm=None).state is IncidentState.OPEN


def test_what_the_first_alarm_was_is_not_said_of_the_second(journal):
    incident = opened(journal)
    with journal.write():
        lifecycle.explain(journal, incident, {"kind": "gradual", "onset_window": 16, "regime": None})
    assert tables.incidents.get(journal, incident.id).detail["pattern"]["kind"] == "gradual"
    assert "pattern" not in opened(journal, window=40, onset=39).detail


def test_a_pattern_is_looked_for_only_where_rows_have_changed(journal):
    decay = {"before": 0.166, "now": 0.28, "rows": 500}
    with journal.write():
        lifecycle.alarm(journal, "p", "score", 20, 18, {"alarm": False, "columns": [], "decay": decay}, 1)
    assert incident_diagnosis.waiting(journal, "p", 1) is None
    assert opened(journal, window=40).detail["alarms"] == [20, 40]


def test_failures_in_a_row_are_counted_and_forgotten_after_a_run_that_ended_well(journal):
    incident = run(journal, run(journal, opened(journal), RunState.FAILED), RunState.FAILED)
    assert (incident.state, incident.detail["failures"]) == (IncidentState.OPEN, 2)
    assert run(journal, incident, RunState.KEPT).detail["failures"] == 0


def test_a_request_joins_the_open_incident_and_is_forgotten_after_its_run(journal):
    incident = opened(journal)
    with journal.write():
        assert lifecycle.request_run(journal, "p", "ada") == incident.id
    assert tables.incidents.get(journal, incident.id).detail["hurried_by"] == "ada"
    assert "hurried_by" not in run(journal, incident, RunState.KEPT).detail


def test_a_request_of_its_own_is_closed_by_whatever_its_run_says(journal):
    with journal.write():
        incident = tables.incidents.get(journal, lifecycle.request_run(journal, "p", "ada"))
    assert run(journal, incident, RunState.KEPT).state is IncidentState.CLOSED


def test_a_dismissed_incident_brings_the_old_reference_back(journal):
    with journal.write():
        lifecycle.dismiss(journal, opened(journal))
    project = tables.projects.get(journal, "p")
    assert (project.reference_id, project.detail) == (1, {})


def test_a_champion_without_a_reference_is_bound_to_the_one_that_is_watched_next(journal):
    with journal.write():
        model = tables.models.add(
            journal, project="p", version="v1.0.0", revision="abc", scores={}, digest="d", created_at=1.0
        )
        tables.assignments.add(journal, project="p", number=1, model_id=model, cause="first-model", assigned_at=1.0)
        lifecycle.watch(journal, "p", 1)
    assert tables.models.get(journal, model).reference_id == 1


def test_a_decayed_score_is_an_incident_of_its_own_until_the_columns_drift_as_well(journal):
    decay = {"before": 0.166, "now": 0.28, "rows": 500}
    with journal.write():
        incident = tables.incidents.get(
            journal, lifecycle.alarm(journal, "p", "score", 20, 18, {"alarm": False, "columns": [], "decay": decay}, 1)
        )
    assert (incident.kind, incident.state) == ("score", IncidentState.OPEN)
    assert incident.summary == "the model's loss rose from 0.166 to 0.280 on 500 labelled rows"
    assert lifecycle.drifting(journal, "p") == incident
    assert opened(journal).kind == "drift"
    assert opened(journal).id == incident.id
