"""The reference of a model is that of the regime whose rows it knows, whatever has begun since."""

import pytest

from driftd.incidents import lifecycle
from driftd.journal import Journal, references, tables
from driftd.journal.records import ProjectState, RunState, WindowState


@pytest.fixture
def journal(tmp_path):
    """Regimes begin with windows 1 and 18; window 30 is judged against the second."""
    journal = Journal.open(tmp_path / "journal.db", clock=lambda: 1000.0)
    with journal.write():
        tables.projects.add(journal, name="p", state=ProjectState.ACTIVE, columns=[], detail={})
        for first in (None, 18):
            regime(journal, first)
        tables.windows.add(
            journal,
            project="p",
            number=30,
            spans=[],
            rows=1,
            closed_at=1.0,
            closed_by="rows",
            state=WindowState.JUDGED,
            reference_id=2,
        )
    yield journal
    journal.close()


def regime(journal, first):
    made = tables.references.add(
        journal, project="p", profile="a", rows=9, made_of={}, first_window=first, armed=True, created_at=1.0
    )
    lifecycle.watch(journal, "p", made)
    return made


def run(journal, regime_from, last=30):
    plan = {"windows": [1, last], "regime_from": regime_from}
    number = tables.runs.add(
        journal, project="p", incident_id=None, cause="drift", state=RunState.PROMOTED, plan=plan, created_at=1.0
    )
    return tables.runs.get(journal, number)


def promoted(journal, run):
    model = tables.models.add(
        journal,
        project="p",
        version="v2.0.0",
        revision="1",
        run_id=run.id,
        reference_id=references.of_run(journal, run),
        digest="0",
        scores={},
        created_at=1.0,
    )
    tables.assignments.add(journal, project="p", number=1, model_id=model, cause="promotion", assigned_at=2.0)
    return model


@pytest.mark.parametrize("regime_from", [18, None])
def test_it_is_the_present_one_where_none_has_begun_since(journal, regime_from):
    with journal.write():
        assert references.of_run(journal, run(journal, regime_from)) == 2


@pytest.mark.parametrize("regime_from", [18, None])
@pytest.mark.parametrize("ready", [False, True])
def test_it_is_that_of_its_own_rows_where_a_further_one_has_begun(journal, regime_from, ready):
    with journal.write():
        lifecycle.alarm(journal, "p", "drift", 40, 39, {"alarm": True, "columns": []}, 2)
        if ready:
            regime(journal, 39)
        assert references.of_run(journal, run(journal, regime_from)) == 2


def test_a_model_of_a_regime_that_was_never_ready_has_none(journal):
    with journal.write():
        lifecycle.alarm(journal, "p", "drift", 32, 32, {"alarm": True, "columns": []}, 2)
        late = run(journal, 31, last=31)
        model = promoted(journal, late)
        regime(journal, 32)
        assert tables.models.get(journal, model).reference_id is None


def test_a_model_of_a_regime_that_is_still_collected_has_it_once_it_is_ready(journal):
    with journal.write():
        lifecycle.alarm(journal, "p", "drift", 32, 31, {"alarm": True, "columns": []}, 2)
        model = promoted(journal, run(journal, 31, last=32))
        assert tables.models.get(journal, model).reference_id is None
        ready = regime(journal, 31)
        assert tables.models.get(journal, model).reference_id == ready
