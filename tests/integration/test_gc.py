"""`driftd gc` in a repository in which a person works: what only a rejected candidate needed goes, everything else stays."""

import fcntl
import json
import os
import shutil
import threading

import pytest

from driftd.config.settings import Hook, Retention
from driftd.errors import DriftdError, RefusedError
from driftd.journal import tables
from driftd.journal.records import HookState, RunState
from driftd.retrain.garbage_collection import collect
from driftd.retrain.repository import cache_objects
from support.project import tool, write_rows
from support.retraining import Retraining

pytestmark = pytest.mark.slow


def cached(repository):
    files = repository / ".dvc" / "cache" / "files" / "md5"
    return {path.parent.name + path.name for path in files.glob("??/*")}


def status(repository):
    return (
        tool(repository, "git", "status", "--porcelain", "--untracked-files=all"),
        tool(repository, "dvc", "status", "--json"),
        tool(repository, "git", "stash", "list"),
        tool(repository, "git", "branch", "--list"),
    )


def experiment(repository, kinds, name):
    """Change the data and run the stages, as a person would, without a commit."""
    write_rows(repository / "data" / f"{name}.csv", kinds, start=500_000)
    tool(repository, "dvc", "add", "-q", "data")
    tool(repository, "dvc", "repro", "-q")


def work(repository):
    """A person's day: an experiment in the stash, one on a branch, one in another worktree, and one that is not committed."""
    experiment(repository, "xy", "stashed")
    tool(repository, "git", "stash", "-q")
    tool(repository, "dvc", "checkout", "-q", "--force")
    tool(repository, "git", "switch", "-q", "-c", "idea")
    experiment(repository, "uv", "idea")
    tool(repository, "git", "commit", "-q", "-a", "-m", "An idea")
    tool(repository, "git", "switch", "-q", "main")
    tool(repository, "dvc", "checkout", "-q", "--force")
    experiment(repository, "pq", "uncommitted")


def clean(kinds, *, dry_run=False, runs=0, events=90 * 86400.0):
    kept = Retention(runs=runs, events=events)
    return collect(kinds.journal, kinds.layout, kinds.runner._repository(), kept, dry_run=dry_run)


def test_what_only_a_rejected_candidate_needed_goes_and_everything_else_stays(with_models, tmp_path):
    kinds = with_models(2, {"promote": {"min_gain": 0.3}})
    repository = kinds.repository
    work(repository)
    before, mine = status(repository), cached(repository)

    kinds.arrive(2, "ab")
    kept = kinds.answer((2, 2), 2)
    assert kept.state is RunState.KEPT
    theirs = cached(repository) - mine
    assert theirs
    would = clean(kinds, dry_run=True)
    assert would.startswith(
        f"would remove the folders of 1 runs, 2 worktrees, 1 batches, {len(theirs)} objects of the cache"
    )
    assert cached(repository) == mine | theirs
    assert kinds.layout.run(kept.id).exists()

    assert clean(kinds) == would.replace("would remove", "removed")
    assert cached(repository) == mine
    assert not kinds.layout.run(kept.id).exists()
    assert "0 runs, 0 worktrees, 0 batches, 0 objects" in clean(kinds)

    assert status(repository) == before
    shutil.copytree(repository, tmp_path / "look", symlinks=True)
    for revision in ("main", "idea", "stash@{0}", "kinds@v1.0.0", "kinds@v2.0.0"):
        tool(tmp_path / "look", "git", "checkout", "-q", "--force", "--detach", revision)
        tool(tmp_path / "look", "dvc", "checkout", "-q", "--force")
    kinds.arrive(3, "ghij", each=120)
    assert kinds.answer((2, 3), 3).state is RunState.PROMOTED


def test_what_a_person_took_over_from_a_rejected_candidate_stays(with_models, tmp_path):
    kinds = with_models(1, {"promote": {"min_gain": 0.3}})
    repository = kinds.repository
    kinds.arrive(1, "ab")
    assert kinds.answer((1, 1), 1).state is RunState.KEPT
    there = cached(repository)
    tool(repository, "git", "worktree", "add", "-q", "--detach", str(tmp_path / "other"))
    shutil.copy(kinds.layout.worktrees / "run" / "dvc.lock", tmp_path / "other" / "dvc.lock")
    shutil.copy(kinds.layout.worktrees / "run" / "data.dvc", tmp_path / "other" / "data.dvc")
    assert "0 objects" in clean(kinds)
    assert cached(repository) == there
    tool(repository, "git", "worktree", "lock", str(tmp_path / "other"))
    shutil.move(tmp_path / "other", tmp_path / "away")
    with pytest.raises(RefusedError, match="locked and not there"):
        clean(kinds)


def test_nothing_is_removed_while_a_run_waits_or_a_dvc_is_at_work(with_models):
    kinds = with_models(1, {"promote": {"approval": "manual"}})
    repository = kinds.repository
    lock = repository / ".dvc" / "tmp" / "lock"
    with lock.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(RefusedError, match="a dvc is at work"):
            clean(kinds)
    rwlock = repository / ".dvc" / "tmp" / "rwlock"
    rwlock.write_text(json.dumps({"data": {"read": [{"pid": os.getpid(), "cmd": "dvc repro"}]}}))
    with pytest.raises(RefusedError, match=f"process {os.getpid()}"):
        clean(kinds)
    rwlock.write_text("{")
    clean(kinds)
    kinds.arrive(1, "cd")
    assert kinds.answer((1, 1), 1).state is RunState.WAITING
    with pytest.raises(RefusedError, match="on its way"):
        clean(kinds)


def test_the_worktree_of_a_push_stays_until_it_is_done(with_models):
    kinds = with_models(2, {"project": {"hooks": [{"dvc_push": "nowhere"}]}})
    kinds.runner.roll_back(None)
    row = tables.hooks.all(kinds.journal)[-1]
    with pytest.raises(DriftdError, match="nowhere"):
        kinds.runner.call(row, Hook.model_validate(row.spec), threading.Event())
    tree = kinds.layout.worktrees / "hooks"
    clean(kinds)
    assert (tree / "data.dvc").exists()
    with kinds.journal.write():
        tables.hooks.set(kinds.journal, "1", state=HookState.FAILED)
    clean(kinds)
    assert not tree.exists()


def test_a_cache_outside_the_repository_is_not_touched(with_models, tmp_path):
    kinds = with_models(1)
    repository = kinds.repository
    tool(repository, "dvc", "cache", "dir", "--local", str(tmp_path / "shared"))
    assert "other users" in clean(kinds)


def test_events_go_when_they_are_old_and_everybody_has_heard_them(repository, tmp_path):
    kinds = Retraining(repository, tmp_path / "state")
    with kinds.journal.write():
        for kind in ("watching", "file-admitted", "watching"):
            last = kinds.journal.emit(kind, project="kinds")
    kinds.clock.now += 100
    assert "0 events" in clean(kinds, events=50)
    with kinds.journal.write():
        kinds.journal.run("INSERT INTO cursors (subscriber, event_id) VALUES ('log', ?)", last)
    assert "0 events" in clean(kinds, events=500)
    assert "2 events" in clean(kinds, events=50)
    assert tables.events.first(kinds.journal, "kind = 'watching'").id == last


def test_hashes_are_found_in_broken_files_too():
    content = (
        b"<<<<<<< ours\nmd5: 0123456789abcdef0123456789abcdef.dir\n=======\n- md5: ffffffffffffffffffffffffffffffff\nsha256: "
        + b"a" * 64
    )
    assert set(cache_objects.HASH.findall(content)) == {b"0123456789abcdef0123456789abcdef.dir", b"f" * 32}
