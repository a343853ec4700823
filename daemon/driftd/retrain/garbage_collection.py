"""What is kept of the past, and what may go. Nothing that a model, a person or an open run needs."""

import json
import shutil
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from driftd.config.settings import Retention
from driftd.errors import RefusedError
from driftd.journal import Journal, tables
from driftd.journal.layout import Layout
from driftd.journal.records import HookState
from driftd.retrain.evaluation import champion_scorer
from driftd.retrain.hooks import pushes
from driftd.retrain.process.limits import size
from driftd.retrain.repository import cache_objects
from driftd.retrain.repository.dvc_lock import hold
from driftd.retrain.repository.worktree import Repository

REMEMBERED = ("watching", "extra-columns")  # kinds of events whose last one says what holds now

# Only the newest window's detector is ever read again.
OLD_DETECTORS = """
    UPDATE windows SET detector = NULL WHERE project = ?1 AND detector IS NOT NULL
    AND number < (SELECT max(number) FROM windows WHERE project = ?1 AND detector IS NOT NULL)
"""


@dataclass(frozen=True)
class Litter:
    """What may go."""

    runs: list[Path]
    worktrees: list[Path]
    batches: list[Path]
    objects: list[str]
    events: list[int]
    bytes: int

    def said(self) -> str:
        return (
            f"the folders of {len(self.runs)} runs, {len(self.worktrees)} worktrees, {len(self.batches)} batches, "
            f"{len(self.objects)} objects of the cache and {len(self.events)} events: {size(self.bytes)}"
        )


def collect(journal: Journal, layout: Layout, repository: Repository, keep: Retention, *, dry_run: bool) -> str:
    """Remove what nobody needs any more, while no dvc of anybody's is at work; return what it was in a sentence."""
    if tables.runs.first(journal, "project = ? AND ended_at IS NULL", layout.project):
        raise RefusedError("a run is on its way", remedy="wait for its end")
    cache = repository.cache()
    own = cache.is_relative_to(repository.folder)
    with ExitStack() as held:
        for tree in cache_objects.worktrees(repository.git, layout.worktrees):
            held.enter_context(hold(tree / repository.prefix))
        found = _find(journal, layout, repository, keep, objects_too=own)
        if not dry_run:
            cache_objects.remove(journal, layout.project, cache, found.objects)
    if not dry_run:
        _remove(journal, layout, repository, found)
    said = f"{'would remove' if dry_run else 'removed'} {found.said()}"
    return said if own else f"{said}; the cache {cache} may have other users, so nothing in it is touched"


def _find(journal: Journal, layout: Layout, repository: Repository, keep: Retention, *, objects_too: bool) -> Litter:
    project = layout.project
    gone = cache_objects.unnamed(journal, project, repository, layout.worktrees) if objects_too else []
    runs, trees, batches = _runs(journal, layout, keep.runs), _unneeded(journal, layout), _batches(journal, layout)
    paths = [*runs, *trees, *batches, *(cache_objects.path_of(repository.cache(), oid) for oid in gone)]
    return Litter(runs, trees, batches, gone, _events(journal, project, keep.events), sum(map(_bytes, paths)))


def _remove(journal: Journal, layout: Layout, repository: Repository, found: Litter) -> None:
    for tree in found.worktrees:
        if (tree / ".git").is_file():
            repository.git("worktree", "remove", "--force", "--force", str(tree))
        shutil.rmtree(tree, ignore_errors=True)
    for run in found.runs:
        shutil.rmtree(run)
    for batch in found.batches:
        batch.unlink()
    with journal.write():
        for event in found.events:
            journal.run("DELETE FROM events WHERE id = ?", event)
        journal.run(OLD_DETECTORS, layout.project)
        journal.emit(
            "cleaned",
            project=layout.project,
            runs=len(found.runs),
            worktrees=len(found.worktrees),
            batches=len(found.batches),
            objects=len(found.objects),
            events=len(found.events),
            bytes=found.bytes,
        )


def _runs(journal: Journal, layout: Layout, keep: int) -> list[Path]:
    """Return the folders of old runs that made no model."""
    query = """
        SELECT id FROM runs WHERE project = ? AND id NOT IN (SELECT run_id FROM models WHERE run_id IS NOT NULL)
        ORDER BY id DESC LIMIT -1 OFFSET ?
    """
    folders = [layout.run(row["id"]) for row in journal.rows(query, layout.project, keep)]
    return [folder for folder in folders if folder.is_dir()]


def _batches(journal: Journal, layout: Layout) -> list[Path]:
    """Return the batches of candidates that were kept out: no window is in them, and no model's run has made them."""
    query = "SELECT DISTINCT batch FROM windows WHERE project = ? AND batch IS NOT NULL"
    needed = {row["batch"] for row in journal.rows(query, layout.project)}
    query = (
        "SELECT result FROM steps WHERE name = 'snapshot' AND run_id IN (SELECT run_id FROM models WHERE project = ?)"
    )
    for row in journal.rows(query, layout.project):
        needed |= {batch["name"] for batch in json.loads(row["result"])["batches"]}
    found = layout.batches.iterdir() if layout.batches.is_dir() else ()
    return sorted(path for path in found if path.is_file() and path.name not in needed)


def _events(journal: Journal, project: str, keep: float) -> list[int]:
    """Return the events that are old and that every subscriber has heard."""
    query = f"""
        SELECT id FROM events WHERE project = ? AND at < ? AND id <= (SELECT coalesce(min(event_id), 0) FROM cursors)
        AND id NOT IN (SELECT max(id) FROM events WHERE project = ? AND kind IN ({", ".join("?" * len(REMEMBERED))}) GROUP BY kind)
    """  # noqa: S608  # constants
    rows = journal.rows(query, project, journal.clock() - keep, project, *REMEMBERED)
    return [row["id"] for row in rows]


def worktrees(layout: Layout) -> list[Path]:
    """Return those of runs; that of the scorer may be at work."""
    return [tree for tree in _folders(layout.worktrees) if tree.name != champion_scorer.NAME]


def _unneeded(journal: Journal, layout: Layout) -> list[Path]:
    """Return the worktrees of runs, and that of the hooks where none is to be called."""
    pushing = tables.hooks.first(journal, "project = ? AND state = ?", layout.project, HookState.WAITING)
    return [tree for tree in worktrees(layout) if not (pushing and tree.name == pushes.NAME)]


def _folders(parent: Path) -> list[Path]:
    return sorted(path for path in parent.iterdir() if path.is_dir()) if parent.is_dir() else []


def _bytes(path: Path) -> int:
    files = list(path.rglob("*")) if path.is_dir() else [path]
    return sum(file.lstat().st_size for file in files if file.is_file() and not file.is_symlink())
