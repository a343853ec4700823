"""How a run ends in the journal: each end is one write."""

import json
from typing import Any

from driftd.journal import Journal, references, season_references, tables
from driftd.journal.records import Model, ProjectState, Run, RunState
from driftd.retrain.context import Context
from driftd.retrain.hooks import queue
from driftd.retrain.publication import model_store
from driftd.retrain.steps import probation

ALARMED = "project = ? AND state <> 'closed' AND kind IN ('drift', 'label-drift', 'score')"

IN_BATCH = (
    "project = ? AND number BETWEEN ? AND ? AND batch IS NULL AND state <> 'held'"
    " AND number NOT IN (SELECT value FROM json_each(?))"
)


def fail(journal: Journal, run: Run, error: str) -> None:
    with journal.write():
        tables.runs.update(journal, run.id, state=RunState.FAILED, error=error, ended_at=journal.clock())
        journal.emit("run-failed", project=run.project, subject=run.id, error=error, cause=run.cause)


def settled(ctx: Context) -> bool:
    """Act on the decision; return whether nothing is left to do now, because the champion stays or a person has to say so."""
    decision, journal, run = ctx.results["decide"], ctx.journal, ctx.run
    if decision["verdict"] == "keep":
        with journal.write():
            tables.runs.update(
                journal, run.id, state=RunState.KEPT, decision=decision, step=None, ended_at=journal.clock()
            )
            journal.emit("run-kept", project=run.project, subject=run.id, sentence=decision["sentence"])
            if run.cause == "probation":
                probation.looked(journal, run.plan, decision)
        return True
    if decision["verdict"] == "roll-back" or _approved(ctx):
        return False
    ctx.log.line("waits for `driftd approve` or `driftd reject`")
    with journal.write():
        tables.runs.update(journal, run.id, state=RunState.WAITING, decision=decision)
        journal.emit("run-waiting", project=run.project, subject=run.id, sentence=decision["sentence"])
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
        reference = _reference(ctx, now) if first else references.of_run(journal, run)
        model = tables.models.add(
            journal,
            project=run.project,
            version=names["version"],
            revision=ctx.results["commit"]["revision"],
            run_id=run.id,
            reference_id=reference,
            scores=ctx.results["reproduce"]["scores"],
            digest=ctx.results["copy"]["digest"],
            created_at=now,
        )
        assign(ctx, tables.models.get(journal, model), names["number"], cause, now)
        if not first:
            probation.begin(ctx, model, ctx.results["prepare"]["champion"]["id"])
        for batch in ctx.results.get("snapshot", {}).get("batches", ()):
            gone = json.dumps(batch.get("gone", []))
            tables.windows.set(journal, IN_BATCH, run.project, *batch["windows"], gone, batch=batch["name"])
        decision = ctx.results.get("decide")
        _promoted(ctx, now, decision, decision["sentence"] if decision else f"{names['version']} is the first model.")
    ctx.log.line(f"{names['version']} is in production")
    clean(ctx)


def recall(ctx: Context) -> None:
    """Say in one write that an earlier model is in production again; the loop of the project brings its reference back."""
    names, decision = ctx.results["number"], ctx.results["decide"]
    model = tables.models.get(ctx.journal, ctx.results["prepare"]["recalled"]["id"])
    with ctx.journal.write():
        now = ctx.journal.clock()
        assign(ctx, model, names["number"], "recall", now)
        probation.begin(ctx, model.id, ctx.results["prepare"]["champion"]["id"])
        _promoted(ctx, now, decision, decision["sentence"])
    ctx.log.line(f"{model.version} is in production again")
    clean(ctx)


def roll_back(ctx: Context) -> None:
    """Say in one write that a champion failed its probation: the one before and its reference are back."""
    journal, run, decision = ctx.journal, ctx.run, ctx.results["decide"]
    model = tables.models.get(journal, ctx.results["prepare"]["recalled"]["id"])
    with journal.write():
        now = journal.clock()
        probation.looked(journal, run.plan, decision)
        assign(ctx, model, ctx.results["number"]["number"], "rollback", now)
        if tables.incidents.first(journal, ALARMED, ctx.project) is None:  # else a further regime is being answered
            bring_back(journal, model)
        tables.runs.update(
            journal,
            run.id,
            state=RunState.ROLLED_BACK,
            step=None,
            error=None,
            ended_at=now,
            decision=decision,
        )
        journal.emit(
            "run-rolled-back", project=ctx.project, subject=run.id, version=model.version, sentence=decision["sentence"]
        )
    ctx.log.line(f"{model.version} is in production again")
    clean(ctx)


def bring_back(journal: Journal, model: Model) -> None:
    """Judge the next windows against the reference of a model that is in production again; those of a season that has one of its own go on."""
    if model.reference_id is None:
        return
    began = tables.references.get(journal, model.reference_id).first_window
    if not season_references.set_aside(journal, model.project, model.reference_id, began):
        detail = tables.projects.get(journal, model.project).detail
        detail = {key: value for key, value in detail.items() if key != "collecting"}
        tables.projects.update(journal, model.project, reference_id=model.reference_id, detail=detail)


def assign(ctx: Context, model: Model, number: int, cause: str, at: float) -> int:
    """Write who is in production now and ask for the hooks, inside the caller's write."""
    probation.supersede(ctx.journal, ctx.project, f"{model.version} by {cause}")
    assignment = tables.assignments.add(
        ctx.journal,
        project=ctx.project,
        number=number,
        model_id=model.id,
        cause=cause,
        run_id=ctx.run.id or None,
        assigned_at=at,
    )
    queue.add(ctx.journal, ctx.project, assignment, ctx.settings.hooks)
    ctx.journal.emit("model-assigned", project=ctx.project, subject=model.id, version=model.version, cause=cause)
    return assignment


def _promoted(ctx: Context, now: float, decision: dict[str, Any] | None, sentence: str) -> None:
    said = (ctx.run.decision or {}).get("approval")
    tables.runs.update(
        ctx.journal,
        ctx.run.id,
        state=RunState.PROMOTED,
        step=None,
        error=None,
        ended_at=now,
        decision={**decision, **({"approval": said} if said else {})} if decision else None,
    )
    version = ctx.results["number"]["version"]
    ctx.journal.emit("run-promoted", project=ctx.project, subject=ctx.run.id, version=version, sentence=sentence)


def _reference(ctx: Context, now: float) -> int:
    """Insert the champion's reference and let the project watch against it."""
    made: dict[str, Any] = ctx.results["reference"]
    project = ctx.project
    reference = tables.references.add(
        ctx.journal,
        project=project,
        profile=made["profile"],
        rows=made["rows"],
        armed=made["armed"],
        reason=made["reason"],
        made_of={"dataset": ctx.results["commit"]["revision"]},
        created_at=now,
    )
    detail = tables.projects.get(ctx.journal, project).detail | {"base": ctx.results["prepare"]["branch"]}
    tables.projects.update(ctx.journal, project, columns=made["columns"], reference_id=reference, detail=detail)
    tables.projects.update(ctx.journal, project, state=ProjectState.ACTIVE)
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
    try:
        model_store.clean(ctx.layout.models, [row["version"] for row in rows])
    except OSError as error:  # the next promotion tries again
        ctx.log.line(f"  served copies that are not needed any more stay: {error}")
