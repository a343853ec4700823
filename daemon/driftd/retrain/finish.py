"""How a run ends in the journal: each end is one write."""

from typing import Any

from driftd.journal import Journal, tables
from driftd.journal.records import ProjectState, Run, RunState
from driftd.retrain import served
from driftd.retrain.context import Context
from driftd.retrain.hooks import queue


def fail(journal: Journal, run: Run, error: str) -> None:
    with journal.write():
        tables.runs.set(journal, "id = ?", run.id, state=RunState.FAILED, error=error, ended_at=journal.clock())
        journal.emit("run-failed", project=run.project, subject=run.id, error=error, cause=run.cause)


def settled(ctx: Context) -> bool:
    """Act on the decision; return whether nothing is left to do now, because the champion stays or a person has to say so."""
    decision, journal, run = ctx.results["decide"], ctx.journal, ctx.run
    if decision["verdict"] == "keep":
        with journal.write():
            tables.runs.set(
                journal, "id = ?", run.id, state=RunState.KEPT, decision=decision, step=None, ended_at=journal.clock()
            )
            journal.emit("run-kept", project=run.project, subject=run.id, sentence=decision["sentence"])
        return True
    if _approved(ctx):
        return False
    with journal.write():
        tables.runs.set(journal, "id = ?", run.id, state=RunState.WAITING, decision=decision)
        journal.emit("run-waiting", project=run.project, subject=run.id, sentence=decision["sentence"])
    ctx.log.line("waits for `driftd approve` or `driftd reject`")
    return True


def _approved(ctx: Context) -> bool:
    settings = ctx.settings.promote
    asked = settings.approval or ("manual" if settings.split == "project" else "auto")
    return asked == "auto" or bool((ctx.run.decision or {}).get("approval"))


def promote(ctx: Context) -> None:
    """Say in one write what the commit, the tags and the pointer say already."""
    journal, run, names = ctx.journal, ctx.run, ctx.results["number"]
    first = run.cause == "first-model"
    cause = "first-model" if first else "promotion"
    with journal.write():
        now = journal.clock()
        reference = _reference(ctx, now) if first else tables.projects.get(journal, run.project).reference_id
        model = tables.models.add(
            journal, project=run.project, version=names["version"], revision=ctx.results["commit"]["revision"],
            run_id=run.id, reference_id=reference, scores=ctx.results["reproduce"]["scores"],
            digest=ctx.results["copy"]["digest"], created_at=now,
        )  # fmt: skip
        assigned = tables.assignments.add(
            journal, project=run.project, number=names["number"], model_id=model, cause=cause, run_id=run.id,
            assigned_at=now,
        )  # fmt: skip
        queue.add(journal, run.project, assigned, ctx.settings.hooks)
        for batch in ctx.results.get("snapshot", {}).get("batches", ()):
            where = "project = ? AND number BETWEEN ? AND ? AND batch IS NULL AND state <> 'held'"
            tables.windows.set(journal, where, run.project, *batch["windows"], batch=batch["name"])
        decision = ctx.results.get("decide")
        said = (run.decision or {}).get("approval")
        tables.runs.set(
            journal, "id = ?", run.id, state=RunState.PROMOTED, step=None, ended_at=now,
            decision={**decision, **({"approval": said} if said else {})} if decision else None,
        )  # fmt: skip
        sentence = decision["sentence"] if decision else f"{names['version']} is the first model."
        journal.emit("model-assigned", project=run.project, subject=model, version=names["version"], cause=cause)
        journal.emit("run-promoted", project=run.project, subject=run.id, version=names["version"], sentence=sentence)
    ctx.log.line(f"{names['version']} is in production")
    clean(ctx)


def _reference(ctx: Context, now: float) -> int:
    """Insert the champion's reference and let the project watch against it."""
    made: dict[str, Any] = ctx.results["reference"]
    project = ctx.project
    reference = tables.references.add(
        ctx.journal, project=project, profile=made["profile"], rows=made["rows"], armed=made["armed"],
        reason=made["reason"], made_of={"dataset": ctx.results["commit"]["revision"]}, created_at=now,
    )  # fmt: skip
    detail = tables.projects.get(ctx.journal, project).detail | {"base": ctx.results["prepare"]["branch"]}
    tables.projects.set(
        ctx.journal, "name = ?", project, columns=made["columns"], reference_id=reference, detail=detail
    )
    tables.projects.set(ctx.journal, "name = ?", project, state=ProjectState.ACTIVE)
    ctx.journal.emit("project-state", project=project, state=ProjectState.ACTIVE)
    ctx.journal.emit("reference", project=project, subject=reference, rows=made["rows"])
    return reference


def clean(ctx: Context) -> None:
    """Keep the served copies of the last models that were in production."""
    keep = ctx.settings.promote.keep_models
    query = (
        "SELECT version FROM models JOIN assignments ON models.id = assignments.model_id WHERE assignments.project = ?"
        " GROUP BY models.id ORDER BY max(number) DESC LIMIT ?"
    )
    rows = ctx.journal.rows(query, ctx.project, max(keep, 2))  # the champion and the one before always stay
    served.clean(ctx.layout.models, [row["version"] for row in rows])
