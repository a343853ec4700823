"""Windows become evidence, and evidence becomes incidents: a function of the admitted rows, in their order, and of nothing else."""

from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Any

from driftd.config import Project
from driftd.detect.file_volume import RECENT, odd_volumes
from driftd.detect.settings import AFTER, DriftSettings
from driftd.detect.tasks.protocol import Built, build, judge
from driftd.incidents import data_quality, lifecycle
from driftd.journal import Journal, season_references, tables
from driftd.journal.files import write_file
from driftd.journal.layout import Layout
from driftd.journal.records import FileState, Incident, ProjectRow, Reference, Window, WindowState
from driftd.journal.window_spans import spans_of, still_there
from driftd.projects import incident_diagnosis
from driftd.projects.season_turns import Seasons
from driftd.readers import Schema, Span, label_columns


class Judge:
    """Judges the closed windows of one project, one at a time."""

    def __init__(self, name: str, settings: Project, journal: Journal, layout: Layout, executor: Executor) -> None:
        self.name = name
        self.settings = DriftSettings.of(settings)
        self.labels = settings.labels
        self.volume_factor = settings.intake.volume_factor
        self.journal = journal
        self.layout = layout
        self.executor = executor
        self.seasons = Seasons(name, settings, journal, layout, executor)

    def step(self) -> bool:
        """Take the oldest window that is to be judged, or let a season begin or end before it; return whether there was one."""
        window = tables.windows.first(
            self.journal, "project = ? AND state = ?", self.name, WindowState.CLOSED, order="number"
        )
        project = tables.projects.get(self.journal, self.name)
        if window is None or project.columns is None:
            return False
        if self.seasons.turn(project, window):
            return True
        if project.reference_id is None:
            self._collect(project, window)
        else:
            self._judge(project, window, tables.references.get(self.journal, project.reference_id))
        return True

    def _judge(self, project: ProjectRow, window: Window, reference: Reference) -> None:
        spans = spans_of(self.journal, [window])
        old = (self.layout.references / reference.profile).read_bytes()
        state = self._detector_before(window, reference)
        schema = Schema.from_json(project.columns or [])
        broken = self._odd_volumes(window)
        judgement = self.executor.submit(judge, old, state, spans, schema, self.settings, broken).result()
        verdict = judgement.verdict
        profile = f"{window.number:08d}.profile"
        write_file(self.layout.windows / profile, judgement.profile)
        grown = None
        if judgement.reference is not None:
            grown = f"{reference.id:06d}-{window.number:08d}.reference"
            write_file(self.layout.references / grown, judgement.reference)
        with self.journal.write():
            if grown is not None:
                rows = reference.rows + window.rows
                tables.references.update(self.journal, reference.id, profile=grown, rows=rows)
            tables.windows.update(
                self.journal,
                window.id,
                state=WindowState.HELD if verdict["quality"] else WindowState.JUDGED,
                reference_id=reference.id,
                profile=profile,
                detector=judgement.state,
                verdict=verdict,
                evidence=verdict["evidence"],
                judged_at=self.journal.clock(),
            )
            before = "project = ? AND number = ? AND detector IS NOT NULL"  # nothing begins there again
            tables.windows.set(self.journal, before, self.name, window.number - 1, detector=None)
            self.journal.emit(
                "window-judged",
                project=self.name,
                subject=window.id,
                window=window.number,
                rows=window.rows,
                evidence=verdict["evidence"],
                threshold=verdict["threshold"],
                armed=verdict["armed"],
            )
            if verdict["quality"]:
                data_quality.broke(self.journal, self.name, window.number, verdict)
            elif verdict["armed"]:
                data_quality.recovered(self.journal, self.name)
            if judgement.change is not None:
                onset = max(1, window.number - judgement.onset)
                labels = label_columns(schema, self.labels)
                kind = lifecycle.kind_of(judgement.change, verdict, labels)
                lifecycle.alarm(self.journal, self.name, kind, window.number, onset, verdict, reference.id)
        if grown is not None:
            (self.layout.references / reference.profile).unlink(missing_ok=True)

    def _odd_volumes(self, window: Window) -> list[str]:
        """Hold the rows of the window's files against those of the files before them."""
        if self.volume_factor is None:
            return []
        first = window.spans[0][0]
        before = tables.files.all(
            self.journal,
            "project = ? AND state = ? AND id < ?",
            self.name,
            FileState.ADMITTED,
            first,
            order=f"id DESC LIMIT {RECENT}",
        )
        names = {number: tables.files.get(self.journal, number) for number, _, _ in window.spans}
        return odd_volumes(
            [file.rows for file in before], [(file.name, file.rows) for file in names.values()], self.volume_factor
        )

    def _detector_before(self, window: Window, reference: Reference) -> bytes | None:
        """Return the detector's state after the window before, if that was judged against the same reference."""
        before = tables.windows.first(
            self.journal,
            "project = ? AND number = ? AND reference_id = ? AND detector IS NOT NULL",
            self.name,
            window.number - 1,
            reference.id,
        )
        return before.detector if before else None

    def _collect(self, project: ProjectRow, window: Window) -> None:
        """Add a window to a new regime; once enough of its rows are there it is what the next windows are judged against."""
        first = int(project.detail["collecting"]["from"])
        regime = tables.windows.all(
            self.journal,
            "project = ? AND number BETWEEN ? AND ? AND state <> ?",
            self.name,
            first,
            window.number,
            WindowState.HELD,
            order="number",
        )
        there = still_there(self.journal, regime)
        built = None
        if sum(w.rows for w in there) >= self.settings.rows_to_watch:
            built = self._build(project.columns or [], regime, spans_of(self.journal, there))
        ready = built is not None and built[1].armed
        told = self._explained(project, window, ready)
        with self.journal.write():
            now = self.journal.clock()
            tables.windows.update(self.journal, window.id, state=WindowState.COLLECTED, judged_at=now)
            self.journal.emit("window-collected", project=self.name, subject=window.id, window=window.number)
            if told is not None:
                lifecycle.explain(self.journal, *told)
            if built is not None and ready:
                self._watch(built, regime)

    def _explained(self, project: ProjectRow, window: Window, ready: bool) -> tuple[Incident, dict[str, Any]] | None:
        """Find out what the incident was, as soon as its regime is ready or enough windows are there."""
        incident = incident_diagnosis.waiting(self.journal, self.name, int(project.detail["collecting"]["from"]))
        if incident is None or not (ready or window.number - (incident.window or 0) >= AFTER):
            return None
        schema = Schema.from_json(project.columns or [])
        found = incident_diagnosis.pattern(self.journal, self.layout, self.executor, schema, incident)
        return None if found is None else (incident, found)

    def _build(self, columns: list[dict[str, str]], regime: Sequence[Window], spans: list[Span]) -> tuple[str, Built]:
        schema = Schema.from_json(columns)
        built = self.executor.submit(build, spans, schema, self.settings, True).result()
        profile = f"windows-{regime[0].number:08d}-{regime[-1].number:08d}.reference"
        write_file(self.layout.references / profile, built.blob)
        return profile, built

    def _watch(self, made: tuple[str, Built], regime: Sequence[Window]) -> None:
        profile, built = made
        made_of: dict[str, Any] = {"windows": [regime[0].number, regime[-1].number]}
        reference_id = tables.references.add(
            self.journal,
            project=self.name,
            profile=profile,
            rows=built.rows,
            made_of=made_of,
            first_window=regime[0].number,
            armed=built.armed,
            reason=built.reason,
            created_at=self.journal.clock(),
        )
        season_references.set_aside(self.journal, self.name, reference_id, regime[0].number)
        lifecycle.watch(self.journal, self.name, reference_id)
        self.journal.emit("reference", project=self.name, subject=reference_id, rows=built.rows, **made_of)
