"""A project whose years pass as fast as its windows are judged: real intake, windows, judging and references, a made-up clock, no runs."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from driftd.config import Project
from driftd.detect.settings import DriftSettings
from driftd.detect.tasks.protocol import build
from driftd.incidents import lifecycle
from driftd.intake import Intake, close_windows
from driftd.journal import Journal, tables
from driftd.journal.files import write_file
from driftd.journal.layout import Layout, journal_path
from driftd.journal.records import Incident, IncidentState, ProjectRow, ProjectState, Season, Window
from driftd.projects.window_judge import Judge
from driftd.readers import Schema, Span
from support.intake import write_csv

COLUMNS = [{"name": "x", "kind": "numeric"}, {"name": "y", "kind": "numeric"}]
CHRISTMAS = {"name": "christmas", "from": "12-01", "to": "12-31"}
WINDOW = 100
REFERENCE = 800


def moment(text: str) -> float:
    """Return the seconds of a time such as `2025-12-01 08:00`, in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


class Years:
    """One project, whose time is that of the file that came last."""

    name = "p"
    columns = COLUMNS

    def __init__(self, folder: Path, *seasons: dict[str, str], seed: int = 1, **sections: Any) -> None:
        self.folder = folder
        self.random = np.random.default_rng(seed)
        self.now = moment("2025-01-01 00:00")
        self.sections = sections
        self.executor = ThreadPoolExecutor(1)
        self.layout = Layout(folder / "state", self.name)
        self.incoming = folder / "incoming"
        self.incoming.mkdir(exist_ok=True)
        self.files = 0
        self.journal = Journal.open(journal_path(folder / "state"), clock=lambda: self.now)
        self.reload(*seasons)
        if tables.projects.first(self.journal, "name = ?", self.name) is None:
            self._first_reference()

    def reload(self, *seasons: dict[str, str]) -> None:
        """Take settings over, as after a start or SIGHUP: nothing but the journal is remembered."""
        self.settings = Project.model_validate(
            {
                "repository": self.folder,
                "source": {"path": self.incoming, "settle": 0},
                "window": {"rows": WINDOW},
                "reference": {"rows": REFERENCE},
                "drift": {"seasons": seasons},
            }
            | self.sections
        )
        self.intake = Intake(self.name, self.settings, self.journal, self.layout, self.executor, clock=lambda: self.now)
        self.judge = Judge(self.name, self.settings, self.journal, self.layout, self.executor)

    def restart(self) -> "Years":
        """Come back after a kill, with a journal that was opened anew."""
        self.close()
        again = Years(
            self.folder, *(each.model_dump(by_alias=True) for each in self.settings.drift.seasons), **self.sections
        )
        again.now, again.random, again.files = self.now, self.random, self.files
        return again

    def write(self, when: str, shift: float = 0.0, rows: int = WINDOW, **more: float) -> None:
        """Put a file of made-up rows into the source at a time."""
        values = self.random.normal(size=(rows, 2)) + np.array([shift, more.get("y", 0.0)])
        self.put(when, [[f"{value:.6f}" for value in row] for row in values])

    def put(self, when: str, rows: list[list[str]]) -> None:
        """Put a file into the source, as somebody else does, at a time."""
        self.files += 1
        write_csv(self.incoming / f"{self.files:05d}.csv", rows, at=moment(when))

    def look(self, when: str) -> None:
        """Let the daemon do at a time, a second later, all that there is to do; to intake its clock has jumped, so it looks twice."""
        self.now = moment(when) + 1
        self.intake.scan()
        self.intake.scan()
        close_windows(self.journal, self.name, self.settings, self.now)
        while self.judge.step():
            pass

    def come(self, when: str, shift: float = 0.0, rows: int = WINDOW, **more: float) -> None:
        """Let a file come and be looked at, at once."""
        self.write(when, shift, rows, **more)
        self.look(when)

    def month(self, month: str, shift: float = 0.0, **more: float) -> None:
        """Let a month pass, with a window on every second day."""
        for day in range(1, 29, 2):
            self.come(f"{month}-{day:02d} 08:00", shift, **more)

    def answer(self) -> None:
        """Close the incident that is open, as a promotion does."""
        found = lifecycle.drifting(self.journal, self.name)
        assert found is not None
        with self.journal.write():
            lifecycle.close(self.journal, found, "promotion")

    @property
    def project(self) -> ProjectRow:
        return tables.projects.get(self.journal, self.name)

    @property
    def seasons(self) -> list[Season]:
        return tables.seasons.all(self.journal, order="id")

    @property
    def windows(self) -> list[Window]:
        return tables.windows.all(self.journal, order="number")

    @property
    def incidents(self) -> list[Incident]:
        return tables.incidents.all(self.journal, order="id")

    @property
    def open(self) -> list[Incident]:
        return [each for each in self.incidents if each.state is not IncidentState.CLOSED]

    def close(self) -> None:
        self.intake.stop()
        self.journal.close()
        self.executor.shutdown()

    def first_rows(self) -> tuple[Path, int]:
        """Return a file with the rows of the first reference, and how many they are."""
        path = self.folder / "first.csv"
        return write_csv(
            path, [[f"{value:.6f}" for value in row] for row in self.random.normal(size=(REFERENCE, 2))]
        ), REFERENCE

    def _first_reference(self) -> None:
        path, rows = self.first_rows()
        settings = DriftSettings.of(self.settings)
        built = build([Span(str(path), 0, rows)], Schema.from_json(self.columns), settings, False)
        write_file(self.layout.references / "first.reference", built.blob)
        with self.journal.write():
            tables.projects.add(
                self.journal, name=self.name, state=ProjectState.ACTIVE, columns=self.columns, detail={}
            )
            reference = tables.references.add(
                self.journal,
                project=self.name,
                profile="first.reference",
                rows=built.rows,
                made_of={},
                armed=built.armed,
                reason=built.reason,
                created_at=self.now,
            )
            tables.projects.update(self.journal, self.name, reference_id=reference)
