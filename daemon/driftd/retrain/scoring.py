"""A model scored anew: its own stages behind the model, at its own commit, on other test rows."""

import shutil
from typing import Any

from driftd.errors import CommandError, RepositoryError
from driftd.retrain.context import Context, metric_files
from driftd.retrain.dvc import document, in_order, outputs
from driftd.retrain.scores import read_scores
from driftd.retrain.worktree import Worktree


def rescore(ctx: Context, tree: Worktree, who: str, dataset: str, side: str) -> dict[str, float]:
    """Rerun `promote.score_stages` in the worktree of a version, on the rows that it holds now, and return the scores.

    Args:
        ctx: The run.
        tree: The worktree, with all its data and the model.
        who: The version, in words.
        dataset: The dataset's path.
        side: Under which the per-row results are kept: champion or candidate.
    """
    for path in (ctx.settings.retrain.model, dataset):
        if not (tree.root / path).exists():
            raise RepositoryError(
                f"{path} of {who} is neither in the cache nor on a remote",
                remedy="`dvc push` models, and run `dvc gc` with -a -T, so that what tags name is kept",
            )
    before = _model_hash(ctx, tree)
    stages = in_order(ctx.settings.promote.score_stages, _lock(tree))
    try:
        ctx.dvc(tree.root, "repro", "-s", "-f", "--no-run-cache", "--no-commit", *stages)
    except CommandError as error:
        error.message = f"{who} could not be scored on the run's test rows: {error.message}"
        error.args = (error.message,)
        raise
    if _model_hash(ctx, tree) != before:
        raise RepositoryError(
            f"promote.score_stages ({', '.join(stages)}) made another model while scoring {who}",
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


def _lock(tree: Worktree) -> dict[str, Any]:
    return document((tree.root / "dvc.lock").read_bytes(), "dvc.lock")


def _model_hash(ctx: Context, tree: Worktree) -> object:
    model = ctx.settings.retrain.model
    return next((entry.get("md5") for _, path, entry in outputs(_lock(tree)) if path == model), None)
