"""Runs on a real DVC repository, from the first champion to a promotion and back."""

import json
import re
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from driftd.errors import RefusedError
from driftd.journal import tables
from driftd.journal.files import point
from driftd.journal.records import ProjectState, RunState
from driftd.retrain.evaluation.model_diff import diff_models
from driftd.retrain.publication import model_store
from driftd.retrain.steps import approval
from support.project import make_project, share_cache, tool, write_rows
from support.retraining import Retraining, contents

pytestmark = pytest.mark.slow


@pytest.fixture
def kinds(repository, tmp_path) -> Retraining:
    return Retraining(repository, tmp_path / "state")


def head(repository: Path, name: str = "HEAD") -> str:
    return tool(repository, "git", "rev-parse", f"{name}^{{commit}}").strip()


def tags(repository: Path) -> dict[str, str]:
    form = "--format=%(refname:lstrip=2) %(*objectname)"
    return dict(line.split() for line in tool(repository, "git", "for-each-ref", form, "refs/tags").splitlines())


def model_at(repository: Path, name: str, clone: Path) -> dict[str, bytes]:
    """Return the model that a person gets with `git checkout` and `dvc checkout` in a clone with the same cache."""
    tool(repository, "git", "clone", "-q", str(repository), str(clone))
    tool(clone, "git", "checkout", "-q", name)
    share_cache(repository, clone)
    tool(clone, "dvc", "checkout", "-q")
    return contents(clone / "model", (clone / "model").rglob("*"))


def untouched(repository: Path) -> tuple[str, ...]:
    """Return everything that belongs to the person: what is checked out, staged, stashed, and their branches."""
    status = tool(repository, "git", "status", "--porcelain=v2", "--branch", "--untracked-files=all")
    diff = tool(repository, "git", "diff", "HEAD") + tool(repository, "git", "diff", "--cached")
    stash = tool(repository, "git", "stash", "list", "--format=%H")
    branches = tool(repository, "git", "for-each-ref", "--format=%(refname) %(objectname)", "refs/heads")
    mine = "\n".join(line for line in branches.splitlines() if "driftd/" not in line)
    return status, diff, stash, mine, (repository / ".dvc" / "config").read_text()


def test_the_first_champion_is_what_the_base_has_made(kinds, repository, tmp_path):
    run = kinds.first()
    assert run.state is RunState.PROMOTED, run.error
    assert tags(repository) == {"kinds@v1.0.0": head(repository), "kinds#prod#1": head(repository)}
    assert "driftd" not in tool(repository, "git", "branch", "--list")
    assert kinds.served() == contents(repository / "model", (repository / "model").rglob("*"))
    assert model_at(repository, "kinds@v1.0.0", tmp_path / "clone") == kinds.served()
    project = tables.projects.get(kinds.journal, "kinds")
    reference = tables.references.get(kinds.journal, project.reference_id)
    assert (project.state, project.detail["base"]) == (ProjectState.ACTIVE, "main")
    assert [column["name"] for column in project.columns] == ["n", "kind", "label"]
    assert (reference.rows, reference.made_of) == (120, {"dataset": head(repository)})
    assert (kinds.layout.references / reference.profile).is_file()
    model = tables.models.all(kinds.journal)[0]
    assert model.scores["scores.json:accuracy"] == 1.0
    assert model.reference_id == reference.id


def test_the_first_champion_is_the_newest_version_if_there_is_one(kinds, repository):
    before = head(repository)
    tool(repository, "git", "tag", "-a", "kinds@v3.1.0", "-m", "by hand")
    (repository / "stages.py").write_text("raise SystemExit('broken')")
    tool(repository, "git", "commit", "-q", "-a", "-m", "Breaks the stages")
    run = kinds.first()
    assert run.state is RunState.PROMOTED, run.error
    assert tags(repository) == {"kinds@v3.1.0": before, "kinds#prod#1": before}
    assert kinds.layout.current.readlink() == Path("v3.1.0")
    assert tables.models.all(kinds.journal)[0].revision == before


def test_the_first_champion_is_made_where_there_is_none(tmp_path):
    repository = make_project(tmp_path / "repository", reproduce=False)
    kinds = Retraining(repository, tmp_path / "state")
    run = kinds.first()
    assert run.state is RunState.PROMOTED, run.error
    made = head(repository, "driftd/kinds")
    assert tags(repository) == {"kinds@v1.0.0": made, "kinds#prod#1": made}
    assert head(repository, "driftd/kinds~1") == head(repository)
    assert not (repository / "model").exists()
    assert model_at(repository, "kinds@v1.0.0", tmp_path / "clone") == kinds.served()


