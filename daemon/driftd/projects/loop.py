"""The loop of one project: what happens next, and when."""

import logging
import sqlite3
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path

from driftd.config import Project
from driftd.errors import DriftdError
from driftd.intake import Intake, close_windows
from driftd.journal import Journal, tables
from driftd.journal.layout import Layout
from driftd.journal.records import ProjectState
from driftd.projects.champion_scoring import Scorings
from driftd.projects.hook_dispatcher import Aftermath
from driftd.projects.label_joining import Joining
from driftd.projects.request_handler import Answers
from driftd.projects.scheduling.scheduler import Dispatcher
from driftd.projects.window_judge import Judge
from driftd.retrain.runner import Runner

logger = logging.getLogger(__name__)

IDLE = 1.0  # seconds between signs of life
RETRY = 5.0  # seconds before a step that failed is tried again


class ProjectLoop:
    """Requests, intake, windows, evidence, incidents and runs of one project, in a thread of its own.

    Each step reads what to do from the journal and commits what it did, so the loop may end anywhere and go on there.
    """

    def __init__(
        self,
        name: str,
        settings: Project,
        journal: Journal,
        state_dir: Path,
        executor: Executor,
        clock: Callable[[], float] = time.time,
        url: Callable[[], str | None] = lambda: None,
    ) -> None:
        self.name = name
        self._alive = time.monotonic()
        self.ready = False
        self.problem: str | None = None
        self._settings = settings
        self._journal = journal
        self._clock = clock
        layout = Layout(state_dir, name)
        self._runner = Runner(name, settings, journal, layout, executor, clock, url)
        self._intake = Intake(name, settings, journal, layout, executor, clock)
        self._judge = Judge(name, settings, journal, layout, executor)
        self._joining = Joining(name, settings, journal, layout, self._runner, self.wake)
        self.dispatch = Dispatcher(name, settings, journal, self._runner, self.wake)
        self._scorings = Scorings(name, settings, journal, self._runner, self.wake)
        self._aftermath = Aftermath(name, journal, self._runner, self.wake)
        self._answers = Answers(name, journal, self._runner, self._intake, self.dispatch)
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"project-{name}")

    @property
    def heartbeat(self) -> float:
        """The monotonic time of the last sign of life, also from within a long scan or a rollback that waits for a remote."""
        if self._answers.restoring:
            return time.monotonic()
        return max(self._alive, self._intake.heartbeat)

    @property
    def repository(self) -> Path:
        return self._settings.repository

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        self._wake.set()

    def stop(self, timeout: float) -> bool:
        """Stop at the next step; return whether everything has ended in time."""
        deadline = time.monotonic() + timeout
        self._stopping.set()
        self._wake.set()
        self._intake.stop()
        self._answers.stop()
        ended = self.dispatch.stop(timeout)
        for part in (self._aftermath, self._scorings):
            ended = part.stop(max(0.0, deadline - time.monotonic())) and ended
        if self._thread.is_alive():
            self._thread.join(max(0.0, deadline - time.monotonic()))
        return ended and not self._thread.is_alive()

    def _run(self) -> None:
        started = False
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                if not started:
                    self._begin()
                    started = True
                self._tick()
                self._note(self._intake.problem)
                self.ready = True
            except Exception as error:  # noqa: BLE001  # whatever one step meets, the daemon lives and tries again
                self._failed(error)
                self._stopping.wait(RETRY)
            self._sleep()
        if started:
            self._intake.stop()

    def _begin(self) -> None:
        with self._journal.write():
            if tables.projects.first(self._journal, "name = ?", self.name) is None:
                tables.projects.add(self._journal, name=self.name, state=ProjectState.NEW, columns=None, detail={})
        self._runner.clean_up()
        self._intake.start(self.wake)

    def _tick(self) -> None:
        """Take every step, also behind one that failed; then raise what has failed."""
        failed: dict[str, Exception] = {}  # each once, as some steps are taken after every window

        def take(step: Callable[[], object], *, otherwise: object = None) -> object:
            self._alive = time.monotonic()
            try:
                return step()
            except Exception as error:  # noqa: BLE001  # whatever one step meets, the others go on
                failed.setdefault(repr(error), error)
                return otherwise

        for step in (
            self._answers.step,
            self.dispatch.step,
            self._aftermath.step,
            self._scorings.step,
            self._intake.scan,
        ):
            take(step)
        if not take(self._joining.step, otherwise=True):
            take(self._close_windows)
        while not self._stopping.is_set() and take(self._judge.step, otherwise=False):
            take(self._scorings.step)
            take(self.dispatch.step)  # after every window, so that what a run works on follows from the rows alone
        if failed:
            raise ExceptionGroup("steps that failed", list(failed.values()))

    def _close_windows(self) -> None:
        close_windows(self._journal, self.name, self._settings, self._clock())

    def _sleep(self) -> None:
        until = time.monotonic() + self._settings.source.scan_every
        while not self._stopping.is_set() and time.monotonic() < until:
            self._alive = time.monotonic()
            if self._wake.wait(IDLE):
                return

    def _failed(self, error: Exception) -> None:
        errors = error.exceptions if isinstance(error, ExceptionGroup) else (error,)
        where = ["".join(traceback.format_exception(each)[-3:]) for each in errors]
        self._note("; ".join(map(_said, errors)), "".join(where))

    def _note(self, problem: str | None, where: str = "") -> None:
        """Say what keeps the project from working, once, and once that it is over."""
        before, self.problem = self.problem, problem
        if problem == before:
            return
        try:
            with self._journal.write():
                if problem is None:
                    self._journal.emit("problem-over", project=self.name, message=before)
                else:
                    self._journal.emit("problem", project=self.name, message=problem, where=where[-2000:])
        except (sqlite3.Error, DriftdError, OSError) as error:
            logger.error("%s; and the journal cannot be written: %s", problem, error)  # noqa: TRY400  # the trace says no more


def _said(error: Exception) -> str:
    return str(error) if isinstance(error, DriftdError) else "".join(traceback.format_exception_only(error)).strip()
