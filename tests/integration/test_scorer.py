"""The champion scored on rows as they come, on a real repository: what comes of it, what a crash and a broken scorer leave."""

import shutil
import threading
from pathlib import Path

import pytest

from driftd.config.settings import Scorer
from driftd.detect.settings import COLLECTING, DriftSettings
from driftd.journal import tables
from driftd.observe import views
from driftd.observe.views.champion_losses import LossesView
from driftd.projects.champion_scoring import Scorings
from support.project import copy_project, tool
from support.retraining import Retraining

pytestmark = pytest.mark.slow

COMMAND = ["python", "score.py", "{rows}", "{results}"]
SCORE = """
import csv, json, pathlib, sys
best = json.loads(pathlib.Path("model/map.json").read_text())
with open(sys.argv[1], newline="") as rows, open(sys.argv[2], "w") as out:
    for row in csv.DictReader(rows):
        out.write(json.dumps({"row": row["n"], "value": float(best.get(row["kind"]) == row["label"])}) + "\\n")
"""
QUIET = 3  # windows before the labels turn round


@pytest.fixture(scope="module")
def with_scorer(template, tmp_path_factory) -> Path:
    """The project with a scorer and its first model."""
    folder = tmp_path_factory.mktemp("scorer")
    repository = copy_project(template, folder / "repository")
    (repository / "score.py").write_text(SCORE)
    tool(repository, "git", "add", "score.py")
    tool(repository, "git", "commit", "-q", "-m", "A scorer")
    kinds = Retraining(repository, folder / "state")
    kinds.first()
    kinds.journal.close()
    return folder


def project(made, tmp_path, **scorer) -> Retraining:
    drift = {"scorer": scorer, "ignore": ["label"]}
    return Retraining.copy(made, tmp_path, {"project": {"drift": drift, "window": {"rows": 60}}})


def arrive(kinds, number, *, turned=False, labelled=True):
    """Let a window of two kinds arrive; with `turned` labels the two are mixed up."""
    kinds.arrive(number, "ab", each=30)
    path = kinds.state_dir / "processed" / f"{number}.csv"
    lines = path.read_text().splitlines()
    rows = [line.split(",") for line in lines[1:]]
    other = {"A": "B", "B": "A"} if turned else {}
    rows = [[n, kind, other.get(label, label) if labelled else ""] for n, kind, label in rows]
    path.write_text("\n".join([lines[0], *map(",".join, rows)]) + "\n")


def scored(kinds) -> Scorings:
    """Score and weigh all that can be."""
    woken = threading.Event()
    scorings = Scorings(kinds.name, kinds.settings, kinds.journal, kinds.runner, woken.set)
    woken.set()
    while woken.is_set():
        woken.clear()
        scorings.step()
        assert scorings.wait(60)
    return scorings


def weigh(kinds) -> None:
    """Weigh what was scored, and score nothing."""
    scorings = Scorings(kinds.name, kinds.settings, kinds.journal, kinds.runner, lambda: None)
    while scoring := scorings._to_weigh():
        scorings._weigh(scoring)


def incidents(kinds):
    return [(each.kind, each.window, each.onset_window) for each in tables.incidents.all(kinds.journal)]


def test_labels_that_turn_round_are_an_incident_while_the_rows_stay(with_scorer, tmp_path):
    kinds = project(with_scorer, tmp_path, stages=["preprocess", "evaluate"])
    for number in range(1, QUIET + 1):
        arrive(kinds, number)
    arrive(kinds, QUIET + 1, labelled=False)
    for number in (QUIET + 2, QUIET + 3):
        arrive(kinds, number, turned=True)
    scored(kinds)
    assert incidents(kinds) == [("score", QUIET + 2, QUIET + 2)]
    found = tables.scorings.all(kinds.journal)
    assert [each.window for each in found] == [0, *range(1, QUIET + 1), QUIET + 2, QUIET + 3]  # one has no labels
    assert [each.loss for each in found] == [0.0] * (QUIET + 1) + [1.0, 1.0]
    assert all(10 < each.rows < 40 for each in found[1:])  # of 60 the stages test some
    champion = views.project(kinds.journal, "kinds")
    assert (champion.loss.window, champion.loss.loss, champion.loss.before, champion.loss.level) == (
        QUIET + 3,
        1.0,
        None,
        None,
    )
    assert champion.loss.reason == COLLECTING
    rows = [each.rows for each in found[1:]]
    assert champion.champion.losses == LossesView(
        windows=QUIET + 2, rows=sum(rows), loss=pytest.approx(sum(rows[-2:]) / sum(rows))
    )
    assert tables.incidents.get(kinds.journal, 1).summary.startswith("the model's loss rose from 0.000 to 1.000 on")
    assert tables.projects.get(kinds.journal, "kinds").detail["collecting"] == {"from": QUIET + 2}

    path = kinds.state_dir / "processed" / f"{QUIET + 1}.csv"
    path.write_text(path.read_text().replace(",a,", ",a,A").replace(",b,", ",b,B"))  # the labels have come
    with kinds.journal.write():
        tables.windows.set(kinds.journal, "number = ?", QUIET + 1, labelled=None)
    scored(kinds)
    assert tables.scorings.all(kinds.journal)[-1].window == QUIET + 1


