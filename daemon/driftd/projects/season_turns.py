"""Named seasons of the calendar: their windows are held against what the season's windows left the last time, all others as if it had not been.

A season begins and ends with a window, by the time at which the window's rows came, never by the clock: what is decided follows from the
rows. Beginning and ending are one write each, after the file that they name.
"""

import math
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Any, NamedTuple

import msgspec

from driftd.config import Project
from driftd.config.season_calendar import Occurrence, occurrence
from driftd.detect.settings import DriftSettings
from driftd.detect.tasks.protocol import Built, build
from driftd.errors import DriftdError
from driftd.incidents import lifecycle
from driftd.journal import Journal, season_references, tables
from driftd.journal.files import write_file
from driftd.journal.layout import Layout
from driftd.journal.records import ProjectRow, Season, Window
from driftd.journal.window_spans import spans_of
from driftd.readers import Schema
from driftd.retrain.context import champion

IN_CONTROL = "project = ? AND number BETWEEN ? AND ? AND state IN ('judged', 'collected')"
MOST = 25  # times reference.rows; of a season with more rows every second, third, ... window tells


class Part(NamedTuple):
    """A window without its verdict, as a season may have many."""

    number: int
    rows: int
    spans: list[tuple[int, int, int]]


class Seasons:
    """Lets the seasons of one project begin and end."""

    def __init__(self, name: str, settings: Project, journal: Journal, layout: Layout, executor: Executor) -> None:
        self.name = name
        self.spans = settings.drift.seasons
        self.settings = DriftSettings.of(settings)
        self.journal = journal
        self.layout = layout
        self.executor = executor

    def turn(self, project: ProjectRow, window: Window) -> bool:
        """Let a season end, or one begin, if that comes before a window; return whether it did."""
        now = season_references.on(self.journal, self.name)
        wanted = occurrence(self.spans, tables.files.get(self.journal, window.spans[-1][0]).came_at)
        if now is not None and wanted != (now.name, now.year):
            self._end(project, now, window)
            return True
        if now is None and wanted is not None:
            self._begin(wanted, window)
            return True
        return False

    def _begin(self, wanted: Occurrence, window: Window) -> None:
        with self.journal.write():
            project = tables.projects.get(self.journal, self.name)
            before = season_references.last(self.journal, self.name, wanted.name)
            reference = before.left_id if before else None
            number = tables.seasons.add(
                self.journal,
                project=self.name,
                name=wanted.name,
                year=wanted.year,
                first_window=window.number,
                usual_id=project.reference_id,
                reference_id=reference,
                before_id=self._champion(),
                began_at=self.journal.clock(),
            )
            if reference is not None:
                self._watch(reference)
            self.journal.emit(
                "season-began",
                project=self.name,
                subject=number,
                season=wanted.name,
                year=wanted.year,
                window=window.number,
                reference=reference,
                left_in=before.year if before else None,
            )

    def _end(self, project: ProjectRow, now: Season, window: Window) -> None:
        kept = self._kept(now, window.number - 1)
        made, reason = self._made(project, now, kept)
        with self.journal.write():
            left = self._keep(now, kept, made) if made else None
            now = tables.seasons.get(self.journal, now.id)
            tables.seasons.update(
                self.journal,
                now.id,
                last_window=window.number - 1,
                left_id=left,
                reason=reason,
                champion_id=self._champion(),
                ended_at=self.journal.clock(),
            )
            if now.usual_id is not None:
                self._watch(now.usual_id)
            elif now.reference_id is not None:  # a new regime was being collected when it began, which begins anew
                self._watch(None, {"collecting": {"from": window.number}})
            lifecycle.subside(self.journal, self.name, now.first_window)
            self.journal.emit(
                "season-ended",
                project=self.name,
                subject=now.id,
                season=now.name,
                year=now.year,
                window=window.number,
                reference=now.usual_id,
                left=left,
                reason=reason,
            )

    def _kept(self, season: Season, last: int) -> list[Part]:
        """Return the windows that tell what the season is like: from the first change in it on, or all."""
        place = (self.name, season.first_window, last)
        query = f"""
            SELECT number - coalesce(verdict ->> '$.onset_windows_back', 0) AS onset FROM windows
            WHERE {IN_CONTROL} AND verdict ->> '$.alarm' ORDER BY number LIMIT 1
        """  # noqa: S608  # a constant
        changed = self.journal.rows(query, *place)
        first = max(season.first_window, changed[0]["onset"]) if changed else season.first_window
        query = f"SELECT number, rows, spans FROM windows WHERE {IN_CONTROL} AND number >= ? ORDER BY number"  # noqa: S608  # a constant
        return [
            Part(row["number"], row["rows"], msgspec.json.decode(row["spans"]))
            for row in self.journal.rows(query, *place, first)
        ]

    def _made(self, project: ProjectRow, season: Season, kept: Sequence[Part]) -> tuple[Built | None, str | None]:
        """Make a reference of windows, or say why there is none; then what was left before stays."""
        rows, needed = sum(each.rows for each in kept), self.settings.rows_to_watch
        if rows < needed:
            return None, f"{rows} rows of it were in control, and it takes {needed}"
        schema = Schema.from_json(project.columns or [])
        some = kept[:: math.ceil(rows / (MOST * self.settings.reference_rows))]
        try:
            built = self.executor.submit(build, spans_of(self.journal, some), schema, self.settings, False).result()
        except (DriftdError, OSError) as error:  # the rows may have been removed since
            return None, str(error)
        if not built.armed:
            return None, built.reason
        write_file(self.layout.references / _file(season), built.blob)
        return built, None

    def _keep(self, season: Season, kept: Sequence[Part], built: Built) -> int:
        made_of: dict[str, Any] = {"windows": [kept[0].number, kept[-1].number], "season": season.name}
        return tables.references.add(
            self.journal,
            project=self.name,
            profile=_file(season),
            rows=built.rows,
            made_of=made_of,
            first_window=kept[0].number,
            armed=built.armed,
            reason=built.reason,
            created_at=self.journal.clock(),
        )

    def _watch(self, reference: int | None, more: dict[str, Any] | None = None) -> None:
        """Hold the next windows against a reference; no champion is bound to it."""
        detail = tables.projects.get(self.journal, self.name).detail
        detail = {key: value for key, value in detail.items() if key != "collecting"} | (more or {})
        tables.projects.update(self.journal, self.name, reference_id=reference, detail=detail)

    def _champion(self) -> int | None:
        found = champion(self.journal, self.name)
        return found[1].id if found else None


def _file(season: Season) -> str:
    return f"season-{season.id:06d}.reference"
