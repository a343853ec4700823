"""The first champion: what is tagged already, or what the base has made already, or else what its stages make now."""

from typing import Any

from driftd.detect.settings import DriftSettings
from driftd.detect.tasks.protocol import build
from driftd.errors import RepositoryError
from driftd.journal.files import write_file
from driftd.readers import Kind
from driftd.retrain.context import Context, metric_files
from driftd.retrain.dataset import batches, dvc_dataset
from driftd.retrain.evaluation.scores import read_scores
from driftd.retrain.repository.dvc import document, outputs
from driftd.retrain.repository.worktree import Worktree
from driftd.retrain.steps.publication import check_branch
from driftd.retrain.steps.training import names


def prepare(ctx: Context) -> dict[str, Any]:
    """Find the version that is tagged, or the base's own model, and bring it into the worktree."""
    check_branch(ctx)
    branch = ctx.base_branch()
    base = ctx.repository.base(branch)
    found: dict[str, Any] = {"branch": branch, "base": base, "revision": None, "version": None}
    tags = ctx.tags()
    if version := tags.current():
        revision = tags.commits[tags.version_tag(version)]
        tree = ctx.worktree(revision)
        if not ctx.dvc.check_out(tree.root):
            _require_model(ctx, tree, version)
        return found | {"revision": revision, "version": version}
    tree = ctx.worktree(base)
    dvc_dataset.find(tree, ctx.settings.retrain.dataset)
    there = ctx.dvc.check_out(tree.root)
    if there and _has_model(ctx, tree) and ctx.dvc.clean(tree.root):
        return found | {"revision": base}
    return found


def reproduce(ctx: Context) -> dict[str, Any]:
    """Run the stages of the base, where nothing is there to begin with."""
    if ctx.results["prepare"]["revision"]:
        return {"scores": _scores(ctx)}
    tree = ctx.here()
    ctx.dvc(tree.root, "repro", remedy=f"see {ctx.log.path}; the stages run in {tree.root}")
    return {"tree": tree.tree(), "scores": read_scores(tree.root, metric_files(ctx.settings))}


def number(ctx: Context) -> dict[str, Any]:
    """Fix the names; those that are tagged already are taken over."""
    prepared, tags = ctx.results["prepare"], ctx.tags()
    found = names(ctx) | {"revision": prepared["revision"]}
    if (version := prepared["version"]) is None:
        return found
    tagged = [tags.version_tag(version)]
    numbers = tags.numbers()
    if numbers and tags.commits[tags.assignment_tag(numbers[-1])] == prepared["revision"]:
        found["number"] = numbers[-1]
        tagged.append(tags.assignment_tag(numbers[-1]))
    return found | {"version": version, "tagged": tagged}


def reference(ctx: Context) -> dict[str, Any]:
    """Profile the last rows of the champion's dataset: the reference of the first windows."""
    tree = ctx.here()
    data = dvc_dataset.find(tree, ctx.settings.retrain.dataset)
    kinds = {name: Kind(kind) for name, kind in ctx.settings.columns.items()}
    schema, spans = ctx.submit(
        batches.last_rows, data.files(tree.root), kinds, ctx.settings.labels, ctx.settings.reference.rows
    )
    settings = DriftSettings.of(ctx.settings)
    built = ctx.submit(build, spans, schema, settings, False)
    profile = f"dataset-run-{ctx.run.id:06d}.reference"
    write_file(ctx.layout.references / profile, built.blob)
    return {
        "profile": profile,
        "rows": built.rows,
        "armed": built.armed,
        "reason": built.reason,
        "columns": schema.to_json(),
    }


def _has_model(ctx: Context, tree: Worktree) -> bool:
    lock = tree.root / "dvc.lock"
    if not lock.is_file():
        return False
    made = {path for _, path, _ in outputs(document(lock.read_bytes(), "dvc.lock"))}
    return ctx.settings.retrain.model in made and (tree.root / ctx.settings.retrain.model).exists()


def _require_model(ctx: Context, tree: Worktree, version: str) -> None:
    for path in (ctx.settings.retrain.model, ctx.settings.retrain.dataset):
        if not (tree.root / path).exists():
            raise RepositoryError(
                f"{path} of {ctx.project}@{version} is neither in the cache nor on a remote",
                remedy="`dvc pull` it in the repository, or correct retrain.model and retrain.dataset",
            )


def _scores(ctx: Context) -> dict[str, float]:
    """Return the scores that came with a model; it may have none that driftd knows."""
    try:
        return read_scores(ctx.here().root, metric_files(ctx.settings))
    except RepositoryError as error:
        ctx.log.line(f"  no scores: {error.message}")
        return {}
