import pytest

from driftd.journal.records import Run, RunState
from driftd.retrain.hooks.payload import Notice, links
from driftd.retrain.hooks.webhook import event

URL = "https://driftd.example"


def run(incident: int | None) -> Run:
    return Run(
        id=7,
        project="addresses",
        incident_id=incident,
        cause="drift",
        state=RunState.PROMOTED,
        step=None,
        plan={},
        decision=None,
        error=None,
        created_at=0.0,
        ended_at=1.0,
    )


def test_the_report_is_that_of_the_incident_where_a_run_answered_one():
    assert links(URL, "addresses", run(4)) == {
        "project": f"{URL}/projects/addresses",
        "models": f"{URL}/projects/addresses/models",
        "run": f"{URL}/runs/7",
        "incident": f"{URL}/incidents/4",
        "report": f"{URL}/incidents/4/report",
    }
    assert links(URL, "addresses", run(None))["report"] == f"{URL}/runs/7/report"


def test_a_rollback_has_the_pages_of_the_project():
    assert set(links(URL, "addresses", None)) == {"project", "models"}


@pytest.mark.parametrize(
    ("cause", "kind"),
    [("first-model", "promoted"), ("promotion", "promoted"), ("recall", "promoted"), ("rollback", "rolled-back")],
)
def test_every_change_of_the_champion_has_one_of_the_two_types_that_are_documented(cause, kind):
    told = Notice("a#prod#4", 0.0, cause, "v2.0.0", "c0ffee", {"project": "a", "cause": cause})
    assert event(told)["type"] == f"driftd.model.{kind}"
