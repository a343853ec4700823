"""What happened in a project, as a line of time."""

from datetime import datetime
from typing import Literal

from driftd.journal import Journal, tables
from driftd.journal.records import Assignment, HookRow, Incident, Model, Run, Season
from driftd.observe.views.base import LIMIT, View, when
from driftd.observe.views.runs import promoted

Kind = Literal[
    "incident",
    "closed",
    "promoted",
    "kept",
    "rolled-back",
    "failed",
    "stopped",
    "running",
    "waiting",
    "model",
    "hook",
    "season",
]


class Entry(View, frozen=True, kw_only=True):
    """One thing that happened; `id` is that of the incident or run, `version` the model's."""

    at: datetime
    kind: Kind
    id: int | None
    version: str | None
    text: str


def timeline(journal: Journal, project: str, limit: int = LIMIT) -> list[Entry]:
    """Return incidents, runs and changes of the champion, the newest first."""
    last = f"id DESC LIMIT {int(limit)}"
    entries: list[Entry] = []
    for incident in tables.incidents.of(journal, project, order=last):
        entries += _of_incident(incident)
    for run in tables.runs.of(journal, project, order=last):
        entries.append(_of_run(run, promoted(journal, run.id)))
    for assignment in tables.assignments.all(journal, "project = ? AND run_id IS NULL", project, order=last):
        entries.append(_of_assignment(assignment, tables.models.get(journal, assignment.model_id)))
    failed = tables.hooks.all(journal, "project = ? AND state = 'failed'", project, order=last)
    entries += [_of_hook(hook, journal) for hook in failed]
    for season in tables.seasons.of(journal, project, order=last):
        entries += _of_season(season)
    return sorted(entries, key=lambda entry: entry.at, reverse=True)[:limit]


def _of_incident(incident: Incident) -> list[Entry]:
    entries = [
        Entry(
            at=when(incident.opened_at),
            kind="incident",
            id=incident.id,
            version=None,
            text=f"{incident.kind}: {incident.summary}",
        )
    ]
    if incident.closed_at is not None:
        text = f"closed by {incident.resolution}"
        entries.append(Entry(at=when(incident.closed_at), kind="closed", id=incident.id, version=None, text=text))
    return entries


def _of_season(season: Season) -> list[Entry]:
    against = "the last time" if season.reference_id else "the usual reference, as nothing of it is kept yet"
    told = f"{season.name} began with window {season.first_window}; held against {against}"
    entries = [Entry(at=when(season.began_at), kind="season", id=None, version=None, text=told)]
    if season.ended_at is not None:
        left = (
            "its windows are kept for the next time"
            if season.left_id
            else f"nothing new of it is kept: {season.reason}"
        )
        told = f"{season.name} ended with window {season.last_window}; {left}"
        entries.append(Entry(at=when(season.ended_at), kind="season", id=None, version=None, text=told))
    return entries


def _of_run(run: Run, model: Model | None) -> Entry:
    text = run.error or (run.decision or {}).get("sentence")
    if text is None and model is not None:
        text = f"{model.version} is the first model"
    elif text is None:
        text = f"cause: {run.cause}" + (f", in step {run.step}" if run.step else "")
    at, version = when(run.ended_at or run.created_at), model.version if model else None
    return Entry(at=at, kind=run.state.value, id=run.id, version=version, text=text)


def _of_hook(hook: HookRow, journal: Journal) -> Entry:
    assignment = tables.assignments.get(journal, hook.assignment_id)
    version = tables.models.get(journal, assignment.model_id).version
    text = f"{hook.kind} {hook.title} was given up: {hook.error}"
    return Entry(at=when(hook.ended_at or hook.due_at), kind="hook", id=None, version=version, text=text)


def _of_assignment(assignment: Assignment, model: Model) -> Entry:
    """Tell of a change of the champion that no run tells of."""
    text = f"{model.version} went into production: {assignment.cause}"
    at = when(assignment.assigned_at)
    return Entry(at=at, kind="model", id=None, version=model.version, text=text)