def test_a_scorer_that_fails_or_is_stopped_harms_nothing_and_a_new_champion_begins_anew(with_scorer, tmp_path):
    kinds = project(
        with_scorer, tmp_path, command=["python", "-c", "import sys; sys.exit('no such model')", "{rows} {results}"]
    )
    for number in (1, 2):
        arrive(kinds, number)
    scored(kinds)
    [failed] = [each for each in tables.events.all(kinds.journal) if each.kind == "scoring-failed"]
    assert failed.data["window"] == 1  # and not again for the second
    assert "drift.scorer ended with 1: no such model" in failed.data["error"]
    assert "no such model" in (kinds.layout.root / "runs" / "scorer" / "log").read_text()

    arrive(kinds, 3)
    use(kinds, "sh", "-c", 'echo \'{"row": "x", "value": 1.0}\' > "$1"', "sh", "{results}", "{rows}")
    scored(kinds)
    assert "drift.scorer wrote 1 results for 60 rows" in tables.scorings.all(kinds.journal)[-1].error

    arrive(kinds, 4)
    use(kinds, "sh", "-c", "sleep 60", "{rows} {results}")
    scorings = Scorings(kinds.name, kinds.settings, kinds.journal, kinds.runner, lambda: None)
    while scorings.idle:
        scorings.step()
    assert not scorings.wait(0.5)
    assert scorings.stop(30)
    assert tables.scorings.count(kinds.journal, "window = 4") == 0
    shutil.rmtree(kinds.layout.worktrees)  # as a full disk leaves it

    use(kinds, *COMMAND)
    scored(kinds)
    kinds.arrive(5, "cd", each=30)
    assert kinds.answer((1, 5), 5).state == "promoted"
    kinds.arrive(6, "cd", each=30)
    scored(kinds)
    found = [
        (each.assignment_id, each.window, each.loss, each.rows)
        for each in tables.scorings.all(kinds.journal, "error IS NULL")
    ]
    assert found == [(1, 0, 0.0, found[0][3]), (1, 4, 0.0, 60), (2, 0, 0.0, found[2][3]), (2, 6, 0.0, 60)]
    assert not incidents(kinds)

    kinds.arrive(7, "cd", each=30)
    use(kinds, "sh", "-c", 'yes \'{"row": "x", "value": 0.4}\' | head -60 > "$1"', "sh", "{results}", "{rows}")
    scored(kinds)
    [incident] = tables.incidents.all(kinds.journal)
    assert incident.summary == "the model's loss rose from 0.000 to 0.600 on 60 labelled rows"


def test_a_model_that_a_run_made_may_be_held_against_its_first_two_windows(with_scorer, tmp_path):
    kinds = project(with_scorer, tmp_path, command=COMMAND, against="later")
    kinds.arrive(1, "cd", each=30)
    assert kinds.answer((1, 1), 1).state == "promoted"
    for number, value in ((2, 0.5), (3, 0.5), (4, 0.5), (5, 0.0)):
        kinds.arrive(number, "cd", each=30)
        said = f'yes \'{{"row": "x", "value": {value}}}\' | head -60 > "$1"'
        use(kinds, "sh", "-c", said, "sh", "{results}", "{rows}", against="later")
        scored(kinds)
    found = tables.scorings.all(kinds.journal, "assignment_id = 2")
    assert [(each.window, each.loss, each.reference is not None) for each in found] == [
        (0, 0.0, False),
        (2, 0.5, False),
        (3, 0.5, True),
        (4, 0.5, False),
        (5, 1.0, False),
    ]
    [incident] = tables.incidents.all(kinds.journal)
    assert (incident.kind, incident.window) == ("score", 5)
    assert incident.summary == "the model's loss rose from 0.500 to 1.000 on 60 labelled rows"


@pytest.mark.parametrize("cause", ["recall", "rollback"])
def test_so_may_one_that_is_in_production_again(with_scorer, tmp_path, cause):
    kinds = project(with_scorer, tmp_path, command=COMMAND, against="later")
    kinds.arrive(1, "cd", each=30)
    assert kinds.answer((1, 1), 1).state == "promoted"
    with kinds.journal.write():
        for number, model in ((3, 1), (4, 2)):
            tables.assignments.add(
                kinds.journal, project="kinds", number=number, model_id=model, cause=cause, assigned_at=kinds.clock()
            )
    kinds.arrive(2, "dc", each=30)
    use(
        kinds,
        "sh",
        "-c",
        'yes \'{"row": "x", "value": 0.5}\' | head -60 > "$1"',
        "sh",
        "{results}",
        "{rows}",
        against="later",
    )
    scored(kinds)
    newest = tables.assignments.first(kinds.journal, order="number DESC")
    found = tables.scorings.all(kinds.journal, "assignment_id = ?", newest.id)
    assert [(each.window, each.reference is not None) for each in found] == [(0, False), (2, False)]
    assert not incidents(kinds)


