"""A new champion that is worse than the one before on fresh labelled rows is rolled back by itself; one that is not passes."""

import pytest

from driftd.journal import tables
from driftd.journal.records import HookState, ProbationState, RequestState, RunState
from driftd.observe import views
from driftd.projects.hook_dispatcher import Aftermath
from driftd.projects.request_handler import Answers
from driftd.projects.scheduling.scheduler import Dispatcher
from driftd.retrain.process.launcher import Stopped
from driftd.retrain.steps import probation
from support.project import tool
from support.retraining import Retraining

pytestmark = pytest.mark.slow


def look(kinds):
    """Let the dispatcher begin, or go on with, what is due, as the loop of a daemon that has just started does."""
    dispatch = Dispatcher(kinds.name, kinds.settings, kinds.journal, kinds.runner, lambda: None)
    dispatch.step()
    assert dispatch.held is None
    if dispatch._thread is not None:
        dispatch._thread.join()
    return tables.runs.first(kinds.journal, "1", order="id DESC")


def call_hooks(kinds):
    after = Aftermath(kinds.name, kinds.journal, kinds.runner, lambda: None)
    while tables.hooks.first(kinds.journal, "state = ?", HookState.WAITING):
        after.step()
        after._thread.join()


def new_regime(kinds):
    """Let the project watch another reference, as it does once a new regime has enough rows."""
    old = tables.references.all(kinds.journal)[0]
    with kinds.journal.write():
        number = tables.references.add(
            kinds.journal,
            project=kinds.name,
            profile=old.profile,
            rows=20,
            made_of={"windows": [1, 1]},
            first_window=1,
            armed=True,
            created_at=kinds.clock(),
        )
        tables.projects.update(kinds.journal, kinds.name, reference_id=number)
    return old.id


def test_a_champion_that_is_worse_on_fresh_rows_is_rolled_back_and_a_good_one_passes(
    with_models, tmp_path, monkeypatch
):
    said = tmp_path / "said"
    sections = {
        "promote": {"probation": {"rows": 120}},
        "project": {"hooks": [{"command": ["sh", "-c", f'echo "$DRIFTD_VERSION $DRIFTD_CAUSE" >> {said}']}]},
    }
    kinds = with_models(1, sections | {"retrain": {"rows": "regime"}})
    repository = kinds.repository
    first, reference = kinds.served(), new_regime(kinds)
    kinds.arrive(1, "cd")
    assert kinds.answer((1, 1), 1).state is RunState.PROMOTED  # it knows nothing but c and d
    [on] = tables.probations.all(kinds.journal)
    assert (on.state, on.first_window, on.rows) == (ProbationState.ON, 2, 120)
    before = look(kinds)
    assert before.cause == "drift"
    kinds.arrive(2, "ab", each=60)
    assert views.project(kinds.journal, "kinds").probation.before == "v1.0.0"

    end = kinds.runner._end

    def killed(run, name, result):
        if name == "point":
            raise Stopped
        end(run, name, result)

    monkeypatch.setattr(kinds.runner, "_end", killed)
    assert look(kinds).state is RunState.RUNNING
    monkeypatch.undo()
    run = look(kinds)
    assert (run.cause, run.state) == ("probation", RunState.ROLLED_BACK), run.error
    assert run.decision["sentence"].startswith(
        "v1.0.0 is in production again: v2.0.0 failed its probation; its accuracy is 0.000 on "
    )
    assert kinds.served() == first
    assert tables.projects.get(kinds.journal, "kinds").reference_id == reference
    tags = tool(repository, "git", "for-each-ref", "--format=%(refname:lstrip=2) %(*objectname)", "refs/tags").split()
    assert tags[tags.index("kinds#prod#3") + 1] == tags[tags.index("kinds@v1.0.0") + 1]
    call_hooks(kinds)
    assert said.read_text().splitlines()[-1] == "v1.0.0 rollback"
    assert [each.state for each in tables.probations.all(kinds.journal)] == [ProbationState.ROLLED_BACK]
    assert "stages.py train" not in kinds.log(run.id)

    kinds = Retraining(repository, kinds.state_dir, sections, clock=kinds.clock)
    kinds.arrive(3, "cd")
    assert kinds.answer((1, 3), 3).state is RunState.PROMOTED
    kinds.arrive(4, "bd", each=20)
    assert look(kinds).decision["sentence"].startswith("v3.0.0 stays, on probation")
    assert views.project(kinds.journal, "kinds").probation.labelled == 40
    third = kinds.served()
    kinds.arrive(5, "ad", each=60)
    run = look(kinds)
    assert run.state is RunState.KEPT, run.error
    assert run.decision["sentence"].startswith("v3.0.0 has passed its probation")
    assert run.decision["interval"]["confidence"] == pytest.approx(0.9924, abs=1e-4)  # its second look
    assert (kinds.served(), look(kinds).id) == (third, run.id)
    assert views.project(kinds.journal, "kinds").probation is None