def test_a_better_candidate_goes_into_production(with_models, tmp_path):
    kinds = with_models(1)
    repository = kinds.repository
    before = kinds.served()
    kinds.arrive(1, "ab")
    kinds.arrive(2, "abcd")
    kinds.arrive(3, "cd")
    run = kinds.answer((1, 3), regime_from=2)
    assert run.state is RunState.PROMOTED, run.error
    decision = run.decision
    assert (decision["champion"] < 0.8, decision["candidate"]) == (True, 1.0)
    assert decision["by_regime"]["older"]["champion"] == 1.0
    assert decision["by_regime"]["new"]["champion"] < 0.5
    assert decision["by_regime"]["new"]["candidate"] == 1.0
    tip = head(repository, "driftd/kinds")
    assert tags(repository)["kinds@v2.0.0"] == tags(repository)["kinds#prod#2"] == tip
    assert tool(repository, "git", "log", "-1", "--format=%P", tip).split() == [head(repository)]
    assert kinds.served() != before
    assert model_at(repository, "kinds@v2.0.0", tmp_path / "clone") == kinds.served()
    batches = [window.batch for window in tables.windows.all(kinds.journal, order="number")]
    assert batches[0].startswith("driftd-000001-000001-")
    assert batches[1] == batches[2] != batches[0]
    data = sorted(path.name for path in (tmp_path / "clone" / "data").iterdir())
    assert data == sorted({*batches, "first.csv"})
    assert model_store.digest(kinds.layout.models / "v2.0.0") == tables.models.all(kinds.journal)[-1].digest
    show = tool(repository, "gto", "show")
    assert "v2.0.0" in show


def test_a_person_who_works_in_the_repository_is_left_alone(kinds, repository):
    tool(repository, "git", "switch", "-q", "-c", "feature")
    ignored = (repository / ".dvcignore").read_text()
    (repository / ".dvcignore").write_text(f"{ignored}# stashed\n")
    tool(repository, "git", "stash")
    (repository / ".dvcignore").write_text(f"{ignored}# mine\n")
    (repository / "staged.txt").write_text("staged")
    (repository / "untracked.txt").write_text("untracked")
    tool(repository, "git", "add", "staged.txt")
    hook = repository / ".git" / "hooks" / "post-checkout"
    hook.write_text(f"#!/bin/sh\ntouch {repository}/hooked\n")
    hook.chmod(0o755)
    for key in ("commit.gpgSign", "tag.gpgSign"):
        tool(repository, "git", "config", key, "true")
    before = untouched(repository)
    kinds = Retraining(repository, kinds.state_dir, {"retrain": {"base": "main"}})
    person = threading.Thread(target=tool, args=(repository, "dvc", "repro", "--force", "--no-commit"))
    person.start()
    kinds.first()
    kinds.arrive(1, "cd")
    run = kinds.answer((1, 1), 1)
    person.join()
    assert run.state is RunState.PROMOTED, run.error
    assert untouched(repository) == before
    assert "# mine" not in tool(repository, "git", "show", "driftd/kinds:.dvcignore")
    assert not (repository / "hooked").exists()


@pytest.fixture(scope="module")
def kept_once(one_model, tmp_path_factory) -> Path:
    """A project whose first candidate has brought nothing."""
    folder = tmp_path_factory.mktemp("kept-once")
    kinds = Retraining.copy(one_model, folder)
    kinds.arrive(1, "ab")
    kinds.answer((1, 1), 1)
    kinds.journal.close()
    return folder


@pytest.fixture
def kept(kept_once, tmp_path) -> Retraining:
    return Retraining.copy(kept_once, tmp_path)


def test_the_champion_stays_where_nothing_was_gained(kept):
    kinds, repository = kept, kept.repository
    run = tables.runs.all(kinds.journal, order="id")[-1]
    assert run.state is RunState.KEPT
    assert run.decision["sentence"].startswith("The champion stays")
    assert set(tags(repository)) == {"kinds@v1.0.0", "kinds#prod#1"}
    assert tables.windows.all(kinds.journal)[0].batch is None
    assert kinds.layout.current.readlink() == Path("v1.0.0")


