"""What is in the way of a run: repositories of other shapes, lost data, broken stages, people."""

import errno
import shutil
import sqlite3
import threading
import time
from pathlib import Path

import pytest

from driftd.errors import RepositoryError
from driftd.journal import tables
from driftd.journal.records import RunState
from driftd.retrain import runner
from driftd.retrain.publication import model_store
from driftd.retrain.repository.environment import environment
from driftd.retrain.repository.worktree import Repository
from driftd.retrain.steps import approval, publication
from support.project import make_project, tool, write_rows
from support.retraining import Retraining

pytestmark = pytest.mark.slow


@pytest.fixture
def kinds(repository, tmp_path) -> Retraining:
    return Retraining(repository, tmp_path / "state")


def commit(repository: Path, message: str = "A change") -> None:
    tool(repository, "git", "add", "-A")
    tool(repository, "git", "commit", "-q", "-m", message)


def test_a_dataset_that_is_one_file_grows_and_merged_rows_come_once(tmp_path):
    repository = make_project(tmp_path / "repository", source="rows.csv")
    sections = {"retrain": {"dataset": "rows.csv"}}
    kinds = Retraining(repository, tmp_path / "state", sections)
    assert kinds.first().state is RunState.PROMOTED
    kinds.arrive(1, "cd")
    assert kinds.answer((1, 1), 1).state is RunState.PROMOTED
    tool(repository, "git", "merge", "-q", "driftd/kinds")
    kinds.arrive(2, "ef")
    run = kinds.answer((2, 2), 2)
    assert run.state is RunState.PROMOTED, run.error
    lines = (kinds.layout.worktrees / "run" / "rows.csv").read_text().splitlines()
    assert len(lines) == 1 + 120 + 40 + 40
    assert len(set(lines)) == len(lines)


def test_a_dvc_project_in_a_sub_folder_of_its_repository(template, tmp_path):
    whole = tmp_path / "whole"
    repository = whole / "teams" / "kinds"
    shutil.copytree(template, repository, ignore=shutil.ignore_patterns(".git"))
    tool(whole, "git", "init", "-q", "-b", "main")
    config = repository / ".dvc" / "config"
    config.write_text(config.read_text() + "[core]\n")
    commit(whole)
    kinds = Retraining(repository, tmp_path / "state")
    first = kinds.first()
    assert first.state is RunState.PROMOTED, first.error
    kinds.arrive(1, "cd")
    run = kinds.answer((1, 1), 1)
    assert run.state is RunState.PROMOTED, run.error
    assert "teams/kinds/dvc.lock" in tool(whole, "git", "show", "--stat=200", "--format=", "driftd/kinds")


@pytest.mark.parametrize(
    ("dataset", "said", "remedy"),
    [
        ("features", "made by the stage preprocess", "retrain.dataset"),
        ("stages.py", "tracked by git, not by DVC", "dvc add stages.py"),
        ("nowhere", "neither by DVC nor by git", "retrain.dataset"),
    ],
)
def test_a_dataset_that_cannot_grow_is_named_with_the_remedy(repository, tmp_path, dataset, said, remedy):
    kinds = Retraining(repository, tmp_path / "state", {"retrain": {"dataset": dataset}})
    run = kinds.first()
    assert run.state is RunState.FAILED
    assert said in run.error
    assert remedy in run.error


def test_a_champion_that_the_cache_has_lost_is_named_with_the_remedy(with_models):
    kinds = with_models(2)
    repository = kinds.repository
    tool(repository, "dvc", "gc", "-q", "-w", "-f")
    kinds.arrive(2, "ef")
    run = kinds.answer((2, 2), 2)
    assert run.state is RunState.FAILED
    assert "model of the champion v2.0.0 is neither in the cache nor on a remote" in run.error
    assert "dvc gc" in run.error
    assert "not everything is there: Checkout failed for following targets" in kinds.log(run.id)


