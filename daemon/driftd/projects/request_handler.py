"""Answers what people asked for with a command; the answer stands in the row of the request."""

import logging
import sqlite3
import threading
from typing import TYPE_CHECKING

from driftd.errors import DriftdError, RefusedError
from driftd.incidents import data_quality, external_alerts, lifecycle
from driftd.intake import Intake, quarantine
from driftd.journal import Journal, tables
from driftd.journal.records import ProjectState, Request, RequestState, RunState
from driftd.projects.scheduling.scheduler import Dispatcher
from driftd.retrain.process.launcher import Stopped
from driftd.retrain.runner import Runner
from driftd.retrain.steps import approval

if TYPE_CHECKING:
    from collections.abc import Callable


logger = logging.getLogger(__name__)


class Answers:
    """One method a kind of request; each returns what to tell the person."""

    def __init__(self, name: str, journal: Journal, runner: Runner, intake: Intake, dispatch: Dispatcher) -> None:
        self.name = name
        self.journal = journal
        self.runner = runner
        self.intake = intake
        self.dispatch = dispatch
        self.restoring = False  # a model is brought from the cache or a remote, within retrain.timeout
        self._stop = threading.Event()
        self._kinds: dict[str, Callable[[Request], str]] = {
            "trigger": self._trigger,
            "pause": self._pause,
            "resume": self._resume,
            "rollback": self._rollback,
            "approve": self._approve,
            "reject": self._reject,
            "dismiss": self._dismiss,
            "alert": self._alert,
            "gc": self._collect,
            "quarantine-retry": self._quarantine_retry,
            "quarantine-drop": self._quarantine_drop,
        }

    def stop(self) -> None:
        """End a rollback that still brings its model; its request is answered after the next start."""
        self._stop.set()

    def step(self) -> None:
        """Answer every request that waits, oldest first."""
        for request in tables.requests.all(
            self.journal, "project = ? AND state = ?", self.name, RequestState.WAITING, order="id"
        ):
            try:
                message, state = self._kinds[request.kind](request), RequestState.DONE
            except DriftdError as error:
                message, state = error.message + (f" ({error.remedy})" if error.remedy else ""), RequestState.REFUSED
            except OSError as error:
                message, state = str(error), RequestState.REFUSED
            except KeyError as error:
                message, state = f"nothing here is called {error}", RequestState.REFUSED
            except Stopped:
                return
            except sqlite3.Error:  # the journal cannot be had now: it is answered when it can
                raise
            except Exception as error:  # a request that nobody can answer must not keep later ones waiting
                logger.exception("request %d cannot be answered", request.id)
                message, state = f"it cannot be answered: {error!r}", RequestState.REFUSED
            with self.journal.write():
                tables.requests.update(
                    self.journal,
                    request.id,
                    state=state,
                    answer={"message": message},
                    answered_at=self.journal.clock(),
                )
                self.journal.emit(
                    "request-answered", project=self.name, subject=request.id, kind=request.kind, message=message
                )

    def _trigger(self, request: Request) -> str:
        with self.journal.write():
            incident = lifecycle.request_run(self.journal, self.name, request.arguments.get("by", "a person"))
        self.dispatch.step()
        held = self.dispatch.held
        run = tables.runs.first(self.journal, "project = ? AND ended_at IS NULL", self.name)
        if run is not None and run.incident_id != incident:
            return f"incident {incident}: waits for the end of run {run.id}"
        return f"incident {incident}: " + (f"waits: {held.reason}" if held else "the run has started")

    def _alert(self, request: Request) -> str:
        with self.journal.write():
            return external_alerts.heard(self.journal, self.name, request.arguments)

    def _pause(self, _request: Request) -> str:
        return self._state(ProjectState.ACTIVE, ProjectState.PAUSED, "no run starts; intake and detection go on")

    def _resume(self, _request: Request) -> str:
        return self._state(ProjectState.PAUSED, ProjectState.ACTIVE, "runs may start again")

    def _state(self, before: ProjectState, after: ProjectState, message: str) -> str:
        found = tables.projects.get(self.journal, self.name).state
        if found is not before:
            raise RefusedError(f"the project is {found}")
        with self.journal.write():
            tables.projects.update(self.journal, self.name, state=after)
            self.journal.emit("project-state", project=self.name, state=after)
        return message

    def _rollback(self, request: Request) -> str:
        self.dispatch.call_off("called off, because a rollback was asked for")
        if self.dispatch.busy:
            raise RefusedError("a run is on its way", remedy="wait for its end")
        self.restoring = True
        try:
            assignment = self.runner.roll_back(request.arguments.get("to"), self._stop)
        finally:
            self.restoring = False
        return f"{tables.models.get(self.journal, assignment.model_id).version} is in production again"

    def _collect(self, request: Request) -> str:
        return self.runner.collect(dry_run=bool(request.arguments.get("dry_run")))

    def _approve(self, request: Request) -> str:
        run = self._waiting(request)
        with self.journal.write():
            approval.approve(self.journal, run, request.arguments.get("by", "a person"))
        self.dispatch.step()
        return f"run {run} goes on to its promotion"

    def _reject(self, request: Request) -> str:
        run = self._waiting(request)
        with self.journal.write():
            approval.reject(self.journal, run, request.arguments.get("by", "a person"))
        self.dispatch.step()
        return f"run {run} is rejected; the champion stays"

    def _waiting(self, request: Request) -> int:
        run = tables.runs.get(self.journal, int(request.arguments["run"]))
        if run.project != self.name or run.state is not RunState.WAITING:
            raise RefusedError(f"run {run.id} does not wait for approval: it is {run.state}")
        return run.id

    def _dismiss(self, request: Request) -> str:
        incident = tables.incidents.get(self.journal, int(request.arguments["incident"]))
        if incident.project != self.name or incident.closed_at is not None:
            raise RefusedError(f"incident {incident.id} is not open here")
        begun = tables.runs.first(self.journal, "project = ? AND state = ?", self.name, RunState.RUNNING)
        if self.dispatch.busy or begun is not None:  # after a start it goes on in a moment
            raise RefusedError("a run is on its way", remedy="wait for its end")
        run = tables.runs.first(self.journal, "incident_id = ? AND state = ?", incident.id, RunState.WAITING)
        with self.journal.write():
            if run is not None:  # nobody wants its candidate any more, and the next run would wait for it
                approval.reject(self.journal, run.id, request.arguments.get("by", "a person"))
            if incident.kind == "quality":
                data_quality.accept(self.journal, incident)
            else:
                lifecycle.dismiss(self.journal, incident)
        rejected = f", and run {run.id}, which waited for approval, is rejected" if run is not None else ""
        return f"incident {incident.id} is closed{rejected}"

    def _quarantine_retry(self, request: Request) -> str:
        return quarantine.retry(self.intake, int(request.arguments["file"]))

    def _quarantine_drop(self, request: Request) -> str:
        return quarantine.drop(self.intake, int(request.arguments["file"]))
