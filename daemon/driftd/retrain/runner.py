"""A run as a state machine: named steps, each with its result in the journal, from the first that has none to the end."""

import shutil
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from typing import Any

from driftd.config import Project
from driftd.config.settings import Hook
from driftd.errors import DriftdError
from driftd.journal import Journal, tables
from driftd.journal.layout import Layout
from driftd.journal.records import Assignment, HookRow, Model, Run, RunState
from driftd.readers import Span
from driftd.retrain import garbage_collection
from driftd.retrain.context import Context
from driftd.retrain.evaluation import champion_scorer
from driftd.retrain.hooks import KINDS
from driftd.retrain.hooks.payload import notice
from driftd.retrain.process import launcher
from driftd.retrain.process.launcher import Stopped
from driftd.retrain.process.limits import Limits, shortage
from driftd.retrain.process.run_log import RunLog
from driftd.retrain.repository.dvc import Dvc
from driftd.retrain.repository.environment import environment
from driftd.retrain.repository.worktree import Repository, unlock_references
from driftd.retrain.steps import first_model, outcome, probation, publication, reinstatement, rollback, training

Step = Callable[[Context], dict[str, Any]]

ANSWER: dict[str, Step] = {
    "prepare": training.prepare,
    "snapshot": training.snapshot,
    "reproduce": training.reproduce,
    "score": training.score,
    "decide": training.decide,
    "number": training.number,
    "copy": publication.copy,
    "commit": publication.commit,
    "point": publication.point,
}
FIRST: dict[str, Step] = {
    "prepare": first_model.prepare,
    "reproduce": first_model.reproduce,
    "number": first_model.number,
    "copy": publication.copy,
    "reference": first_model.reference,
    "commit": publication.commit,
    "point": publication.point,
}
RECALL: dict[str, Step] = {
    "prepare": reinstatement.prepare,
    "snapshot": reinstatement.snapshot,
    "reproduce": reinstatement.reproduce,
    "score": reinstatement.score,
    "decide": reinstatement.decide,
    "number": reinstatement.number,
    "copy": reinstatement.copy,
    "commit": reinstatement.commit,
    "point": publication.point,
}
PROBATION = RECALL | {"decide": probation.decide}  # the model before takes the place of the one that is recalled
OTHERS = {  # by cause; any other run is an ANSWER
    "first-model": (FIRST, outcome.promote),
    "recall": (RECALL, outcome.recall),
    "probation": (PROBATION, outcome.roll_back),
}


RETRY = 5.0  # seconds before a published run whose end has failed goes on


