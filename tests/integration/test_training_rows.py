"""`retrain.rows`: the dataset of a candidate holds the chosen rows, equal after a crash, and says so."""

import csv

import pytest

from driftd.journal import tables
from driftd.journal.records import RunState
from driftd.retrain.process.launcher import Stopped
from support.project import make_project, share_cache, tool
from support.retraining import Retraining

pytestmark = pytest.mark.slow


def dataset(kinds, version):
    """Return the files of a version's dataset with the kinds of their rows, as a person checks them out."""
    clone = kinds.state_dir.parent / version
    tool(kinds.repository, "git", "worktree", "add", "-q", "--detach", str(clone), f"kinds@{version}")
    share_cache(kinds.repository, clone)
    tool(clone, "dvc", "checkout", "-q", "data.dvc" if (clone / "data.dvc").exists() else "rows.csv.dvc")
    found = {}
    for path in sorted([*clone.glob("data/*"), *clone.glob("rows.csv")]):
        with path.open(newline="") as file:
            found[path.name] = [row["kind"] for row in csv.DictReader(file)]
    return found


def test_a_dataset_of_one_file_holds_the_last_rows_also_after_an_interruption(tmp_path, monkeypatch):
    repository = make_project(tmp_path / "repository", source="rows.csv")
    kinds = Retraining(repository, tmp_path / "state", {"retrain": {"dataset": "rows.csv", "rows": "last 100 rows"}})
    kinds.first()
    kinds.arrive(1, "cd")
    run, end, lost = kinds.start("drift", windows=(1, 1), regime_from=1), kinds.runner._end, []

    def cut_off(run, name, result):
        if name == "snapshot" and not lost:
            lost.append(result)
            raise Stopped
        end(run, name, result)

    monkeypatch.setattr(kinds.runner, "_end", cut_off)
    assert kinds.execute(run).state is RunState.RUNNING
    assert kinds.execute(run).state is RunState.PROMOTED
    assert tables.steps.all(kinds.journal, "run_id = ? AND name = 'snapshot'", run)[0].result == lost[0]
    rows = dataset(kinds, "v2.0.0")["rows.csv"]
    assert {kind: rows.count(kind) for kind in "abcd"} == {"a": 30, "b": 30, "c": 20, "d": 20}


def test_a_candidate_is_made_of_the_chosen_rows_and_a_merge_of_them_adds_nothing_twice(with_models):
    kinds = with_models(1, {"retrain": {"rows": "last 70 rows"}})
    kinds.arrive(1, "cd")
    kinds.arrive(2, "ef")
    assert kinds.answer((1, 2), 2).state is RunState.PROMOTED
    [first, second] = dataset(kinds, "v2.0.0").items()
    batches = [window.batch for window in tables.windows.all(kinds.journal, order="number")]
    assert (first[0][:21], len(first[1])) == (batches[0][:21], 30)
    assert (second[0], len(second[1])) == (batches[1], 40)

    kinds = Retraining(kinds.repository, kinds.state_dir, {"retrain": {"rows": "regime + 50 rows"}}, clock=kinds.clock)
    kinds.arrive(3, "gh")
    run = kinds.answer((3, 3), 3)
    assert run.state is RunState.PROMOTED, run.error
    said = run.decision["made_of"]
    assert (said["rule"], said["new"], said["older"]) == ("regime + 50 rows", 40, 50)
    message = " ".join(tool(kinds.repository, "git", "log", "-1", "--format=%B", "driftd/kinds").split())
    assert "Made of 90 rows, as `rows: regime + 50 rows` has it, 40 of the new regime and 50 older ones." in message
    files = dataset(kinds, "v3.0.0")
    assert {name: len(rows) for name, rows in files.items()} == {file["name"]: file["rows"] for file in said["files"]}
    assert set(run.decision["by_regime"]) == {"older", "new"}

    tool(kinds.repository, "git", "merge", "-q", "driftd/kinds")
    kinds = Retraining(kinds.repository, kinds.state_dir, clock=kinds.clock)
    kinds.arrive(4, "ij")
    run = kinds.answer((4, 4), 4)
    assert run.state is RunState.PROMOTED, run.error
    own = sum(len(rows) for name, rows in files.items() if name.startswith("first-driftd-"))
    assert sum(len(rows) for rows in dataset(kinds, "v4.0.0").values()) == own + 4 * 40
