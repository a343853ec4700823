"""A project with its journal, ready for runs, without a daemon around it."""

import os
import shutil
import threading
from collections.abc import Iterable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from driftd.config import Project
from driftd.journal import Journal, tables
from driftd.journal.layout import Layout, journal_path
from driftd.journal.records import FileState, ProjectState, Run, RunState, WindowState
from driftd.retrain.runner import Runner
from support.project import BIN, copy_project, tool, write_rows

PROMOTE = {
    "metric": "scores.json:accuracy",
    "per_row": "evaluation/rows.jsonl",
    "score_stages": ["evaluate", "preprocess"],
}


COLUMNS = [  # as the first model's dataset tells them; labels may be late
    {"name": "n", "kind": "numeric"},
    {"name": "kind", "kind": "categorical"},
    {"name": "label", "kind": "categorical", "optional": True},
]


class Clock:
    """Time that passes by one second a reading, so that two equal histories have equal dates."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        self.now += 1
        return self.now


@dataclass
class Retraining:
    """`first()` makes the first champion, `arrive` lets a window arrive, `answer` runs on the windows."""

    repository: Path
    state_dir: Path
    sections: dict[str, Any] = field(default_factory=dict)
    executor: Executor = field(default_factory=lambda: ThreadPoolExecutor(1))
    clock: Clock = field(default_factory=Clock)
    name: str = "kinds"

    def __post_init__(self) -> None:
        self.layout = Layout(self.state_dir, self.name)
        self.journal = Journal.open(journal_path(self.state_dir), clock=self.clock)
        retrain = {"env": {"path": [str(BIN)]}} | self.sections.get("retrain", {})
        self.settings = Project.model_validate(
            {
                "repository": self.repository,
                "source": {"path": self.state_dir / "incoming"},
                "columns": {"n": "numeric", "kind": "categorical", "label": "categorical"},
                "labels": ["label"],
                "promote": PROMOTE | self.sections.get("promote", {}),
                "retrain": retrain,
            }
            | self.sections.get("project", {})
        )
        self.runner = Runner(self.name, self.settings, self.journal, self.layout, self.executor, self.clock)
        if tables.projects.first(self.journal, "name = ?", self.name) is None:
            with self.journal.write():
                tables.projects.add(self.journal, name=self.name, state=ProjectState.NEW, columns=None, detail={})

    @classmethod
    def copy(cls, made: Path, folder: Path, sections: dict[str, Any] | None = None) -> "Retraining":
        """Copy a project that is at rest, with its repository and its state, to another place."""
        repository = copy_project(made / "repository", folder / "repository")
        left = shutil.ignore_patterns("worktrees")  # they know where their repository was
        shutil.copytree(made / "state", folder / "state", symlinks=True, ignore=left)
        tool(repository, "git", "worktree", "prune")
        kinds = cls(repository, folder / "state", sections or {}, clock=Clock(1_700_001_000.0))
        with kinds.journal.write():
            for file in tables.files.all(kinds.journal):
                moved = folder / os.fsdecode(file.location).removeprefix(f"{made}/")
                tables.files.update(kinds.journal, file.id, location=os.fsencode(moved))
        return kinds

    def arrive(self, number: int, kinds: str, *, each: int = 20) -> None:
        """Let a file arrive whose rows are one window."""
        path = write_rows(self.state_dir / "processed" / f"{number}.csv", kinds, start=number * 10_000, each=each)
        self.admit(number, path, each * len(kinds))

    def admit(self, number: int, path: Path, rows: int) -> None:
        """Let the rows of a file be one window."""
        with self.journal.write():
            file = tables.files.add(
                self.journal,
                project=self.name,
                name=path.name,
                location=os.fsencode(path),
                rows=rows,
                windowed=rows,
                sha256=sha256(path.read_bytes()).hexdigest(),
                size=path.stat().st_size,
                mtime_ns=0,
                state=FileState.ADMITTED,
                arrived_at=self.clock(),
            )
            tables.windows.add(
                self.journal,
                project=self.name,
                number=number,
                spans=[(file, 0, rows)],
                rows=rows,
                closed_at=self.clock(),
                closed_by="rows",
                state=WindowState.COLLECTED,
            )

    def start(self, cause: str, **plan: Any) -> int:
        with self.journal.write():
            return tables.runs.add(
                self.journal,
                project=self.name,
                cause=cause,
                state=RunState.RUNNING,
                created_at=self.clock(),
                plan={"windows": None, "regime_from": None} | plan,
            )

    def execute(self, run_id: int) -> Run:
        self.runner.execute(run_id, threading.Event())
        return tables.runs.get(self.journal, run_id)

    def first(self) -> Run:
        return self.execute(self.start("first-model"))

    def answer(self, windows: tuple[int, int] | None, regime_from: int | None = None) -> Run:
        return self.execute(self.start("drift", windows=windows, regime_from=regime_from))

    def log(self, run_id: int) -> str:
        return (self.layout.run(run_id) / "log").read_text()

    def served(self) -> dict[str, bytes]:
        return contents(self.layout.current.resolve(), self.layout.current.resolve().rglob("*"))


def contents(folder: Path, paths: Iterable[Path]) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths if path.is_file()}