def test_rows_of_a_kept_run_come_again_with_the_next(kept):
    kinds = kept
    kinds.arrive(2, "cd")
    run = kinds.answer((1, 2), 2)
    assert run.state is RunState.PROMOTED, run.error
    assert all(window.batch for window in tables.windows.all(kinds.journal))


def test_a_run_waits_for_approval_where_it_is_asked_for(with_models):
    kinds = with_models(1, {"promote": {"approval": "manual"}})
    repository = kinds.repository
    kinds.arrive(1, "cd")
    run = kinds.answer((1, 1), 1)
    assert (run.state, run.ended_at) == (RunState.WAITING, None)
    assert kinds.layout.current.readlink() == Path("v1.0.0")
    assert kinds.execute(run.id).state is RunState.WAITING
    with kinds.journal.write():
        approval.approve(kinds.journal, run.id, "ada")
    run = kinds.execute(run.id)
    assert run.state is RunState.PROMOTED, run.error
    assert run.decision["approval"]["by"] == "ada"
    assert "Approved by ada." in tool(repository, "git", "log", "-1", "--format=%B", "driftd/kinds")


def test_a_split_of_the_project_s_own_waits_for_a_person_who_may_reject(with_models):
    kinds = with_models(1, {"promote": {"split": "project"}})
    repository = kinds.repository
    kinds.arrive(1, "cd")
    run = kinds.answer((1, 1), 1)
    assert run.state is RunState.WAITING
    with kinds.journal.write():
        approval.reject(kinds.journal, run.id, "ada")
    run = tables.runs.get(kinds.journal, run.id)
    assert run.state is RunState.KEPT
    assert run.ended_at is not None
    assert set(tags(repository)) == {"kinds@v1.0.0", "kinds#prod#1"}


def test_improved_code_is_used_and_a_merged_batch_is_not_added_again(with_models, tmp_path):
    kinds = with_models(2)
    repository = kinds.repository
    tool(repository, "git", "merge", "-q", "driftd/kinds")
    stages = (repository / "stages.py").read_text().replace("json.dumps(best)", 'json.dumps(best | {"better": "yes"})')
    (repository / "stages.py").write_text(stages)
    tool(repository, "dvc", "checkout", "-q")
    write_rows(repository / "data" / "by-hand.csv", "e", start=70_000)
    tool(repository, "dvc", "add", "-q", "data/by-hand.csv")
    tool(repository, "git", "commit", "-q", "-a", "-m", "Better stages, more data")
    kinds.arrive(2, "fg")
    run = kinds.answer((2, 2), 2)
    assert run.state is RunState.PROMOTED, run.error
    model = model_at(repository, "kinds@v3.0.0", tmp_path / "clone")
    assert b'"better": "yes"' in model["map.json"]
    assert len(list((tmp_path / "clone" / "data").iterdir())) == 4
    assert tool(repository, "git", "log", "-1", "--format=%P", "driftd/kinds").split() == [
        tags(repository)["kinds@v2.0.0"],
        head(repository),
    ]


def test_batches_that_the_base_lacks_stay_in_the_next_candidate(with_models, tmp_path):
    kinds = with_models(2)
    repository = kinds.repository
    kinds.arrive(2, "ef")
    run = kinds.answer((2, 2), 2)
    assert run.state is RunState.PROMOTED, run.error
    model_at(repository, "kinds@v3.0.0", tmp_path / "clone")
    assert len(list((tmp_path / "clone" / "data").iterdir())) == 3
    assert run.decision["champion"] > 0.5  # it was scored as it is, with c and d


def test_a_rollback_serves_the_older_bytes_again_and_back(with_models):
    kinds = with_models(1)
    repository = kinds.repository
    first = kinds.served()
    kinds.arrive(1, "cd")
    kinds.answer((1, 1), 1)
    second = kinds.served()
    assignment = kinds.runner.roll_back(None)
    assert (assignment.number, assignment.cause) == (3, "rollback")
    assert kinds.served() == first
    assert tags(repository)["kinds#prod#3"] == tags(repository)["kinds@v1.0.0"]
    assert tables.projects.get(kinds.journal, "kinds").reference_id == tables.models.all(kinds.journal)[0].reference_id
    kinds.runner.roll_back("v2.0.0")
    assert kinds.served() == second
    assert tags(repository)["kinds#prod#4"] == tags(repository)["kinds@v2.0.0"]
    show = tool(repository, "gto", "show")
    assert show.count("v2.0.0") == 2


