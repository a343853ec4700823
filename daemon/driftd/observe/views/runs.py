"""Runs: what they did, step by step, and why they ended as they did."""

from datetime import datetime
from typing import Any

from driftd.journal import Journal, tables
from driftd.journal.records import Model, Run, Step
from driftd.observe.views.base import LIMIT, View, found, when


class StepView(View, frozen=True, kw_only=True):
    name: str
    started_at: datetime
    ended_at: datetime | None
    seconds: float | None


class Pair(View, frozen=True, kw_only=True):
    """One score of both models on the same rows."""

    name: str
    champion: float | None  # None where it was no number
    candidate: float | None
    bounds: dict[str, list[float]] | None = (
        None  # champion, candidate, difference: [lower, upper]; only with per-row results
    )
    better: str = "higher"  # or "lower": which way of the score is the better one


class RunView(View, frozen=True, kw_only=True):
    id: int
    project: str
    cause: str
    state: str
    step: str | None
    incident: int | None
    created_at: datetime
    ended_at: datetime | None
    steps: list[StepView]
    sentence: str | None  # the decision, or the error, in words
    champion: str | None  # the version that the candidate was compared with
    candidate: str | None  # that version where it has one: an earlier champion, or what the run put into production
    version: str | None  # the version that the run put into production
    windows: list[int] | None  # first and last window whose rows it added
    scores: list[Pair]  # the metric that decides, then regimes, then labels
    decision: dict[str, Any] | None


def runs(journal: Journal, project: str | None = None, limit: int = LIMIT, before: int | None = None) -> list[RunView]:
    """Return runs, the newest first."""
    where = "id < ?"
    values: list[object] = [before or 2**62]
    if project is not None:
        where, values = where + " AND project = ?", [*values, project]
    return [view(journal, row) for row in tables.runs.all(journal, where, *values, order=f"id DESC LIMIT {int(limit)}")]


def run(journal: Journal, run_id: int) -> RunView:
    row = tables.runs.first(journal, "id = ?", run_id)
    return view(journal, found(row, f"run {run_id}", "see `driftd history PROJECT`"))


def promoted(journal: Journal, run_id: int) -> Model | None:
    """Return the model that a run has put into production, if it has."""
    assigned = tables.assignments.first(journal, "run_id = ?", run_id)
    return tables.models.get(journal, assigned.model_id) if assigned else None


def view(journal: Journal, row: Run) -> RunView:
    steps = tables.steps.all(journal, "run_id = ?", row.id, order="started_at, rowid")
    prepared = next((step.result for step in steps if step.name == "prepare" and step.result), {})
    model = promoted(journal, row.id)
    return RunView(
        id=row.id,
        project=row.project,
        cause=row.cause,
        state=row.state,
        step=row.step,
        incident=row.incident_id,
        created_at=when(row.created_at),
        ended_at=when(row.ended_at),
        steps=[_step(step) for step in steps],
        sentence=row.error or (row.decision or {}).get("sentence"),
        champion=(prepared.get("champion") or {}).get("version"),
        candidate=(prepared.get("recalled") or {}).get("version") or (model.version if model else None),
        version=model.version if model else None,
        windows=prepared.get("windows"),
        scores=_scores(row.decision or {}),
        decision=row.decision,
    )


def _step(step: Step) -> StepView:
    seconds = None if step.ended_at is None else round(step.ended_at - step.started_at, 3)
    return StepView(name=step.name, started_at=when(step.started_at), ended_at=when(step.ended_at), seconds=seconds)


def _scores(decision: dict[str, Any]) -> list[Pair]:
    if "metric" not in decision:
        return []
    parts = [(decision["metric"].partition(":")[2], decision)]
    parts += [(f"{name} regime", part) for name, part in decision.get("by_regime", {}).items()]
    parts += list(decision.get("by_label", {}).items())
    better = decision.get("better", "higher")
    return [
        Pair(
            name=name,
            champion=part["champion"],
            candidate=part["candidate"],
            bounds=_bounds(part.get("bounds")),
            better=better,
        )
        for name, part in parts
    ]


def _bounds(said: dict[str, list[float | None]] | None) -> dict[str, list[float]] | None:
    """Return bounds that are numbers throughout."""
    known = {name: [value for value in pair if value is not None] for name, pair in (said or {}).items()}
    return known if known and all(len(pair) == 2 for pair in known.values()) else None  # noqa: PLR2004  # lower and upper
