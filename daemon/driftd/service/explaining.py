"""Explanations out of what the daemon keeps: counts of the reference and of windows. No row is read again."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from driftd.journal import Journal, tables
from driftd.journal.layout import Layout
from driftd.observe import views
from driftd.observe.views import IncidentView
from driftd.observe.views.incidents import ColumnView
from driftd.observe.views.incidents import columns as columns_of


@dataclass(frozen=True)
class Material:
    """What an explanation is made of, as plain values that cross to a worker."""

    reference: bytes
    windows: tuple[bytes, ...]
    columns: tuple[ColumnView, ...]


def of_incident(journal: Journal, state_dir: Path, incident: IncidentView) -> Material | None:
    """Return what explains an incident: its windows from the onset to the alarm, against what they had left."""
    row = tables.incidents.get(journal, incident.id)
    first, last = incident.onset_window or incident.window, incident.window
    if row.reference_id is None or first is None or last is None:
        return None
    return _material(journal, state_dir, incident.project, row.reference_id, (first, last), incident.columns)


def of_project(journal: Journal, state_dir: Path, project: str) -> Material | None:
    """Return what shows a project's data now: the last window that was judged, against its reference."""
    window = tables.windows.first(
        journal, "project = ? AND state = 'judged' AND profile IS NOT NULL", project, order="number DESC"
    )
    if window is None or window.reference_id is None or window.verdict is None:
        return None
    place = (window.number, window.number)
    return _material(journal, state_dir, project, window.reference_id, place, columns_of(window.verdict))


def told(material: Material) -> list[dict[str, Any]]:
    """Explain, in a worker or in a command."""
    from driftd.detect.explain import explain
    from driftd.detect.reference import Reference
    from driftd.profile import Profile

    reference = Reference.from_bytes(material.reference)
    current = Profile.empty(reference.layout)
    for window in material.windows:
        current = current.merge(Profile.from_bytes(window))
    return [each.to_json() for each in explain(reference.layout, reference.profile, current, material.columns)]


def report_of(
    journal: Journal, project: str, incident: int | None = None, run: int | None = None
) -> tuple[IncidentView | None, views.RunView | None]:
    """Return what a report is about: what was asked for, or the project's last incident with its answer, or its last run."""
    if run is not None:
        found = views.run(journal, run)
        return (views.incident(journal, found.incident) if found.incident else None), found
    if incident is not None:
        about: IncidentView | None = views.incident(journal, incident)
    else:
        about = next(iter(views.incidents(journal, project, limit=1)), None)
    if about is None:
        return None, next(iter(views.runs(journal, project, limit=1)), None)
    return about, views.run(journal, about.runs[-1]) if about.runs else None


def _material(
    journal: Journal,
    state_dir: Path,
    project: str,
    reference_id: int,
    numbers: tuple[int, int],
    columns: Sequence[ColumnView],
) -> Material | None:
    layout = Layout(state_dir, project)
    reference = tables.references.get(journal, reference_id)
    windows = tables.windows.all(
        journal,
        "project = ? AND number BETWEEN ? AND ? AND profile IS NOT NULL AND reference_id = ?",
        project,
        *numbers,
        reference_id,
    )
    try:
        blob = (layout.references / reference.profile).read_bytes()
        counts = tuple((layout.windows / window.profile).read_bytes() for window in windows if window.profile)
    except FileNotFoundError:  # they were removed with what they are about
        return None
    return Material(blob, counts, tuple(columns)) if counts else None
