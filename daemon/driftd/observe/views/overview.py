"""A project at a glance: is it well, what does the data say, which model is in production."""

from datetime import datetime
from typing import Literal

from driftd.journal import Journal, season_references, tables
from driftd.journal.records import ProjectRow
from driftd.observe.views import champion_losses
from driftd.observe.views.base import View, found, when
from driftd.observe.views.champion_losses import LossView
from driftd.observe.views.incidents import IncidentView
from driftd.observe.views.incidents import incidents as incidents_of
from driftd.observe.views.models import ModelView, champion
from driftd.observe.views.runs import RunView
from driftd.observe.views.runs import view as run_view
from driftd.observe.views.windows import WindowView, latest

Phase = Literal["new", "paused", "training", "approval", "incident", "collecting", "unarmed", "warning", "watching"]

PHASES: dict[Phase, str] = {
    "new": "has no model yet; the first run finds or makes it",
    "paused": "no run starts; intake and detection go on",
    "training": "a run is on its way",
    "approval": "a candidate waits for `driftd approve`",
    "incident": "an incident is open",
    "collecting": "collects rows of a new regime before it watches again",
    "unarmed": "counts windows but raises no alarm yet",
    "warning": "the data may be moving",
    "watching": "the data looks like the reference",
}


class ReferenceView(View, frozen=True, kw_only=True):
    rows: int
    armed: bool
    reason: str | None
    created_at: datetime


class SeasonView(View, frozen=True, kw_only=True):
    """A season of the settings that is on."""

    name: str
    year: int  # in which it began
    first_window: int
    began_at: datetime
    left_in: int | None  # the year whose season its windows are held against; None the first time


class HeldView(View, frozen=True, kw_only=True):
    """The gate that holds the next run back."""

    gate: str
    reason: str
    until: datetime | None  # where a clock opens it


class ProbationView(View, frozen=True, kw_only=True):
    """A new champion that is held against the one before."""

    version: str
    before: str
    rows: int  # labelled rows that it takes
    labelled: int  # that have come, as far as they have been counted
    until: datetime
    sentence: str | None  # what the last look found


class ProjectView(View, frozen=True, kw_only=True):
    name: str
    state: str
    phase: Phase
    champion: ModelView | None
    reference: ReferenceView | None
    season: SeasonView | None
    window: WindowView | None  # the last one that was judged
    files: dict[str, int]  # by state
    rows: int  # admitted
    rows_waiting: int  # admitted and in no window yet
    windows: int
    windows_waiting: int
    incidents: list[IncidentView]  # open ones
    run: RunView | None  # the last one
    held: HeldView | None
    probation: ProbationView | None
    loss: LossView | None
    last_file_at: datetime | None


def projects(journal: Journal) -> list[ProjectView]:
    """Return every project that the journal knows, by name."""
    return [_view(journal, row) for row in tables.projects.all(journal, order="name")]


def project(journal: Journal, name: str) -> ProjectView:
    row = tables.projects.first(journal, "name = ?", name)
    return _view(journal, found(row, f"project {name!r} in the journal", "see `driftd status`"))


def _view(journal: Journal, row: ProjectRow) -> ProjectView:
    run = tables.runs.newest(journal, row.name)
    last_run = run_view(journal, run) if run else None
    reference = _reference(journal, row)
    window = latest(journal, row.name)
    opened = incidents_of(journal, row.name, opened=True)
    files = journal.rows("SELECT state, files AS n, rows FROM file_totals WHERE project = ? AND files > 0", row.name)
    waiting = (
        "SELECT coalesce(sum(rows - windowed), 0) AS n FROM files INDEXED BY files_open"
        " WHERE project = ? AND state = 'admitted' AND windowed < rows"
    )
    last = tables.files.first(journal, "project = ? AND state = 'admitted'", row.name, order="id DESC")
    return ProjectView(
        name=row.name,
        state=row.state,
        phase=_phase(row, last_run, opened, window, armed=reference is None or reference.armed),
        champion=champion(journal, row.name),
        reference=reference,
        season=_season(journal, row.name),
        window=window,
        files={each["state"]: each["n"] for each in files},
        rows=sum(each["rows"] for each in files if each["state"] == "admitted"),
        rows_waiting=journal.rows(waiting, row.name)[0]["n"],
        windows=tables.windows.count(journal, "project = ?", row.name),
        windows_waiting=tables.windows.count(journal, "project = ? AND state = 'closed'", row.name),
        incidents=opened,
        run=last_run,
        held=_held(row),
        probation=_probation(journal, row.name),
        loss=champion_losses.last(journal, row.name),
        last_file_at=when(last.admitted_at) if last else None,
    )


def _season(journal: Journal, project: str) -> SeasonView | None:
    on = season_references.on(journal, project)
    if on is None:
        return None
    left = tables.seasons.first(journal, "project = ? AND left_id = ?", project, on.reference_id)
    return SeasonView(
        name=on.name,
        year=on.year,
        first_window=on.first_window,
        began_at=when(on.began_at),
        left_in=left.year if left else None,
    )


def _held(row: ProjectRow) -> HeldView | None:
    said = row.detail.get("held")
    return HeldView(gate=said["gate"], reason=said["reason"], until=when(said["until"])) if said else None


def _probation(journal: Journal, project: str) -> ProbationView | None:
    on = tables.probations.first(journal, "project = ? AND state = 'on'", project)
    if on is None:
        return None
    return ProbationView(
        version=tables.models.get(journal, on.model_id).version,
        before=tables.models.get(journal, on.before_id).version,
        rows=on.rows,
        labelled=on.labelled,
        until=when(on.until),
        sentence=on.sentence,
    )


def _reference(journal: Journal, row: ProjectRow) -> ReferenceView | None:
    if row.reference_id is None:
        return None
    now = tables.references.get(journal, row.reference_id)
    return ReferenceView(rows=now.rows, armed=now.armed, reason=now.reason, created_at=when(now.created_at))


def _phase(
    row: ProjectRow,
    run: RunView | None,
    opened: list[IncidentView],
    window: WindowView | None,
    *,
    armed: bool,
) -> Phase:
    """Return the one word that matters most; the first that holds."""
    said = window.evidence if window else None
    facts: list[tuple[Phase, bool]] = [
        ("training", run is not None and run.state == "running"),
        ("approval", run is not None and run.state == "waiting"),
        ("new", row.state == "new"),
        ("paused", row.state == "paused"),
        ("incident", bool(opened)),
        ("collecting", row.reference_id is None),
        ("unarmed", not armed),
        ("warning", said is not None and said.warn),
    ]
    return next((phase for phase, holds in facts if holds), "watching")
