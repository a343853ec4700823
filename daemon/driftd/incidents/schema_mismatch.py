"""One open incident of a project for all files whose columns do not fit. Every function is called inside a journal write."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftd.journal import tables
from driftd.journal.records import FileState, Incident, IncidentState

if TYPE_CHECKING:
    from driftd.journal import Journal
    from driftd.journal.records import File

NAMED = 20  # files that an incident names; the rest are counted


def add(journal: Journal, file: File, reason: str) -> None:
    """Add a file to the open incident, or open one."""
    entry = {"file": file.id, "name": file.name, "reason": reason}
    incident = _open(journal, file.project)
    if incident is not None:
        files = incident.detail["files"]
        detail = {"files": [*files, entry] if len(files) < NAMED else files, "count": incident.detail["count"] + 1}
        tables.incidents.update(journal, incident.id, detail=detail)
        return
    incident_id = tables.incidents.add(
        journal,
        project=file.project,
        kind="schema",
        state=IncidentState.OPEN,
        summary=reason,
        detail={"files": [entry], "count": 1},
        opened_at=journal.clock(),
    )
    journal.emit("incident-opened", project=file.project, subject=incident_id, incident="schema", summary=reason)


def recover(journal: Journal, project: str) -> None:
    """Close the incident once none of its files waits in quarantine any more."""
    incident = _open(journal, project)
    if incident is None:
        return
    first = incident.detail["files"][0]["file"]
    if tables.files.first(journal, "project = ? AND state = ? AND id >= ?", project, FileState.QUARANTINED, first):
        return
    tables.incidents.update(
        journal, incident.id, state=IncidentState.CLOSED, resolution="recovery", closed_at=journal.clock()
    )
    journal.emit("incident-closed", project=project, subject=incident.id, resolution="recovery")


def _open(journal: Journal, project: str) -> Incident | None:
    return tables.incidents.first(journal, "project = ? AND state <> 'closed' AND kind = 'schema'", project)
