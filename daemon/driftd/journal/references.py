"""Which reference belongs to what a run has made, and which one an incident is about."""

from driftd.journal import Journal, season_references, tables
from driftd.journal.records import Incident, Run


def of_run(journal: Journal, run: Run) -> int | None:
    """Return the reference of a run's regime, also where a further one has begun since; None while it is being collected."""
    regime, windows = run.plan.get("regime_from"), run.plan.get("windows")
    present = season_references.reference_of(journal, run.project, regime)
    if windows is None or (present is not None and known(journal, present, run)):
        return present
    if regime is None:
        window = tables.windows.first(journal, "project = ? AND number = ?", run.project, windows[1])
        return window.reference_id if window else None
    where = "project = ? AND first_window BETWEEN ? AND ?"
    found = tables.references.first(journal, where, run.project, regime, windows[1], order="id DESC")
    return found.id if found else None


def known(journal: Journal, reference_id: int, run: Run) -> bool:
    """Say whether the regime of a reference had begun in the windows that a run knows."""
    windows = run.plan.get("windows")
    return windows is None or (tables.references.get(journal, reference_id).first_window or 0) <= windows[1]


def left(journal: Journal, incident: Incident) -> int | None:
    """Return the reference that the newest alarm of an incident has left; the incident itself has that of its first."""
    if len(incident.detail.get("alarms", ())) > 1:
        window = tables.windows.first(journal, "project = ? AND number = ?", incident.project, incident.window)
        if window is not None and window.reference_id is not None:
            return window.reference_id
    return incident.reference_id