def test_a_person_who_rolls_back_does_not_wait_for_a_look(with_models):
    kinds = with_models(2)
    kinds.arrive(2, "cd", each=150)
    dispatch = Dispatcher(kinds.name, kinds.settings, kinds.journal, kinds.runner, lambda: None)
    dispatch.step()
    assert dispatch.busy
    dispatch.call_off("called off")
    run = tables.runs.first(kinds.journal, "1", order="id DESC")
    assert (run.cause, run.state, run.error, dispatch.busy) == ("probation", RunState.KEPT, "called off", False)
    kinds.runner.roll_back(None)
    assert [each.state for each in tables.probations.all(kinds.journal)] == [ProbationState.SUPERSEDED]
    probation.looked(kinds.journal, run.plan, {"verdict": "keep", "sentence": "too late"})
    assert [each.state for each in tables.probations.all(kinds.journal)] == [ProbationState.SUPERSEDED]
    dispatch.step()
    assert not dispatch.busy


def test_while_the_run_of_an_incident_is_open_no_look_begins_and_nothing_else_does(with_models):
    kinds = with_models(2, {"retrain": {"cooldown": 0}})
    kinds.clock.now += 1000  # behind what the project was copied from
    kinds.arrive(2, "cd", each=150)  # a look is due
    dispatch = Dispatcher(kinds.name, kinds.settings, kinds.journal, kinds.runner, lambda: None)
    dispatch.stop(0)  # it begins runs and executes none, as if the run's thread had ended at once
    answers = Answers(kinds.name, kinds.journal, kinds.runner, None, dispatch)
    assert ask(kinds, answers, "ada") == ask(kinds, answers, "ada") == "incident 1: the run has started"
    dispatch.step()
    runs = tables.runs.all(kinds.journal, "ended_at IS NULL")
    assert [(run.cause, run.incident_id) for run in runs] == [("person", 1)]


def test_who_asks_for_a_run_while_a_look_is_open_is_told_what_it_waits_for(with_models):
    kinds = with_models(2)
    kinds.arrive(2, "cd", each=150)
    dispatch = Dispatcher(kinds.name, kinds.settings, kinds.journal, kinds.runner, lambda: None)
    dispatch.stop(0)
    dispatch.step()
    [look] = tables.runs.all(kinds.journal, "ended_at IS NULL")
    assert look.cause == "probation"
    answers = Answers(kinds.name, kinds.journal, kinds.runner, None, dispatch)
    assert ask(kinds, answers, "ada") == f"incident 1: waits for the end of run {look.id}"
    assert [run.id for run in tables.runs.all(kinds.journal, "ended_at IS NULL")] == [look.id]


def ask(kinds, answers, by):
    """Ask for a run, as `driftd trigger` does, and return the answer."""
    with kinds.journal.write():
        request = tables.requests.add(
            kinds.journal,
            project=kinds.name,
            kind="trigger",
            arguments={"by": by},
            state=RequestState.WAITING,
            created_at=kinds.clock(),
        )
    answers.step()
    return tables.requests.get(kinds.journal, request).answer["message"]
