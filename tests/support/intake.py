"""A source folder with a journal and an Intake, as a project's loop has them."""

import csv
import os
import signal
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

from driftd import readers
from driftd.config.settings import Intake as IntakeSettings
from driftd.config.settings import Project, Source
from driftd.intake import Intake
from driftd.intake.inspection import Examined, examine
from driftd.intake.late_labels.task import Looked, look
from driftd.journal import Journal, tables
from driftd.journal.layout import Layout, journal_path
from driftd.journal.records import File

COLUMNS = [{"name": "x", "kind": "numeric"}, {"name": "y", "kind": "categorical"}]
OLD = time.time() - 3600  # a file of that age is complete at once


def write_csv(
    path: Path, rows: Iterable[Sequence[object]], header: Sequence[str] = ("x", "y"), at: float = OLD
) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    os.utime(path, (at, at))
    return path


def good_rows(count: int, first: int = 0) -> list[tuple[int, str]]:
    return [(i, "ab"[i % 2]) for i in range(first, first + count)]


class Rig:
    """Everything of one project that intake needs; `again()` is what a restart does."""

    def __init__(self, folder: Path, executor: Executor, **source: object) -> None:
        self.folder = folder
        self.root = folder / "incoming"
        self.root.mkdir(exist_ok=True)
        self.executor = executor
        self.settings = Project(
            repository=folder, source=Source(path=self.root, **{"settle": 0.0, **source}), intake=IntakeSettings()
        )
        self.journal = Journal.open(journal_path(folder / "state"))
        if tables.projects.first(self.journal, "name = 'p'") is None:
            with self.journal.write():
                tables.projects.add(self.journal, name="p", state="active", columns=COLUMNS, detail={})
        self.intake = self._intake()

    def _intake(self) -> Intake:
        layout = Layout(self.folder / "state", "p")
        return Intake("p", self.settings, self.journal, layout, self.executor, time.time)

    def again(self) -> None:
        self.intake.stop()
        self.intake = self._intake()

    def files(self) -> list[File]:
        return tables.files.all(self.journal, order="id")

    def states(self) -> list[tuple[str, str]]:
        return [(file.name, str(file.state)) for file in self.files()]

    def said(self, kind: str) -> list[dict[str, object]]:
        return [event.data for event in tables.events.all(self.journal, "kind = ?", kind, order="id")]

    def lying(self) -> list[str]:
        """Return everything in the source, relative to it."""
        return sorted(str(path.relative_to(self.root)) for path in self.root.rglob("*") if not path.is_dir())

    def close(self) -> None:
        self.intake.stop()
        self.journal.close()


# Readers for tests live here: worker processes import them.
def dies(path: str, columns: list[dict[str, str]], bad_rows: float, labels: Sequence[str] = ()) -> Examined:
    """Read a file, but die of one that is called so."""
    if "killer" in path:
        os.kill(os.getpid(), signal.SIGKILL)
    return examine(path, columns, bad_rows, labels)


def dies_at_once(*_: object, **__: object) -> None:
    """Die of any file."""
    os.kill(os.getpid(), signal.SIGKILL)


def dies_once(mark: Path, *given: Any, **named: Any) -> Looked:
    """Look for labels, but die at the first time, which leaves a mark."""
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return look(*given, **named)


def stumbles(path: str, columns: list[dict[str, str]], bad_rows: float, labels: Sequence[str] = ()) -> Examined:
    """Read a file with a reader that has a defect."""
    readers.inspect = lambda *_, **__: 1 / 0
    try:
        return examine(path, columns, bad_rows, labels)
    finally:
        del readers.inspect