def test_a_copy_that_was_cleaned_away_is_made_again_from_dvc(with_models):
    kinds = with_models(2, {"promote": {"keep_models": 1}})
    first = contents(kinds.layout.models / "v1.0.0", (kinds.layout.models / "v1.0.0").rglob("*"))
    kinds.arrive(2, "ef")
    assert kinds.answer((2, 2), 2).state is RunState.PROMOTED
    assert sorted(path.name for path in kinds.layout.models.iterdir()) == ["current", "v2.0.0", "v3.0.0"]
    kinds.runner.roll_back("kinds@v1.0.0")
    assert kinds.served() == first


def test_after_a_rollback_the_branch_still_only_moves_forward(with_models):
    kinds = with_models(2)
    repository = kinds.repository
    kinds.runner.roll_back(None)
    kinds.arrive(2, "ef")
    run = kinds.answer((2, 2), 2)
    assert run.state is RunState.PROMOTED, run.error
    parents = tool(repository, "git", "log", "-1", "--format=%P", "driftd/kinds").split()
    assert parents == [head(repository), tags(repository)["kinds@v2.0.0"]]
    assert set(tags(repository)) >= {"kinds@v3.0.0", "kinds#prod#4"}


@pytest.mark.parametrize(
    ("version", "said"),
    [(None, "none before it"), ("v9.0.0", "has no version v9"), ("v1.0.0", "in production already")],
)
def test_a_rollback_that_makes_no_sense_is_refused(with_models, version, said):
    kinds = with_models(1)
    with pytest.raises(RefusedError, match=said):
        kinds.runner.roll_back(version)


def test_a_rollback_while_a_run_compares_ends_that_run(with_models):
    kinds = with_models(2)
    repository = kinds.repository
    kinds.arrive(2, "ef")
    waiting = Retraining(repository, kinds.state_dir, {"promote": {"approval": "manual"}}, clock=kinds.clock)
    run = waiting.answer((2, 2), 2)
    waiting.runner.roll_back("v1.0.0")
    with waiting.journal.write():
        approval.approve(waiting.journal, run.id, "ada")
    run = waiting.execute(run.id)
    assert run.state is RunState.FAILED
    assert "compared with v2.0.0, but v1.0.0 is in production now" in run.error
    assert "kinds@v3.0.0" not in tags(repository)


def test_the_state_folder_may_be_lost(with_models, tmp_path):
    kinds = with_models(2)
    repository = kinds.repository
    before = kinds.served()
    kinds.journal.close()
    shutil.rmtree(kinds.state_dir)
    again = Retraining(repository, tmp_path / "state")
    run = again.first()
    assert run.state is RunState.PROMOTED, run.error
    assert again.served() == before
    assert set(tags(repository)) == {"kinds@v1.0.0", "kinds@v2.0.0", "kinds#prod#1", "kinds#prod#2"}


def test_a_lost_state_takes_over_what_tags_say_is_in_production_and_not_what_was_rolled_back(with_models):
    kinds = with_models(2)
    kinds.runner.roll_back(None)
    served = kinds.served()
    kinds.journal.close()
    again = Retraining(kinds.repository, kinds.state_dir.with_name("other"))
    run = again.first()
    assert run.state is RunState.PROMOTED, run.error
    [model] = tables.models.all(again.journal)
    [assignment] = tables.assignments.all(again.journal)
    assert (model.version, assignment.number, again.served()) == ("v1.0.0", 3, served)