class Runner:
    """Executes the runs of one project, and rolls back."""

    def __init__(
        self,
        name: str,
        settings: Project,
        journal: Journal,
        layout: Layout,
        executor: Executor,
        clock: Callable[[], float],
        url: Callable[[], str | None] = lambda: None,
    ) -> None:
        self.name = name
        self.settings = settings
        self.journal = journal
        self.layout = layout
        self.executor = executor
        self.clock = clock
        self.url = url  # where people reach the pages, now

    def execute(self, run_id: int, stop: threading.Event) -> None:
        """Take a run from its first unfinished step to its end, to a wait for approval, or to a stop, after which it can go on."""
        run = tables.runs.get(self.journal, run_id)
        if run.ended_at is not None or run.state is RunState.WAITING:
            return
        log = RunLog(self.layout.run(run_id), self.clock)
        try:
            self._steps(self._context(run, log, stop), stop)
        except Stopped:
            log.line("stopped; it goes on from this step")
        except (DriftdError, OSError, sqlite3.Error) as error:
            said = _said(error)
            if self._published(run, error):
                self._delay(run, log, said, stop)
            elif isinstance(error, sqlite3.Error):
                raise
            else:
                self._fail(run, log, said)

    def _published(self, run: Run, error: Exception) -> bool:
        """Return whether others may see what a run has made: from the commit on it does not fail any more."""
        done = tables.steps.first(self.journal, "run_id = ? AND name = 'commit'", run.id)
        if done is None:
            return False
        return done.result is not None or isinstance(error, sqlite3.Error)  # the journal may only not know it yet

    def _delay(self, run: Run, log: RunLog, said: str, stop: threading.Event) -> None:
        """Let a published run go on in a moment; what fails behind its end is no longer its own."""
        with suppress(OSError):
            log.line(f"  {said}")
        if tables.runs.get(self.journal, run.id).ended_at is None:
            with suppress(sqlite3.Error), self.journal.write():
                tables.runs.update(self.journal, run.id, error=said)
            stop.wait(RETRY)

    def _fail(self, run: Run, log: RunLog, said: str) -> None:
        """End a run; where the disk is full, without what it has left in its worktrees, so that journal and log can be written."""
        if short := shortage((self.layout.root,), self.settings.retrain.free_disk):
            for tree in garbage_collection.worktrees(self.layout):
                shutil.rmtree(tree, ignore_errors=True)
            log.line(f"{short}: the worktrees were removed")
        log.line(f"failed: {said}")
        outcome.fail(self.journal, run, said)

    def roll_back(self, version: str | None, stop: threading.Event | None = None) -> Assignment:
        """Put an older version (None: the one before) into production again."""
        log = RunLog(self.layout.root / "runs" / "rollback", self.clock)
        return rollback.roll_back(self._context(self._aside("rollback"), log, stop or threading.Event()), version)

    def call(self, row: HookRow, hook: Hook, stop: threading.Event) -> None:
        """Call a hook once."""
        log = RunLog(self.layout.root / "runs" / "hooks", self.clock)
        told = notice(self.journal, self.layout, row, self.url())
        log.step(f"{hook.kind} {hook.title} for {told.id}, {told.version}")
        run = self._aside("hook")
        try:
            KINDS[hook.kind](self._context(run, log, stop), hook, told)
        except DriftdError as error:
            log.line(f"failed: {error}")
            raise

    def score(self, model: Model, spans: Sequence[Span] | None, stop: threading.Event) -> list[float]:
        """Return the losses of a model on the labelled rows of spans; None: those that it was accepted with."""
        folder = self.layout.root / "runs" / champion_scorer.NAME
        if (log := folder / "log").exists() and log.stat().st_size > champion_scorer.LONGEST_LOG:
            log.unlink()
        ctx = self._context(self._aside(champion_scorer.NAME), RunLog(folder, self.clock), stop)
        return champion_scorer.accepted(ctx, model) if spans is None else champion_scorer.score(ctx, model, spans)

    def collect(self, *, dry_run: bool) -> str:
        """Remove what no model, person or open run needs."""
        kept = self.settings.retention
        return garbage_collection.collect(self.journal, self.layout, self._repository(), kept, dry_run=dry_run)

    def shortage(self) -> str | None:
        """Say which disk has less free space than a run may begin with."""
        return shortage((self.layout.root, self._repository().cache()), self.settings.retrain.free_disk)

    def base(self) -> str:
        """Return the commit that a run would start from now."""
        known = tables.projects.get(self.journal, self.name).detail.get("base")
        repository = self._repository()
        return repository.base(self.settings.retrain.base or known or repository.default_branch())

    def _repository(self) -> Repository:
        return Repository(self.settings.repository, environment(self.layout, self.settings.retrain.env, "look"))

    def clean_up(self) -> None:
        """End what a killed daemon has left: processes, locks of references, half-made copies."""
        launcher.end_marked(self.layout.root)
        unlock_references(self._repository().git, self.name)

    def _aside(self, cause: str) -> Run:
        """Return what stands for a run where there is none."""
        return Run(
            id=0,
            project=self.name,
            incident_id=None,
            cause=cause,
            state=RunState.RUNNING,
            step=None,
            plan={},
            decision=None,
            error=None,
            created_at=self.clock(),
            ended_at=None,
        )

    def _context(self, run: Run, log: RunLog, stop: threading.Event) -> Context:
        settings = self.settings.retrain
        env = environment(self.layout, settings.env, str(run.id or run.cause))
        repository = Repository(self.settings.repository, env)
        places = (self.layout.root, repository.cache())
        floor = 0.0 if run.cause in ("rollback", "hook") else settings.free_disk  # a rollback is no time to be strict
        limits = Limits(settings.memory, floor, settings.nice, places)
        return Context(
            run=run,
            settings=self.settings,
            journal=self.journal,
            layout=self.layout,
            executor=self.executor,
            clock=self.clock,
            repository=repository,
            dvc=Dvc(env, log, stop, settings.timeout, limits),
            log=log,
        )

    def _steps(self, ctx: Context, stop: threading.Event) -> None:
        steps_of_run, end = OTHERS.get(ctx.run.cause, (ANSWER, outcome.promote))
        for name, step in steps_of_run.items():
            done = tables.steps.first(self.journal, "run_id = ? AND name = ?", ctx.run.id, name)
            if done is None or done.result is None:
                if stop.is_set():
                    raise Stopped
                ctx.log.step(name)
                self._begin(ctx.run, name)
                self._end(ctx.run, name, ctx.results.setdefault(name, step(ctx)))
            else:
                ctx.results[name] = done.result
            if name == "decide" and outcome.settled(ctx):
                return
        end(ctx)

    def _begin(self, run: Run, name: str) -> None:
        with self.journal.write():
            tables.runs.update(self.journal, run.id, step=name)
            if tables.steps.first(self.journal, "run_id = ? AND name = ?", run.id, name) is None:
                tables.steps.add(self.journal, run_id=run.id, name=name, started_at=self.clock())

    def _end(self, run: Run, name: str, result: dict[str, Any]) -> None:
        with self.journal.write():
            now = self.clock()
            tables.steps.set(self.journal, "run_id = ? AND name = ?", run.id, name, ended_at=now, result=result)
            started = tables.steps.all(self.journal, "run_id = ? AND name = ?", run.id, name)[0].started_at
            self.journal.emit("run-step", project=self.name, subject=run.id, step=name, seconds=now - started)


def _said(error: Exception) -> str:
    if isinstance(error, DriftdError):
        return error.message + (f" ({error.remedy})" if error.remedy else "")
    return str(error)
