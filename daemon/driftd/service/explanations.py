"""Explanations out of what the daemon keeps: counts of the reference and of windows. Only for the words of texts rows are read again."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from driftd.errors import DataError
from driftd.journal import Journal, references, tables
from driftd.journal.layout import Layout
from driftd.journal.records import Window
from driftd.journal.window_spans import held_against, spans_of
from driftd.observe import views
from driftd.observe.views import IncidentView
from driftd.observe.views.incidents import ColumnView
from driftd.observe.views.incidents import columns as columns_of
from driftd.readers import Kind, Schema, Span

if TYPE_CHECKING:
    from driftd.detect.explanation.term_changes import Term

BEFORE = 20  # windows before a change whose texts are compared
ROWS = 800  # of either side that are enough to see which words came and went


@dataclass(frozen=True)
class Material:
    """What an explanation is made of, as plain values that cross to a worker."""

    reference: bytes
    windows: tuple[bytes, ...]
    columns: tuple[ColumnView, ...]
    before: tuple[Span, ...] = ()  # rows whose texts are compared
    now: tuple[Span, ...] = ()
    schema: Schema | None = None


def of_incident(journal: Journal, state_dir: Path, incident: IncidentView) -> Material | None:
    """Return what explains an incident: its windows from the onset to the alarm, against what they had left."""
    reference = references.left(journal, tables.incidents.get(journal, incident.id))
    first, last = incident.onset_window or incident.window, incident.window
    if reference is None or first is None or last is None:
        return None
    found = _material(journal, state_dir, incident.project, reference, (first, last), incident.columns)
    return found and _with_rows(journal, incident.project, reference, (first, last), found)


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
    from driftd.detect.explanation.distributions import explain
    from driftd.detect.reference import Reference
    from driftd.profile import Profile

    reference = Reference.from_bytes(material.reference)
    current = Profile.empty(reference.layout)
    for window in material.windows:
        current = current.merge(Profile.from_bytes(window))
    explained = explain(reference.layout, reference.compared, current, material.columns, _terms(material))
    return [each.to_json() for each in explained]


def _terms(material: Material) -> "dict[str, tuple[Term, ...]]":
    """Compare the texts; what has been taken away since cannot be."""
    from driftd.detect.explanation.term_changes import changed_terms
    from driftd.readers import read_spans

    schema = material.schema
    if schema is None or not material.before:
        return {}
    try:
        return changed_terms(schema.columns, read_spans(material.before, schema), read_spans(material.now, schema))
    except (OSError, DataError):
        return {}


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


def _with_rows(
    journal: Journal, project: str, reference_id: int, numbers: tuple[int, int], found: Material
) -> Material:
    """Add where the rows are of which the texts are compared, if any that moved is one."""
    schema = Schema.from_json(tables.projects.get(journal, project).columns or [])
    texts = {column.name for column in schema.columns if column.kind in (Kind.TEXT, Kind.ENTITIES)}
    if not any(column.drift and column.name in texts for column in found.columns):
        return found
    before = held_against(journal, project, reference_id, numbers[0], BEFORE)
    now = tables.windows.all(
        journal, "project = ? AND number BETWEEN ? AND ? AND state <> 'held'", project, *numbers, order="number"
    )
    spans = (tuple(spans_of(journal, _enough(windows))) for windows in (before, now))
    return replace(found, before=next(spans), now=next(spans), schema=schema.subset(texts))


def _enough(windows: Sequence[Window]) -> list[Window]:
    """Take as many windows as it needs for ROWS rows: a page does not wait for more."""
    rows = accumulate((window.rows for window in windows), initial=0)
    return [window for window, already in zip(windows, rows, strict=False) if already < ROWS]


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
