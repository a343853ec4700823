"""The steps of a run that answers an incident. Each may be repeated after a crash and comes out the same."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from driftd.errors import DataError, OperationError, RefusedError, RepositoryError
from driftd.journal import tables
from driftd.journal.records import Window
from driftd.journal.window_spans import still_there
from driftd.retrain.context import Context, champion, metric_files
from driftd.retrain.dataset import assembly, batches, dvc_dataset
from driftd.retrain.evaluation import cache_checkout, rescoring
from driftd.retrain.evaluation.alpha_spending import confidence
from driftd.retrain.evaluation.decision import decide as decided
from driftd.retrain.evaluation.scores import read_scores
from driftd.retrain.repository import cache_objects
from driftd.retrain.steps.publication import check_branch


def prepare(ctx: Context) -> dict[str, Any]:
    """Fix what the run stands on: the base's tip, the champion, and the windows."""
    check_branch(ctx)
    found = champion(ctx.journal, ctx.project)
    if found is None:
        raise OperationError(
            f"{ctx.project} has no model in production", remedy="the first model is made by itself; see `driftd status`"
        )
    assignment, model = found
    branch = ctx.base_branch()
    numbers = [window.number for window in _windows(ctx)]
    return {
        "branch": branch,
        "base": ctx.repository.base(branch),
        "champion": {
            "id": model.id,
            "version": model.version,
            "revision": model.revision,
            "assignment": assignment.number,
        },
        "windows": [numbers[0], numbers[-1]] if numbers else None,
        "regime_from": assembly.regime_from(ctx.journal, ctx.project, ctx.run.plan),
    }


def snapshot(ctx: Context) -> dict[str, Any]:
    """Put the windows' rows, and earlier batches that the base lacks, into its dataset."""
    tree = ctx.worktree(ctx.results["prepare"]["base"])
    ctx.dvc.check_out(tree.root)
    data = dvc_dataset.find(tree, ctx.settings.retrain.dataset)
    new = write_batches(ctx, data.example(tree.root))
    done = assembly.fill(ctx, tree, data, new)
    files = dvc_dataset.count(tree.root, data)
    return {"dataset": data.path, "pointer": data.pointer, "files": files, "batches": new, **done}


def reproduce(ctx: Context) -> dict[str, Any]:
    """Run the stages; what git tracks or does not ignore afterwards is the candidate."""
    tree = ctx.here()
    try:
        ctx.dvc(tree.root, "repro", remedy=f"see {ctx.log.path}; the stages run in {tree.root}")
    finally:
        cache_objects.record(ctx.journal, ctx.project, ctx.run.id, ctx.repository, tree)
    done = ctx.results["snapshot"]
    data = dvc_dataset.find(tree, ctx.settings.retrain.dataset)
    if (there := dvc_dataset.count(tree.root, data)) != done["files"]:
        raise RepositoryError(
            f"{data.path}: {done['files']} files became {there} while the stages ran",
            remedy="stages must not change the data that they read",
        )
    rescoring.keep_rows(ctx, tree, "candidate")
    return {"tree": tree.tree(), "scores": read_scores(tree.root, metric_files(ctx.settings))}


def score(ctx: Context) -> dict[str, Any]:
    """Score the champion on the candidate's test rows, with its own code, parameters and fitted outputs."""
    version, revision = (ctx.results["prepare"]["champion"][key] for key in ("version", "revision"))
    done = ctx.results["snapshot"]
    tree = ctx.worktree(revision, "champion")
    tree.git("checkout", ctx.results["reproduce"]["tree"], "--", ctx.repository.prefix + done["pointer"])
    cache_checkout.bring(ctx, tree)
    return {"scores": rescoring.rescore(ctx, tree, f"the champion {version}", done["dataset"], "champion")}


def decide(ctx: Context) -> dict[str, Any]:
    """Compare both on the rows that they share."""
    settings, earlier = ctx.settings.promote, decisions(ctx)
    compared = row_by_row(ctx, earlier)
    old, new_scores = ctx.results["score"]["scores"], ctx.results["reproduce"]["scores"]
    decision = decided(settings, old, new_scores, compared, earlier)
    decision["made_of"] = ctx.results["snapshot"].get("selection") or _all_rows(ctx.results["snapshot"])
    ctx.log.line(decision["sentence"])
    return decision


def _all_rows(snapshot: dict[str, Any]) -> dict[str, Any]:
    """Say what a candidate is made of where nothing was chosen."""
    files, new = snapshot["files"], snapshot["batches"]
    added = (
        f", {sum(batch['rows'] for batch in new)} rows of windows {new[0]['windows'][0]} to {new[-1]['windows'][1]} among them"
        if new
        else ""
    )
    return {
        "rule": "all",
        "sentence": f"Made of all rows: {files} file{'s' if files > 1 else ''} of {snapshot['dataset']}{added}.",
    }


