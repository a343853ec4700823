"""Probation: a new champion is held against the one before, on labelled rows that came after its promotion.

A look is a run that scores both on the fresh rows so far. Each is another chance to roll back a champion that is no worse: the chance
that any of them does is at most `1 - promote.confidence`, because looks spend it as decisions do (`spending`).
"""

from typing import Any

from driftd.config.settings import Promote
from driftd.journal import Journal, tables
from driftd.journal.records import Probation, ProbationState
from driftd.retrain.context import Context
from driftd.retrain.evaluation.decision import probation as decided
from driftd.retrain.steps import training

LOOKS = """
    SELECT count(*) AS n FROM runs JOIN steps ON run_id = runs.id
    WHERE project = ? AND plan ->> '$.probation' = ? AND name = 'decide' AND result IS NOT NULL
"""


def opened(journal: Journal, project: str) -> Probation | None:
    """Return the probation that is going on."""
    return tables.probations.first(journal, "project = ? AND state = ?", project, ProbationState.ON)


def decide(ctx: Context) -> dict[str, Any]:
    """Decide whether the new champion is worse than the one before."""
    prepared, plan = ctx.results["prepare"], ctx.run.plan
    earlier = int(ctx.journal.rows(LOOKS, ctx.project, plan["probation"])[0]["n"])
    new, before = ctx.results["score"]["scores"], ctx.results["reproduce"]["scores"]
    compared = training.row_by_row(ctx, earlier)
    versions = (prepared["champion"]["version"], prepared["recalled"]["version"])
    decision = decided(ctx.settings.promote, new, before, compared, earlier, versions, last=plan["last"])
    ctx.log.line(decision["sentence"])
    return decision


def begin(ctx: Context, model: int, before: int) -> None:
    """Put a new champion on probation, inside its promotion's write: from the first window on whose rows no decision has seen."""
    settings, journal = ctx.settings.promote, ctx.journal
    if settings.probation is None or settings.per_row is None:
        return
    query = "SELECT coalesce(max(number), 0) AS n FROM windows WHERE project = ?"
    windows = ctx.results["prepare"]["windows"]
    last = windows[1] if windows else journal.rows(query, ctx.project)[0]["n"]
    now = journal.clock()
    number = tables.probations.add(
        journal,
        project=ctx.project,
        model_id=model,
        before_id=before,
        first_window=last + 1,
        rows=settings.probation.rows,
        until=now + settings.probation.max_age,
        state=ProbationState.ON,
        labelled=0,
        seen=0,
        began_at=now,
    )
    journal.emit("probation-began", project=ctx.project, subject=number, rows=settings.probation.rows)


def asked_for(settings: Promote) -> bool:
    """Return whether new champions are put on probation: it takes per-row results to know that one is worse."""
    return settings.probation is not None and settings.per_row is not None


def looked(journal: Journal, plan: dict[str, Any], decision: dict[str, Any]) -> None:
    """Keep what a look has found; the last one ends the probation, and so does a champion that is worse."""
    found = tables.probations.get(journal, plan["probation"])
    if found.state is not ProbationState.ON:  # a person was faster
        return
    tables.probations.update(journal, found.id, seen=plan["labelled"], sentence=decision["sentence"])
    if decision["verdict"] == "roll-back":
        end(journal, found, ProbationState.ROLLED_BACK, decision["sentence"])
    elif plan["last"]:
        end(journal, found, ProbationState.PASSED, decision["sentence"])


def supersede(journal: Journal, project: str, cause: str) -> None:
    """End the probation because another model goes into production."""
    if (found := opened(journal, project)) is not None:
        end(journal, found, ProbationState.SUPERSEDED, f"Another model went into production first: {cause}.")


def end(journal: Journal, found: Probation, state: ProbationState, sentence: str) -> None:
    tables.probations.update(journal, found.id, state=state, sentence=sentence, ended_at=journal.clock())
    journal.emit("probation-ended", project=found.project, subject=found.id, outcome=state, sentence=sentence)
