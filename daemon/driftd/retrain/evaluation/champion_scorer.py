"""The model in production scored by its own code on rows that have just come, in a worktree that stays at its commit."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from driftd.config import Project
from driftd.config.settings import Scorer
from driftd.errors import DataError, RepositoryError
from driftd.journal import tables
from driftd.journal.files import make_folder, write_file
from driftd.journal.records import Model
from driftd.readers import Schema, Span, label_columns
from driftd.retrain.context import Context
from driftd.retrain.dataset import batches, dvc_dataset
from driftd.retrain.dataset.dvc_dataset import Dataset
from driftd.retrain.evaluation import cache_checkout, stage_commands
from driftd.retrain.evaluation.scores import loss, newest, read_rows
from driftd.retrain.repository.dvc import Dvc
from driftd.retrain.repository.worktree import Worktree
from driftd.retrain.steps.training import new_files

NAME = "scorer"  # of the worktree, and of what lies beside it
PREPARED = Path(".dvc", "tmp", "driftd-scorer")  # in the worktree: what it is prepared for; written last
LONGEST_LOG = 1 << 20  # bytes after which it begins anew


def accepted(ctx: Context, model: Model) -> list[float]:
    """Return the losses that a model was accepted with, on test rows; [] where its stages write no per-row results."""
    _prepared(ctx, model)
    path = _accepted(ctx)
    if not path.is_file():
        return []
    return list(ctx.submit(_losses, path, ctx.settings.promote.better, _newest_files(ctx, model)))


def score(ctx: Context, model: Model, spans: Sequence[Span]) -> list[float]:
    """Return the losses of a model on the labelled rows of spans, or on those of them that its stages test."""
    tree, scorer = _prepared(ctx, model), ctx.settings.drift.scorer
    if scorer is None:
        raise RepositoryError("no scorer is set", remedy="set drift.scorer")
    example = _example(ctx, tree)
    rows = _folder(ctx) / f"rows{batches.suffixes(example.name)}"
    columns = tables.projects.get(ctx.journal, ctx.project).columns or []
    count = ctx.submit(_write, list(spans), columns, ctx.settings.labels, rows, str(example))
    data = Dataset(**_note(tree)["dataset"])
    results = run(ctx.dvc, tree.root, data, ctx.settings, rows)
    losses = list(ctx.submit(_losses, results, ctx.settings.promote.better, []))
    check(scorer, len(losses), count)
    return losses


def run(tools: Dvc, root: Path, data: Dataset, settings: Project, rows: Path) -> Path:
    """Run the scorer in a worktree on a file of rows; return the file of its results."""
    scorer = settings.drift.scorer
    if scorer is None:
        raise RepositoryError("no scorer is set", remedy="set drift.scorer; docs/how-to/score-decay.md shows how")
    if scorer.stages:
        stage_commands.put_rows(root, data, [rows])
        stage_commands.run(tools, root, stage_commands.commands(root, scorer.stages, "drift.scorer.stages"))
        return root / (settings.promote.per_row or "")
    results = rows.with_name("results.jsonl")
    results.unlink(missing_ok=True)
    stage_commands.call(tools, root, scorer.words(rows, results), "drift.scorer")
    return results


def check(scorer: Scorer, results: int, rows: int) -> None:
    """Refuse the results of a program that are not one for each row; stages score those rows that they test."""
    if scorer.command and results != rows:
        raise DataError(
            f"drift.scorer wrote {results} results for {rows} rows",
            remedy="let it write one line for each row, in their order",
        )


def _prepared(ctx: Context, model: Model) -> Worktree:
    """Return the worktree at the model's commit, with all that its stages have made."""
    path = ctx.layout.worktrees / NAME
    tree = Worktree(path, path / ctx.repository.prefix, ctx.repository.git.at(path))
    wanted = {"revision": model.revision, "per_row": ctx.settings.promote.per_row}
    if (path / ".git").is_file() and wanted.items() <= _note(tree).items():
        return tree
    (tree.root / PREPARED).unlink(missing_ok=True)
    tree = ctx.worktree(model.revision, NAME)
    data = dvc_dataset.find(tree, ctx.settings.retrain.dataset)
    example = Path(cache_checkout.example(ctx, tree, data))
    kept = _folder(ctx) / f"example{batches.suffixes(example.name)}"
    shutil.copyfile(example, kept)
    cache_checkout.bring(ctx, tree, leave={data.path})
    _keep_results(ctx, tree)
    _restore_model(ctx, tree, model)
    stage_commands.remove(tree.root / data.path)  # it may be large, and is not needed
    note = wanted | {"example": kept.name, "dataset": _plain(data)}
    make_folder((tree.root / PREPARED).parent)
    write_file(tree.root / PREPARED, json.dumps(note).encode())
    return tree


def _keep_results(ctx: Context, tree: Worktree) -> None:
    """Keep the results of the model's own stages: where stages score it, they write others in their place."""
    per_row, kept = ctx.settings.promote.per_row, _accepted(ctx)
    kept.unlink(missing_ok=True)
    if per_row and (tree.root / per_row).is_file():
        shutil.copyfile(tree.root / per_row, kept)


def _restore_model(ctx: Context, tree: Worktree, model: Model) -> None:
    """Take the model from its served copy where the cache has lost it."""
    place, served = tree.root / ctx.settings.retrain.model, ctx.layout.models / model.version
    if place.exists():
        return
    if not served.is_dir():
        raise RepositoryError(
            f"{ctx.settings.retrain.model} of {model.version} is neither in the cache nor served",
            remedy="`dvc push` models, and run `dvc gc` with -a -T, so that what tags name is kept",
        )
    place.parent.mkdir(parents=True, exist_ok=True)
    single = served / place.name
    if single.is_file() and len(list(served.iterdir())) == 1:
        shutil.copyfile(single, place)
    else:
        shutil.copytree(served, place)


def _plain(data: Dataset) -> dict[str, Any]:
    return {"path": data.path, "pointer": data.pointer, "folder": data.folder}


def _note(tree: Worktree) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((tree.root / PREPARED).read_bytes())
    except (OSError, ValueError):
        return {}
    return found


def _example(ctx: Context, tree: Worktree) -> Path:
    return _folder(ctx) / str(_note(tree)["example"])


def _accepted(ctx: Context) -> Path:
    return _folder(ctx) / "accepted.jsonl"


def _folder(ctx: Context) -> Path:
    return make_folder(ctx.layout.root / NAME)


def _newest_files(ctx: Context, model: Model) -> list[str]:
    """Return the files of the regime that a model was made for; [] where it was made for all of its data."""
    done = tables.steps.first(ctx.journal, "run_id = ? AND name = 'snapshot'", model.run_id or 0)
    return new_files(done.result) if done and done.result else []


def _write(spans: list[Span], columns: list[dict[str, Any]], named: Sequence[str], path: Path, like: str) -> int:
    schema = Schema.from_json(columns)
    return batches.write_labelled(spans, schema, label_columns(schema, named), path, like)


def _losses(path: Path, better: str, files: Sequence[str]) -> list[float]:
    return [loss(row, better) for row in newest(read_rows(path), files)]  # in a worker: there may be many