def new_files(snapshot: dict[str, Any]) -> list[str]:
    """Return the files of a dataset that hold rows of the new regime and no others."""
    if chosen := snapshot.get("selection"):
        older = {file["name"] for file in chosen["files"] if not file["new"]}
        return [file["name"] for file in chosen["files"] if file["new"] and file["name"] not in older]
    return [batch["name"] for batch in snapshot["batches"] if batch["new_regime"]]


def row_by_row(ctx: Context, earlier: int) -> dict[str, Any] | None:
    """Compare the per-row results of both, where there are any."""
    settings = ctx.settings.promote
    if not settings.per_row:
        return None
    new = new_files(ctx.results["snapshot"])
    sides = (ctx.file("champion-rows.jsonl"), ctx.file("candidate-rows.jsonl"))
    compared: dict[str, Any] = ctx.submit(_compared, *sides, new, confidence(settings.confidence, earlier))
    return compared


def decisions(ctx: Context) -> int:
    """Count the earlier runs that were decided against the same champion: they have looked at the test rows."""
    query = """
        SELECT count(*) AS n FROM steps AS decided JOIN steps AS prepared USING (run_id) JOIN runs ON runs.id = run_id
        WHERE runs.project = ? AND cause <> 'probation' AND run_id < ? AND decided.name = 'decide' AND decided.result IS NOT NULL
        AND prepared.name = 'prepare' AND json_extract(prepared.result, '$.champion.id') = ?
    """
    champion_id = ctx.results["prepare"]["champion"]["id"]
    return int(ctx.journal.rows(query, ctx.project, ctx.run.id, champion_id)[0]["n"])


def _compared(champion: Path, candidate: Path, new_files: Sequence[str], level: float) -> dict[str, Any]:
    from driftd.retrain.evaluation.paired_bootstrap import compare  # in a worker: the daemon itself stays free of numpy

    return compare(champion, candidate, new_files, level)


def number(ctx: Context) -> dict[str, Any]:
    """Fix the names of the promotion, once the champion is known to be the one that was compared."""
    _, model = champion(ctx.journal, ctx.project) or (None, None)
    compared = ctx.results["prepare"]["champion"]
    if model is None or model.id != compared["id"]:
        raise RefusedError(
            f"the run compared with {compared['version']}, but {model.version if model else 'nothing'} is in production now",
            remedy="the next run compares again",
        )
    return names(ctx)


def names(ctx: Context) -> dict[str, Any]:
    """Return the next version and assignment, where the branch is, and the date of what is written."""
    tags = ctx.tags()
    last = tables.assignments.newest(ctx.journal, ctx.project, by="number")
    return {
        "version": tags.next_version(),
        "number": max([0, last.number if last else 0, *tags.numbers()]) + 1,
        "tip": check_branch(ctx),
        "when": int(ctx.clock()),
    }


def _windows(ctx: Context) -> list[Window]:
    """Return the plan's windows that are in no champion's dataset."""
    if not ctx.run.plan.get("windows"):
        return []
    first, last = ctx.run.plan["windows"]
    where = "project = ? AND number BETWEEN ? AND ? AND batch IS NULL AND state <> 'held'"
    return tables.windows.all(ctx.journal, where, ctx.project, first, last, order="number")


def write_batches(ctx: Context, like: str) -> list[dict[str, Any]]:
    """Write the labelled rows of the run's windows, in the form of the file `like`; of those whose files are still there."""
    windows = _windows(ctx)
    border = ctx.run.plan.get("regime_from")
    there = still_there(ctx.journal, windows)
    gone = sorted({window.number for window in windows} - {window.number for window in there})
    if gone:
        ctx.log.line(f"  without the windows whose files are gone: {', '.join(map(str, gone))}")
    regime = [window.number for window in windows if border is not None and window.number >= border]
    if regime and set(regime) <= set(gone):
        raise DataError(f"the files of windows {regime[0]} to {regime[-1]} are gone", remedy="put them back")
    written = []
    for part in batches.parts(there, border):
        made = assembly.write_windows(ctx, part, like)
        if made is not None:
            written.append(
                {
                    "name": made.name,
                    "rows": made.rows,
                    "unlabelled": made.unlabelled,
                    "windows": [part[0].number, part[-1].number],
                    "gone": [number for number in gone if part[0].number < number < part[-1].number],
                    "new_regime": border is not None and part[0].number >= border,
                }
            )
    if there and not written:
        _, labels = assembly.columns(ctx)
        raise DataError(
            f"none of the rows of windows {there[0].number} to {there[-1].number} has labels ({', '.join(labels)})",
            remedy="deliver them with labels",
        )
    return written
