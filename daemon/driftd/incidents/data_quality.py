"""Broken data: one open incident of a project, whose windows are held back. Every function that writes is called inside one journal write."""

from typing import Any

from driftd.incidents import lifecycle
from driftd.journal import Journal, season_references, tables
from driftd.journal.records import Incident, IncidentState, WindowState


def opened(journal: Journal, project: str) -> Incident | None:
    """Return the open incident."""
    return tables.incidents.first(journal, f"{lifecycle.LIVE} AND kind = 'quality'", project)


def broke(journal: Journal, project: str, window: int, verdict: dict[str, Any]) -> None:
    """Open an incident for a window whose data are broken, or add the window to the one that is open."""
    summary = "; ".join(verdict["problems"])
    found = opened(journal, project)
    if found is not None:
        detail = {**found.detail, "windows": found.detail["windows"] + 1}
        tables.incidents.update(journal, found.id, detail=detail, window=window, summary=summary)
        return
    incident_id = tables.incidents.add(
        journal,
        project=project,
        kind="quality",
        state=IncidentState.OPEN,
        summary=summary,
        detail={"verdict": verdict, "windows": 1},
        window=window,
        onset_window=window,
        opened_at=journal.clock(),
    )
    journal.emit(
        "incident-opened", project=project, subject=incident_id, incident="quality", window=window, summary=summary
    )


def recovered(journal: Journal, project: str) -> None:
    """Close the incident: a window is sound again. What was held back stays out."""
    if (found := opened(journal, project)) is not None:
        lifecycle.close(journal, found, "recovery")


def accept(journal: Journal, incident: Incident) -> None:
    """A person says that the data are right as they are: they are a new regime, from the first window that was held back since the last turn of a season."""
    lifecycle.close(journal, incident, "person")
    tables.windows.set(
        journal,
        "project = ? AND number >= ? AND state = ?",
        incident.project,
        incident.onset_window,
        WindowState.HELD,
        state=WindowState.COLLECTED,
    )
    first = max(incident.onset_window or 0, season_references.began(journal, incident.project))
    detail = {**tables.projects.get(journal, incident.project).detail, "collecting": {"from": first}}
    tables.projects.update(journal, incident.project, reference_id=None, detail=detail)
