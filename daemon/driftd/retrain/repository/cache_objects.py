"""Objects in the DVC cache that runs have added: recorded when they come, and removed once nothing names them any more."""

import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath

from driftd.errors import RefusedError
from driftd.journal import Journal
from driftd.retrain.process.launcher import query
from driftd.retrain.repository.git import Git
from driftd.retrain.repository.worktree import Repository, Worktree

HASH = re.compile(rb"(?<![0-9a-f])[0-9a-f]{32}(?:\.dir)?(?![0-9a-f])")
FILES = ("*.dvc", "dvc.lock", "**/dvc.lock")  # what names objects


def record(journal: Journal, project: str, run: int, repository: Repository, tree: Worktree) -> None:
    """Remember which objects of a run's worktree have come into the cache since the worktree was made."""
    since = (tree.root / ".dvc" / "config.local").stat().st_mtime
    cache = repository.cache()
    came = [oid for oid in expanded(cache, _in_files(tree.git, tree.path)) if _changed(path_of(cache, oid)) >= since]
    with journal.write():
        for oid in came:
            journal.run(
                "INSERT OR IGNORE INTO objects (project, oid, run_id, added_at) VALUES (?, ?, ?, ?)",
                project,
                oid,
                run,
                journal.clock(),
            )


def unnamed(journal: Journal, project: str, repository: Repository, own: Path) -> list[str]:
    """Return the recorded objects that no model, commit, reflog, stash, index or worktree names.

    `own` is the folder of driftd's worktrees, which nothing needs any more.
    """
    recorded = {row["oid"] for row in journal.rows("SELECT oid FROM objects WHERE project = ?", project)}
    models = [row["revision"] for row in journal.rows("SELECT revision FROM models WHERE project = ?", project)]
    return sorted(recorded - expanded(repository.cache(), named(repository.git, models, own))) if recorded else []


def remove(journal: Journal, project: str, cache: Path, gone: Iterable[str]) -> None:
    """Remove objects, and what the journal remembers of them."""
    for oid in gone:
        path_of(cache, oid).unlink(missing_ok=True)
    with journal.write():
        for oid in gone:
            journal.run("DELETE FROM objects WHERE project = ? AND oid = ?", project, oid)


def named(git: Git, models: Sequence[str], own: Path) -> set[bytes]:
    """Return every hash in a file that names objects: in a model's or any other commit that git knows, and in any worktree."""
    trees = list(worktrees(git, own))
    heads = [commit for tree in trees if (commit := git.at(tree).commit("HEAD"))]
    heads += [commit for model in models if (commit := git.commit(model))]  # also one whose tag was deleted
    history = query(["git", "rev-list", "--all", "--reflog", "--objects", *heads], cwd=git.folder, env=git.env)
    lines = [line.partition(b" ") for line in history.splitlines()]
    blobs = [oid for oid, _, path in lines if _names_objects(os.fsdecode(path))]
    for tree in trees:  # what is staged there
        staged = query(["git", "ls-files", "-s", "-z", "--", *FILES], cwd=tree, env=git.env)
        blobs += [entry.split()[1] for entry in staged.split(b"\0") if entry]
    wanted = b"".join(oid + b"\n" for oid in dict.fromkeys(blobs))
    found = set(HASH.findall(query(["git", "cat-file", "--batch"], cwd=git.folder, env=git.env, content=wanted)))
    for tree in trees:
        found |= _in_files(git.at(tree), tree)
    return found


def worktrees(git: Git, own: Path) -> Iterator[Path]:
    """Yield the worktrees that people have, the main one first."""
    for block in git("worktree", "list", "--porcelain", "-z").split("\0\0"):
        lines = block.strip("\0").split("\0")
        path = Path(lines[0].removeprefix("worktree "))
        if not lines[0] or path.is_relative_to(own):
            continue
        if path.is_dir():
            yield path
        elif any(line.startswith("locked") for line in lines):  # on a disk that comes back
            raise RefusedError(
                f"the worktree {path} is locked and not there, so nobody can tell what it needs",
                remedy=f"mount it, or `git worktree unlock {path}` if it is gone for good",
            )


def _in_files(git: Git, tree: Path) -> set[bytes]:
    """Return the hashes in a worktree's files, tracked or not, ignored or not."""
    found: set[bytes] = set()
    for name in git("ls-files", "-z", "-c", "-o", "--", *FILES).split("\0"):
        with suppress(FileNotFoundError, IsADirectoryError, NotADirectoryError):
            if name:
                found |= set(HASH.findall((tree / name).read_bytes()))
    return found


def _names_objects(path: str) -> bool:
    name = PurePosixPath(path).name
    return name == "dvc.lock" or (name.endswith(".dvc") and name != ".dvc")


def expanded(cache: Path, hashes: Iterable[bytes]) -> set[str]:
    """Return objects with what is in those that are folders; a folder that the cache lacks cannot be had from it anyway."""
    found = {oid.decode() for oid in hashes}
    for oid in [oid for oid in found if oid.endswith(".dir")]:
        with suppress(OSError, ValueError, KeyError, TypeError):
            found |= {entry["md5"] for entry in json.loads(path_of(cache, oid).read_bytes())}
    return found


def path_of(cache: Path, oid: str) -> Path:
    return cache / "files" / "md5" / oid[:2] / oid[2:]


def _changed(path: Path) -> float:
    try:
        return os.lstat(path).st_ctime
    except OSError:
        return 0.0
