"""A model scored anew: its own stages behind the model, at its own commit, on other test rows."""

import shutil
from pathlib import Path
from typing import Any

from driftd.errors import CommandError, RepositoryError
from driftd.retrain.context import Context, metric_files
from driftd.retrain.evaluation import cache_checkout, stage_commands
from driftd.retrain.evaluation.scores import read_scores
from driftd.retrain.repository.dvc import document, outputs
from driftd.retrain.repository.worktree import Worktree


def rescore(ctx: Context, tree: Worktree, who: str, dataset: str, side: str) -> dict[str, float]:
    """Rerun `promote.score_stages` in the worktree of a version, on the rows that it holds now, and return the scores.

    Args:
        ctx: The run.
        tree: The worktree, with all its data and the model.
        who: The version, in words.
        dataset: The dataset's path.
        side: Under which the per-row results are kept: champion or candidate.
    """
    model = tree.root / ctx.settings.retrain.model
    for path in (ctx.settings.retrain.model, dataset):
        if not (tree.root / path).exists():
            raise RepositoryError(
                f"{path} of {who} is neither in the cache nor on a remote",
                remedy="`dvc push` models, and run `dvc gc` with -a -T, so that what tags name is kept",
            )
    before = _seen(model)
    todo = stage_commands.commands(tree.root, ctx.settings.promote.score_stages)
    try:
        stage_commands.run(ctx.dvc, tree.root, todo)
    except CommandError as error:
        error.message = f"{who} could not be scored on the run's test rows: {error.message}"
        error.args = (error.message,)
        raise
    if _seen(model) != before and not cache_checkout.unchanged(ctx.repository.cache(), model, _entry(ctx, tree)):
        raise RepositoryError(
            f"promote.score_stages ({', '.join(dict.fromkeys(each.stage for each in todo))}) made another model while scoring {who}",
            remedy="leave the stage that trains out of it",
        )
    keep_rows(ctx, tree, side)
    return read_scores(tree.root, metric_files(ctx.settings))


def keep_rows(ctx: Context, tree: Worktree, who: str) -> None:
    """Keep a model's per-row results with the run."""
    if not ctx.settings.promote.per_row:
        return
    path = tree.root / ctx.settings.promote.per_row
    if not path.is_file():
        raise RepositoryError(
            f"{path}: the stages of the {who} did not write the per-row results",
            remedy="correct promote.per_row, or leave it out",
        )
    shutil.copyfile(path, ctx.file(f"{who}-rows.jsonl"))


def _seen(place: Path) -> dict[Path, tuple[int, int, int]]:
    """Return what tells whether a file or folder was written to, without reading it."""
    paths = [path for path in (place, *place.rglob("*")) if path.exists()]
    return {path: (found.st_ino, found.st_size, found.st_mtime_ns) for path in paths for found in [path.lstat()]}


def _entry(ctx: Context, tree: Worktree) -> dict[str, Any]:
    lock = document((tree.root / "dvc.lock").read_bytes(), "dvc.lock")
    return next((entry for _, path, entry in outputs(lock) if path == ctx.settings.retrain.model), {})
