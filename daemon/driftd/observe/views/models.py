"""Models: the versions that were in production, and when."""

from datetime import datetime

from driftd.journal import Journal, tables
from driftd.journal.records import Assignment, HookRow, HookState, Model
from driftd.observe.views.base import LIMIT, View, found, when
from driftd.observe.views.champion_losses import LossesView, over_all


class HookView(View, frozen=True, kw_only=True):
    kind: str
    title: str
    state: str
    attempts: int
    error: str | None
    next_at: datetime | None  # when a hook that waits is called
    ended_at: datetime | None


class AssignmentView(View, frozen=True, kw_only=True):
    number: int
    cause: str
    assigned_at: datetime
    hooks: list[HookView]


class ModelView(View, frozen=True, kw_only=True):
    project: str
    version: str
    revision: str
    champion: bool
    run: int | None
    created_at: datetime
    digest: str
    scores: dict[str, float]
    batches: list[str]  # what its run added to the dataset
    assignments: list[AssignmentView]
    losses: LossesView | None  # on labelled rows while it was in production


def models(journal: Journal, project: str, limit: int = LIMIT, before: int | None = None) -> list[ModelView]:
    """Return a project's models, the newest first."""
    rows = tables.models.all(
        journal, "project = ? AND id < ?", project, before or 2**62, order=f"id DESC LIMIT {int(limit)}"
    )
    champion = champion_id(journal, project)
    return [_view(journal, row, champion) for row in rows]


def model(journal: Journal, project: str, version: str) -> ModelView:
    row = tables.models.first(journal, "project = ? AND version = ?", project, version)
    row = found(row, f"model {project}@{version}", f"see `driftd history {project}`")
    return _view(journal, row, champion_id(journal, project))


def champion(journal: Journal, project: str) -> ModelView | None:
    """Return the model in production."""
    model_id = champion_id(journal, project)
    return None if model_id is None else _view(journal, tables.models.get(journal, model_id), model_id)


def champion_id(journal: Journal, project: str) -> int | None:
    last = tables.assignments.newest(journal, project, by="number")
    return last.model_id if last else None


def whole_first(score: str) -> tuple[int, str]:
    """Sort scores of the whole before those of one label."""
    return score.count("."), score


def _view(journal: Journal, row: Model, champion: int | None) -> ModelView:
    assigned = tables.assignments.all(journal, "model_id = ?", row.id, order="number")
    step = tables.steps.first(journal, "run_id = ? AND name = 'snapshot'", row.run_id) if row.run_id else None
    return ModelView(
        project=row.project,
        version=row.version,
        revision=row.revision,
        champion=row.id == champion,
        run=row.run_id,
        created_at=when(row.created_at),
        digest=row.digest,
        scores={
            name: row.scores[name]
            for name in sorted(row.scores, key=whole_first)
            if isinstance(row.scores[name], int | float)
        },
        batches=[batch["name"] for batch in (step.result or {}).get("batches", [])] if step else [],
        assignments=[_assignment(journal, each) for each in assigned],
        losses=over_all(journal, row.id),
    )


def _assignment(journal: Journal, row: Assignment) -> AssignmentView:
    hooks = tables.hooks.all(journal, "assignment_id = ?", row.id, order="position")
    return AssignmentView(
        number=row.number, cause=row.cause, assigned_at=when(row.assigned_at), hooks=[_hook(each) for each in hooks]
    )


def _hook(row: HookRow) -> HookView:
    waits = row.state is HookState.WAITING
    return HookView(
        kind=row.kind,
        title=row.title,
        state=row.state,
        attempts=row.attempts,
        error=row.error,
        next_at=when(row.due_at) if waits else None,
        ended_at=when(row.ended_at),
    )