def test_two_models_are_compared_by_scores_params_data_and_code(kinds, repository):
    (repository / "params.yaml").write_text("train:\n  unused: 1\n")
    stages = (repository / "dvc.yaml").read_text()
    (repository / "dvc.yaml").write_text(stages.replace("outs: [model]", "params: [train.unused]\n    outs: [model]"))
    tool(repository, "dvc", "repro", "-q")
    tool(repository, "git", "add", "-A")
    tool(repository, "git", "commit", "-q", "-m", "A parameter")
    kinds.first()
    (repository / "params.yaml").write_text("train:\n  unused: 2\n")
    (repository / "notes.txt").write_bytes("Café\n".encode("latin-1"))
    tool(repository, "git", "add", "notes.txt")
    tool(repository, "git", "commit", "-q", "-a", "-m", "Another value")
    kinds.arrive(1, "cd")
    run = kinds.answer((1, 1), 1)
    assert run.state is RunState.PROMOTED, run.error
    found = diff_models(kinds.settings, kinds.journal, kinds.layout, "v1.0.0", "kinds@v2.0.0")
    assert json.loads(json.dumps(found)) == found
    assert found["params"] == {"params.yaml:train.unused": [1, 2]}
    assert found["scores"]["scores.json:C.recall"] == [None, 1.0]
    assert found["data"]["files"] == [1, 2]
    assert found["data"]["batches"] == [tables.windows.all(kinds.journal)[0].batch]
    files = {each["path"]: (each["added"], each["removed"]) for each in found["code"]["files"]}
    assert files["params.yaml"] == (1, 1)
    assert not {"dvc.lock", "data.dvc", "scores.json"} & set(files)
    assert "+  unused: 2" in found["code"]["patch"]
    assert "+Caf\ufffd" in found["code"]["patch"]
    assert [each["subject"] for each in found["code"]["commits"]] == ["Another value"]


@pytest.mark.parametrize(
    ("change", "guards", "said"),
    [
        ("{kind: 'X' for kind in best}", [], r"accuracy from 0\.\d+ to 0\.000"),  # labels shuffled, or nothing learnt
        (
            "{**best, 'b': 'A'}",
            [{"metric": "scores.json:*.recall", "max_drop": 0.05}],
            r"B\.recall falls from 1\.000 to 0\.000",
        ),
    ],
    ids=["worse", "a guarded label is lost"],
)
def test_a_candidate_that_is_worse_or_loses_a_guarded_label_is_kept_out(with_models, change, guards, said):
    kinds = with_models(1, {"promote": {"guards": guards}})
    repository = kinds.repository
    before = kinds.served()
    code = (repository / "stages.py").read_text()
    (repository / "stages.py").write_text(
        code.replace('    folder = pathlib.Path("model")', f'    best = {change}\n    folder = pathlib.Path("model")')
    )
    tool(repository, "git", "commit", "-q", "-a", "-m", "A mistake in the training")
    kinds.arrive(1, "cdefgh", each=40)
    run = kinds.answer((1, 1), 1)
    assert run.state is RunState.KEPT, run.error
    assert re.search(said, run.decision["sentence"])
    assert (run.decision["gain"] > 0) is bool(guards)
    assert kinds.served() == before


def test_each_candidate_against_the_same_champion_must_be_surer(kept):
    kinds = kept
    kinds.arrive(2, "ab")
    kinds.answer((2, 2), 2)
    kinds.arrive(3, "cd")
    last = kinds.answer((1, 3), 3)
    levels = [run.decision["interval"]["confidence"] for run in tables.runs.all(kinds.journal)[1:]]
    assert [run.decision["earlier"] for run in tables.runs.all(kinds.journal)[1:]] == [0, 1, 2]
    assert levels == pytest.approx([0.9696, 0.9924, 0.9966], abs=1e-4)
    assert last.state is RunState.PROMOTED
    kinds.arrive(4, "ab")
    assert kinds.answer((4, 4), 4).decision["earlier"] == 0  # another champion


def test_a_reader_never_sees_a_gap_or_a_mixture_while_the_pointer_is_swapped(tmp_path):
    models, seen, stop = tmp_path / "models", [], threading.Event()
    for version in ("v1.0.0", "v2.0.0"):
        source = tmp_path / version
        source.mkdir()
        for name in ("weights", "labels"):
            (source / name).write_text(version)
        model_store.make(models, version, source)
    point(models / "current", "v1.0.0")

    def read() -> None:
        while not stop.is_set():
            folder = (models / "current").resolve(strict=True)
            seen.append(tuple((folder / name).read_text() for name in ("weights", "labels")))

    with ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        for swap in range(100):
            before, patience = len(seen), time.monotonic() + 10
            point(models / "current", f"v{2 - swap % 2}.0.0")
            while len(seen) < before + 2 and time.monotonic() < patience:
                time.sleep(0)
        stop.set()
        for reader in readers:
            reader.result()
    assert set(seen) == {("v1.0.0",) * 2, ("v2.0.0",) * 2}
    assert len(seen) >= 200