def test_a_remote_gives_back_what_the_cache_has_lost(repository, tmp_path):
    tool(repository, "dvc", "remote", "add", "-q", "-d", "storage", "../storage")
    commit(repository)
    kinds = Retraining(repository, tmp_path / "state")
    tool(repository, "dvc", "push", "-q")
    shutil.rmtree(repository / ".dvc" / "cache")
    run = kinds.first()
    assert run.state is RunState.PROMOTED, run.error
    assert not tool(repository, "git", "branch", "--list", "driftd/*")


def test_a_branch_that_a_person_has_checked_out_is_not_moved(with_models):
    kinds = with_models(2)
    repository = kinds.repository
    tool(repository, "git", "switch", "-q", "driftd/kinds")
    kinds.arrive(2, "ef")
    run = kinds.answer((2, 2), 2)
    assert run.state is RunState.FAILED
    assert f"checked out in {repository}" in run.error
    assert "git switch" in run.error


def test_a_branch_that_a_person_moved_is_not_overwritten(with_models):
    kinds = with_models(2)
    repository = kinds.repository
    tool(repository, "git", "switch", "-q", "driftd/kinds")
    tool(repository, "git", "commit", "-q", "--allow-empty", "-m", "Mine")
    tool(repository, "git", "switch", "-q", "main")
    mine = tool(repository, "git", "rev-parse", "driftd/kinds")
    kinds.arrive(2, "ef")
    run = kinds.answer((2, 2), 2)
    assert run.state is RunState.FAILED
    assert "somebody moved it" in run.error
    assert tool(repository, "git", "rev-parse", "driftd/kinds") == mine
    tool(repository, "git", "branch", "-q", "-D", "driftd/kinds")
    assert kinds.answer((2, 2), 2).state is RunState.PROMOTED


@pytest.mark.parametrize("rows", ["all", "regime"])
def test_a_run_goes_on_without_the_windows_whose_files_are_gone_and_names_them(with_models, rows):
    kinds = with_models(1, {"retrain": {"rows": rows}})
    for number in range(1, 6):
        kinds.arrive(number, "cd")
    processed = kinds.state_dir / "processed"
    for number in (1, 3):
        (processed / f"{number}.csv").rename(processed / f"{number}.away")
    run = kinds.answer((1, 4), 2)
    assert run.state is RunState.PROMOTED, run.error
    assert "without the windows whose files are gone: 1, 3" in kinds.log(run.id)
    windows = tables.windows.all(kinds.journal, order="number")
    assert [window.batch is not None for window in windows] == [False, True, False, True, False]
    assert (windows[1].batch, windows[1].rows) == (windows[3].batch, 40)
    with (kinds.layout.batches / windows[1].batch).open() as batch:
        assert len(batch.readlines()) == 1 + 80
    (processed / "3.away").rename(processed / "3.csv")
    run = kinds.answer((1, 5), 5)
    assert run.state is RunState.KEPT, run.error
    assert "whose files are gone: 1\n" in kinds.log(run.id)
    (processed / "5.csv").unlink()
    kinds.arrive(6, "cd")
    (processed / "6.csv").unlink()
    run = kinds.answer((5, 6), 6)
    assert (run.state, run.error) == (RunState.FAILED, "the files of windows 6 to 6 are gone (put them back)")
    run = kinds.answer((5, 5), 5)
    assert (run.state, run.error) == (RunState.FAILED, "the files of windows 5 to 5 are gone (put them back)")