def test_one_in_production_again_is_held_against_what_it_was_accepted_with_not_its_last_scoring(with_scorer, tmp_path):
    """Its worktree is still prepared, and the stages have written the last window's results over its own."""
    kinds = project(with_scorer, tmp_path, stages=["preprocess", "evaluate"])
    arrive(kinds, 1, turned=True)
    scored(kinds)
    with kinds.journal.write():
        again = tables.assignments.add(
            kinds.journal, project="kinds", number=2, model_id=1, cause="rollback", assigned_at=kinds.clock()
        )
    scored(kinds)
    first, window, second = tables.scorings.all(kinds.journal)
    assert (window.window, window.loss) == (1, 1.0)
    assert (second.assignment_id, second.window) == (again, 0)
    assert (second.losses, second.loss) == (first.losses, 0.0)


def test_the_first_model_is_held_against_what_it_was_accepted_with_all_the_same(with_scorer, tmp_path):
    kinds = project(with_scorer, tmp_path, command=COMMAND, against="later")
    arrive(kinds, 1, turned=True)
    scored(kinds)
    assert incidents(kinds) == [("score", 1, 1)]


def test_a_full_disk_costs_no_scoring_and_not_the_scorer_s_worktree(with_scorer, tmp_path):
    kinds = project(with_scorer, tmp_path, command=COMMAND)
    arrive(kinds, 1)
    scored(kinds)
    enough = kinds.settings
    full = enough.retrain.model_copy(update={"free_disk": 1e18})
    kinds.settings = kinds.runner.settings = enough.model_copy(update={"retrain": full})
    arrive(kinds, 2)
    scored(kinds)
    run = kinds.answer((1, 2), 1)
    assert run.state == "failed"
    assert "are free at" in run.error
    assert [tree.name for tree in kinds.layout.worktrees.iterdir()] == ["scorer"]
    assert tables.scorings.count(kinds.journal, "window = 2") == 0
    assert "scoring-failed" not in {each.kind for each in tables.events.all(kinds.journal)}
    kinds.settings = kinds.runner.settings = enough
    scored(kinds)
    assert [(each.window, each.loss) for each in tables.scorings.all(kinds.journal)] == [(0, 0.0), (1, 0.0), (2, 0.0)]


def score(kinds, window, share):
    """Write what a scorer says of a window: the share of its rows that the model has wrong."""
    losses = [float(row * share % 1 < share) for row in range(60)]
    with kinds.journal.write():
        tables.scorings.add(
            kinds.journal,
            project=kinds.name,
            assignment_id=1,
            window=window,
            rows=60,
            losses=losses,
            error=None,
            loss=sum(losses) / 60,
            scored_at=kinds.clock(),
        )


def test_a_rise_is_seen_in_the_order_of_its_windows_where_the_labels_of_the_older_come_later(with_models):
    kinds = with_models(1, {"project": {"drift": {"scorer": {"command": COMMAND}}, "window": {"rows": 60}}})
    for number in range(1, 6):
        kinds.arrive(number, "ab", each=30)
    for window, share in ((0, 0.2), (1, 0.2), (2, 0.2), (3, 0.2), (5, 0.5), (4, 0.5)):
        assert not incidents(kinds)  # also window 5 alone is too little
        score(kinds, window, share)
        weigh(kinds)
    assert incidents(kinds) == [("score", 5, 4)]
    assert tables.projects.get(kinds.journal, "kinds").detail["collecting"] == {"from": 4}


def test_windows_of_few_test_rows_are_collected_until_there_are_enough(with_models):
    """After a rise there is no reference, and the losses of more windows than are remembered otherwise make the next."""
    kinds = with_models(1, {"project": {"drift": {"scorer": {"command": COMMAND}}, "window": {"rows": 60}}})
    needed, few = DriftSettings.of(kinds.settings).rows_to_watch, 5
    with kinds.journal.write():
        for window in range(1, needed // few + 3):
            tables.scorings.add(
                kinds.journal,
                project=kinds.name,
                assignment_id=1,
                window=window,
                rows=few,
                loss=0.2,
                losses=[0.0, 0.0, 0.0, 0.0, 1.0],
                error=None,
                scored_at=kinds.clock(),
            )
    weigh(kinds)
    armed = [each.window for each in tables.scorings.all(kinds.journal) if each.reference]
    assert armed == [needed // few]
    assert tables.scorings.all(kinds.journal)[-1].verdict["armed"]


def use(kinds, *command, against="accepted"):
    """Change the scorer."""
    drift = kinds.settings.drift.model_copy(update={"scorer": Scorer(command=command, against=against)})
    kinds.settings = kinds.runner.settings = kinds.settings.model_copy(update={"drift": drift})
