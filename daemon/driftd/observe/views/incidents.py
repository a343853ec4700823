"""Incidents: what moved, how much, and what came of it."""

from datetime import datetime
from typing import Any

from driftd.journal import Journal, tables
from driftd.journal.records import Incident, IncidentState
from driftd.observe.views.base import LIMIT, View, found, when

WAITING = (IncidentState.OPEN, IncidentState.UNRESOLVED)


class ColumnView(View, frozen=True, kw_only=True):
    name: str
    kind: str
    drift: bool
    effect: float
    evidence: float
    statistics: list[dict[str, Any]]


class IncidentView(View, frozen=True, kw_only=True):
    id: int
    project: str
    kind: str
    state: str
    summary: str
    opened_at: datetime
    closed_at: datetime | None
    resolution: str | None
    window: int | None
    onset_window: int | None
    retry_rows: int | None
    runs: list[int]
    pattern: dict[str, Any] | None  # kind, onset_window, and the reference whose regime has come back
    columns: list[ColumnView]  # the largest effect first
    files: list[dict[str, Any]]  # of a schema incident
    to_label: dict[str, Any] | None  # `file` with the `rows` most worth a label, while a run waits for labels


def incidents(
    journal: Journal,
    project: str | None = None,
    *,
    opened: bool = False,
    limit: int = LIMIT,
    before: int | None = None,
) -> list[IncidentView]:
    """Return incidents, the newest first; only those that are open, if asked."""
    where = "id < ?"
    values: list[object] = [before or 2**62]
    if project is not None:
        where, values = where + " AND project = ?", [*values, project]
    if opened:
        where += " AND state <> 'closed'"
    rows = tables.incidents.all(journal, where, *values, order=f"id DESC LIMIT {int(limit)}")
    return [_view(journal, row) for row in rows]


def incident(journal: Journal, incident_id: int) -> IncidentView:
    row = tables.incidents.first(journal, "id = ?", incident_id)
    return _view(journal, found(row, f"incident {incident_id}", "see `driftd incidents list`"))


def _view(journal: Journal, row: Incident) -> IncidentView:
    answered = journal.rows("SELECT id FROM runs WHERE incident_id = ? ORDER BY id", row.id)
    return IncidentView(
        id=row.id,
        project=row.project,
        kind=row.kind,
        state=row.state,
        summary=row.summary,
        opened_at=when(row.opened_at),
        closed_at=when(row.closed_at),
        resolution=row.resolution,
        window=row.window,
        onset_window=row.onset_window,
        retry_rows=row.retry_rows,
        runs=[each["id"] for each in answered],
        pattern=row.detail.get("pattern"),
        columns=columns(row.detail.get("verdict", {})),
        files=row.detail.get("files", []),
        to_label=row.detail.get("to_label") if row.state in WAITING else None,
    )


def columns(verdict: dict[str, Any]) -> list[ColumnView]:
    """Return what a verdict says of the columns: those that moved first, the largest effect first."""
    said = sorted(verdict.get("columns", []), key=lambda c: (not c["drift"], -c["effect"]))
    return [_column(each) for each in said]


def _column(said: dict[str, Any]) -> ColumnView:
    return ColumnView(
        name=said["name"],
        kind=said["kind"],
        drift=said["drift"],
        effect=said["effect"],
        evidence=said["evidence"],
        statistics=list(said["statistics"]),
    )