def test_a_batch_is_cut_without_the_windows_whose_files_are_gone(with_models):
    kinds = with_models(1, {"retrain": {"rows": "last 30d"}})
    for number in (1, 2, 3):
        kinds.clock.now += 10 * 86400
        kinds.arrive(number, "cd")
    assert kinds.answer((1, 3), 1).state is RunState.PROMOTED
    (kinds.state_dir / "processed" / "2.csv").unlink()
    kinds.clock.now += 15 * 86400
    kinds.arrive(4, "cd")
    run = kinds.answer((4, 4), 4)
    assert run.state is RunState.KEPT, run.error
    assert "is cut without the windows whose files are gone: 2\n" in kinds.log(run.id)
    made = {file["name"][:20]: file["rows"] for file in run.decision["made_of"]["files"]}
    assert made == {"first.csv": 120, "driftd-000003-000003": 40, "driftd-000004-000004": 40}
    (kinds.state_dir / "processed" / "3.csv").unlink()
    kinds.arrive(5, "cd")
    run = kinds.answer((4, 5), 4)
    assert run.state is RunState.KEPT, run.error
    assert [file["name"][:20] for file in run.decision["made_of"]["files"]] == ["first.csv", "driftd-000004-000005"]


def test_a_stage_that_fails_ends_the_run_with_its_words_in_the_log(with_models):
    kinds = with_models(1)
    repository = kinds.repository
    (repository / "stages.py").write_text("raise SystemExit('no such luck')")
    commit(repository)
    kinds.arrive(1, "cd")
    run = kinds.answer((1, 1), 1)
    assert run.state is RunState.FAILED
    assert "`dvc repro` ended with" in run.error
    assert "no such luck" in kinds.log(run.id)
    assert kinds.layout.current.readlink() == Path("v1.0.0")


def test_a_champion_that_cannot_be_scored_says_so(kinds, repository):
    (repository / "stages.py").write_text(
        (repository / "stages.py").read_text().replace("best.get(kind)", 'best[kind if kind != "c" else None]')
    )
    tool(repository, "dvc", "repro", "-q")
    commit(repository)
    kinds.first()
    (repository / "stages.py").write_text(
        (repository / "stages.py").read_text().replace('best[kind if kind != "c" else None]', "best.get(kind)")
    )
    commit(repository)
    kinds.arrive(1, "cd")
    run = kinds.answer((1, 1), 1)
    assert run.state is RunState.FAILED
    assert "the champion v1.0.0 could not be scored on the run's test rows" in run.error


def test_score_stages_must_not_train(with_models):
    stages = {"promote": {"score_stages": ["preprocess", "train", "evaluate"]}}
    kinds = with_models(1, stages)
    kinds.arrive(1, "cd")
    run = kinds.answer((1, 1), 1)
    assert run.state is RunState.FAILED
    assert "made another model" in run.error


SLEEPING = """
import os, pathlib, subprocess, sys, time
pathlib.Path({marker!r}).write_text(str(os.getpid()))
time.sleep(600)
"""


def test_a_stop_leaves_the_run_to_go_on_and_no_stage_behind(with_models, tmp_path):
    kinds = with_models(1)
    repository = kinds.repository
    stages = (repository / "stages.py").read_text()
    marker = tmp_path / "pid"
    slow = SLEEPING.format(marker=str(marker))
    (repository / "stages.py").write_text(
        f"import os\nif not os.path.exists({str(marker)!r}):\n  exec({slow!r})\n{stages}"
    )
    commit(repository)
    kinds.arrive(1, "cd")
    run_id = kinds.start("drift", windows=[1, 1], regime_from=1)
    stop = threading.Event()
    thread = threading.Thread(target=kinds.runner.execute, args=(run_id, stop))
    thread.start()
    until = time.monotonic() + 60
    while not marker.exists():
        assert time.monotonic() < until
        threading.Event().wait(0.02)
    stop.set()
    thread.join(30)
    assert not thread.is_alive()
    run = tables.runs.get(kinds.journal, run_id)
    assert (run.state, run.step, run.ended_at) == (RunState.RUNNING, "reproduce", None)
    assert not Path(f"/proc/{marker.read_text()}").exists()
    assert kinds.execute(run_id).state is RunState.PROMOTED


