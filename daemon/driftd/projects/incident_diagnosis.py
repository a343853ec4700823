"""What an incident was, once the windows after its alarm are there: found out in a worker, kept with the incident."""

import logging
from concurrent.futures import Executor
from typing import Any

from driftd.detect.settings import AFTER, BEFORE
from driftd.detect.tasks.protocol import find_out
from driftd.errors import DriftdError
from driftd.journal import Journal, tables
from driftd.journal.layout import Layout
from driftd.journal.records import Incident, Reference, Window, WindowState
from driftd.journal.window_spans import spans_of
from driftd.readers import Schema

logger = logging.getLogger(__name__)

EARLIER = 8  # regimes that may have come back


def waiting(journal: Journal, project: str, since: int) -> Incident | None:
    """Return the incident whose regime is collected since a window, if nothing is known of its kind yet; it may be answered already.

    Where the rows have not changed, but what they mean, they have no pattern.
    """
    incident = tables.incidents.first(journal, "project = ? AND reference_id IS NOT NULL", project, order="id DESC")
    if incident is None or (incident.window or 0) < since:
        return None
    known = "pattern" in incident.detail or len(incident.detail.get("alarms", ())) != 1
    moved = any(column["drift"] for column in incident.detail["verdict"]["columns"])
    return incident if moved and not known else None


def pattern(
    journal: Journal, layout: Layout, executor: Executor, schema: Schema, incident: Incident
) -> dict[str, Any] | None:
    """Look at the windows around an alarm.

    Returns:
        {"kind", "onset_window", "regime": the number of the reference whose regime has come back, or None}; None
        where their rows cannot be read any more.
    """
    try:
        return _found_out(journal, layout, executor, schema, incident)
    except (DriftdError, OSError) as error:  # it only informs, and somebody may have removed the files
        logger.warning("what incident %d was cannot be found out: %s", incident.id, error)
        return None


def _found_out(
    journal: Journal, layout: Layout, executor: Executor, schema: Schema, incident: Incident
) -> dict[str, Any]:
    known = tables.references.get(journal, incident.reference_id or 0)
    alarm = incident.window or 0
    before, after = _around(journal, incident.project, known, alarm)
    profiles = [(layout.windows / (window.profile or "")).read_bytes() for window in before]
    columns = {c["name"]: c["effect"] for c in incident.detail["verdict"]["columns"] if c["drift"]}
    spans = [spans_of(journal, [window]) for window in after]
    earlier = [(each.id, _blob(layout, each)) for each in _earlier(journal, incident)]
    kind, onset, regime = executor.submit(
        find_out, _blob(layout, known), columns, profiles, spans, schema, earlier
    ).result()
    return {"kind": kind, "onset_window": [*before, *after][onset].number, "regime": regime}


def _around(journal: Journal, project: str, reference: Reference, alarm: int) -> tuple[list[Window], list[Window]]:
    before = tables.windows.all(
        journal,
        "project = ? AND reference_id = ? AND number < ? AND state = ?",
        project,
        reference.id,
        alarm,
        WindowState.JUDGED,
        order=f"number DESC LIMIT {BEFORE}",
    )
    after = tables.windows.all(
        journal,
        "project = ? AND number >= ? AND state IN (?, ?)",
        project,
        alarm,
        WindowState.JUDGED,
        WindowState.COLLECTED,
        order=f"number LIMIT {AFTER}",
    )
    return before[::-1], after


def _earlier(journal: Journal, incident: Incident) -> list[Reference]:
    """Return the regimes that began before the incident's own, but for the one that it has left."""
    where = "project = ? AND id <> ? AND armed AND coalesce(first_window, 0) < ?"
    return tables.references.all(
        journal, where, incident.project, incident.reference_id, incident.onset_window, order=f"id DESC LIMIT {EARLIER}"
    )


def _blob(layout: Layout, reference: Reference) -> bytes:
    return (layout.references / reference.profile).read_bytes()
