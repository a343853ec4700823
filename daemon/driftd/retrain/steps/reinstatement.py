"""The steps of a run that recalls the champion of a regime that has come back: both models on the new rows, and no training."""

from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from typing import Any

from driftd.journal import tables
from driftd.journal.records import Model
from driftd.retrain.context import Context
from driftd.retrain.dataset import dvc_dataset
from driftd.retrain.evaluation import cache_checkout, rescoring, stage_commands
from driftd.retrain.evaluation.decision import recall as decided
from driftd.retrain.process.run_log import RunLog
from driftd.retrain.repository.environment import EMAIL, NAME
from driftd.retrain.repository.worktree import Worktree
from driftd.retrain.steps import rollback, training
from driftd.retrain.steps.publication import set_references


def prepare(ctx: Context) -> dict[str, Any]:
    """Fix which models are compared, and on which windows."""
    model = tables.models.get(ctx.journal, ctx.run.plan["recall"])
    recalled = {"id": model.id, "version": model.version, "revision": model.revision}
    return training.prepare(ctx) | {"recalled": recalled}


def snapshot(ctx: Context) -> dict[str, Any]:
    """Write the rows of the regime that has come back, in the form of the dataset."""
    tree = ctx.worktree(ctx.results["prepare"]["champion"]["revision"], "champion")
    data = dvc_dataset.find(tree, ctx.settings.retrain.dataset)
    return {"dataset": data.path, "batches": training.write_batches(ctx, cache_checkout.example(ctx, tree, data))}


def reproduce(ctx: Context) -> dict[str, Any]:
    """Score the earlier champion in the place of a candidate that is trained, and the champion at the same time: neither knows of the other."""
    prepared = ctx.results["prepare"]
    beside = replace(ctx, log=RunLog(ctx.file("champion"), ctx.clock))
    _bring_over(ctx, beside)
    beside.log.path.unlink()
    beside = replace(beside, dvc=replace(ctx.dvc, log=beside.log))  # each reason is looked for in its own log
    beside.log.line(f"  beside it, the champion {prepared['champion']['version']}:")
    recalled = _laid_out(ctx, prepared["recalled"], "run")
    champion = _laid_out(beside, prepared["champion"], "champion")
    with ThreadPoolExecutor(1, thread_name_prefix="champion") as pool:
        other = pool.submit(_score, beside, champion, f"the champion {prepared['champion']['version']}", "champion")
        try:
            found = _score(ctx, recalled, f"the earlier champion {prepared['recalled']['version']}", "candidate")
        finally:
            wait([other])
            _bring_over(ctx, beside)
    return {"scores": found, "champion": other.result()}


def score(ctx: Context) -> dict[str, Any]:
    """Return what the champion has scored on the same rows."""
    return {"scores": ctx.results["reproduce"]["champion"]}


def decide(ctx: Context) -> dict[str, Any]:
    """Decide which of the two fits the rows."""
    earlier = training.decisions(ctx)
    old, new = ctx.results["score"]["scores"], ctx.results["reproduce"]["scores"]
    compared = training.row_by_row(ctx, earlier)
    version = ctx.results["prepare"]["recalled"]["version"]
    otherwise = "the champion stays" if "season" in ctx.run.plan else "a training follows"
    decision = decided(ctx.settings.promote, old, new, compared, earlier, version, otherwise)
    ctx.log.line(decision["sentence"])
    return decision


def number(ctx: Context) -> dict[str, Any]:
    """Fix the assignment's number, once the champion is known to be the one that was compared."""
    return training.number(ctx) | {"version": ctx.results["prepare"]["recalled"]["version"]}


def copy(ctx: Context) -> dict[str, Any]:
    """Make sure that the served copy is there."""
    rollback.restore(ctx, _model(ctx))
    return {}


def commit(ctx: Context) -> dict[str, Any]:
    """Tag the assignment; the version and its commit are there already."""
    names, model = ctx.results["number"], _model(ctx)
    tag = ctx.tags().assignment_tag(names["number"])
    message = f"{model.version} goes into production again (run {ctx.run.id})"
    git = ctx.repository.git
    made = git.tag_object(tag, model.revision, message, names["when"], f"{NAME} <{EMAIL}>")
    set_references(git, [(f"refs/tags/{tag}", made, "")])
    return {"revision": model.revision}


def _model(ctx: Context) -> Model:
    return tables.models.get(ctx.journal, ctx.results["prepare"]["recalled"]["id"])


def _laid_out(ctx: Context, model: dict[str, Any], name: str) -> Worktree:
    """Return a worktree of a model with the new rows as its dataset and no others."""
    tree = ctx.worktree(model["revision"], name)
    data = dvc_dataset.find(tree, ctx.results["snapshot"]["dataset"])
    cache_checkout.bring(ctx, tree, leave={data.path})
    [batch] = ctx.results["snapshot"]["batches"]  # the plan's windows are of one regime
    stage_commands.put_rows(tree.root, data, [ctx.layout.batches / batch["name"]])
    return tree


def _score(ctx: Context, tree: Worktree, who: str, side: str) -> dict[str, float]:
    return rescoring.rescore(ctx, tree, who, ctx.results["snapshot"]["dataset"], side)


def _bring_over(ctx: Context, beside: Context) -> None:
    """Put what was printed beside a run into its own log, where it is not there yet."""
    printed = beside.log.path.read_text(encoding="utf-8", errors="replace")
    if printed not in ctx.log.path.read_text(encoding="utf-8", errors="replace"):
        ctx.log.line(printed)