def test_a_stage_that_takes_too_long_is_ended(with_models, tmp_path):
    kinds = with_models(1)
    repository = kinds.repository
    marker = tmp_path / "pid"
    (repository / "stages.py").write_text(SLEEPING.format(marker=str(marker)))
    commit(repository)
    kinds = Retraining(repository, kinds.state_dir, {"retrain": {"timeout": 8}}, clock=kinds.clock)
    kinds.arrive(1, "cd")
    run = kinds.answer((1, 1), 1)
    assert run.state is RunState.FAILED
    assert "ran longer than 8 s" in run.error
    assert not Path(f"/proc/{marker.read_text()}").exists()


def test_a_stage_that_eats_its_data_is_caught(with_models):
    kinds = with_models(1)
    repository = kinds.repository
    stages = (repository / "stages.py").read_text()
    eats = '    (folder / "train.json").exists() and pathlib.Path("data/first.csv").unlink()\n\ndef train'
    (repository / "stages.py").write_text(stages.replace("\ndef train", eats))
    commit(repository)
    kinds.arrive(1, "cd")
    run = kinds.answer((1, 1), 1)
    assert run.state is RunState.FAILED
    assert "has changed since its stages read and wrote it" in run.error
    assert "data/first.csv" in run.error


def test_what_the_cache_loses_during_a_run_is_put_back(with_models):
    kinds = with_models(1, {"promote": {"approval": "manual"}})
    repository = kinds.repository
    kinds.arrive(1, "cd")
    run = kinds.answer((1, 1), 1)
    tool(repository, "dvc", "gc", "-q", "-w", "-f")
    with kinds.journal.write():
        approval.approve(kinds.journal, run.id, "ada")
    run = kinds.execute(run.id)
    assert run.state is RunState.PROMOTED, run.error
    assert "it is put back from the worktree" in kinds.log(run.id)
    tool(repository, "git", "switch", "-q", "-d", "kinds@v2.0.0")
    tool(repository, "dvc", "checkout", "-q")
    assert (repository / "model" / "map.json").read_bytes() == kinds.served()["map.json"]


def test_a_run_whose_commit_others_see_goes_on_where_its_pointer_cannot_be_set_at_first(with_models, monkeypatch):
    kinds = with_models(1)
    before = kinds.layout.current.readlink()
    kinds.arrive(1, "cd")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(runner, "RETRY", 0.0)
    with monkeypatch.context() as patched:
        patched.setattr(publication, "point_link", full)
        run = kinds.answer((1, 1), 1)
    assert (run.state, kinds.layout.current.readlink()) == (RunState.RUNNING, before)
    assert "No space left on device" in run.error
    run = kinds.execute(run.id)
    assert (run.state, run.error, kinds.layout.current.readlink().name) == (RunState.PROMOTED, None, "v2.0.0")


def test_a_run_whose_commit_others_see_goes_on_where_the_journal_cannot_be_written_at_first(with_models, monkeypatch):
    kinds = with_models(1)
    kinds.arrive(1, "cd")
    kinds.journal.db.execute("PRAGMA busy_timeout = 0")
    other = sqlite3.connect(kinds.journal.path, isolation_level=None)

    def commit(ctx):
        made = publication.commit(ctx)
        other.execute("BEGIN IMMEDIATE")
        return made

    monkeypatch.setattr(runner, "RETRY", 0.0)
    with monkeypatch.context() as patched:
        patched.setitem(runner.ANSWER, "commit", commit)
        run = kinds.answer((1, 1), 1)
    assert run.state is RunState.RUNNING
    assert "kinds@v2.0.0" in tool(kinds.repository, "git", "tag")
    other.close()
    run = kinds.execute(run.id)
    assert (run.state, run.error, kinds.layout.current.readlink().name) == (RunState.PROMOTED, None, "v2.0.0")


def test_served_copies_that_cannot_be_removed_fail_neither_a_promotion_nor_a_rollback(with_models, monkeypatch):
    kinds = with_models(1)
    kinds.arrive(1, "cd")

    def busy(*_):
        raise OSError(errno.EBUSY, "Device or resource busy")

    monkeypatch.setattr(model_store, "clean", busy)
    run = kinds.answer((1, 1), 1)
    assert (run.state, run.error, kinds.layout.current.readlink().name) == (RunState.PROMOTED, None, "v2.0.0")
    assert "Device or resource busy" in kinds.log(run.id)
    assert kinds.runner.roll_back(None).cause == "rollback"


def test_settings_of_dvc_hold_in_a_worktree_too(repository, tmp_path):
    tool(repository, "dvc", "remote", "add", "-q", "-d", "shared", "../here")
    tool(repository, "dvc", "remote", "add", "-q", "--local", "private", "../secret")
    tool(repository, "dvc", "remote", "add", "-q", "web", "https://example.com/path")
    tool(repository, "dvc", "remote", "modify", "-q", "--local", "web", "password", "pa#ss")
    tool(repository, "dvc", "config", "-q", "--local", "cache.type", "symlink")
    tool(repository, "dvc", "cache", "dir", "-q", "--local", "../cache")
    commit(repository)
    kinds = Retraining(repository, tmp_path / "state")
    found = Repository(repository, environment(kinds.layout, kinds.settings.retrain.env, "1"))
    assert found.cache() == tmp_path / "cache"
    tree = found.worktree(kinds.layout.worktrees / "run", found.base("main"))
    values = dict(line.split("=", 1) for line in tool(tree.root, "dvc", "config", "--list").splitlines())
    assert values["cache.dir"] == str(tmp_path / "cache")
    assert values["cache.type"] == "['reflink', 'copy']"
    assert values["remote.private.url"] == str(tmp_path / "secret")
    assert values["remote.web.password"] == "pa#ss"
    assert values["remote.web.url"] == "https://example.com/path"
    assert values["remote.shared.url"] == str(tmp_path / "here")


def test_a_worktree_is_clean_whatever_was_in_it(kinds, repository):
    found = Repository(repository, environment(kinds.layout, kinds.settings.retrain.env, "1"))
    path = kinds.layout.worktrees / "run"
    tree = found.worktree(path, found.base("main"))
    write_rows(tree.root / "data" / "left.csv", "z")
    (tree.root / "stages.py").write_text("changed")
    (tree.root / "left.txt").write_text("left")
    (repository / ".git" / "worktrees" / "run" / "index.lock").touch()
    found.worktree(path, found.base("main"))
    assert tool(tree.root, "git", "status", "--porcelain", "--ignored=no") == ""
    assert not (tree.root / "data").exists()
    shutil.rmtree(path)
    assert (found.worktree(path, found.base("main")).root / "stages.py").exists()
    (path / ".git").write_text("gitdir: /nowhere\n")
    assert (found.worktree(path, found.base("main")).root / "stages.py").exists()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: path.mkdir(), "is no DVC project"),
        (lambda path: (path / ".dvc").mkdir(parents=True), "is in no git repository"),
    ],
)
def test_a_folder_that_is_no_project_says_what_to_do(kinds, tmp_path, make, said):
    make(tmp_path / "other")
    with pytest.raises(RepositoryError, match=said) as caught:
        Repository(tmp_path / "other", environment(kinds.layout, kinds.settings.retrain.env, "1"))
    assert "init" in caught.value.remedy


def test_a_detached_head_asks_for_a_base(kinds, repository):
    tool(repository, "git", "switch", "-q", "--detach")
    run = kinds.first()
    assert run.state is RunState.FAILED
    assert "retrain.base" in run.error


def test_what_a_killed_daemon_left_is_cleaned_up(with_models):
    kinds = with_models(1)
    repository = kinds.repository
    lock = repository / ".git" / "refs" / "heads" / "driftd" / "kinds.lock"
    lock.parent.mkdir(parents=True)
    other = repository / ".git" / "refs" / "heads" / "main.lock"
    lock.touch()
    other.touch()
    kinds.runner.clean_up()
    assert (lock.exists(), other.exists()) == (False, True)
