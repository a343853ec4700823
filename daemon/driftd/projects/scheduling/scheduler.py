"""Which run comes next: the first model, or the answer to an open incident, once every gate is open."""

import threading
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

from driftd.config import Project
from driftd.incidents import data_quality, lifecycle
from driftd.journal import Journal, tables
from driftd.journal.records import Incident, IncidentState, ProjectState, Run, RunState
from driftd.observe import logs
from driftd.projects.scheduling import gates, reinstatement_candidates, season_reinstatement
from driftd.projects.scheduling.label_counts import FRESH, Labels
from driftd.projects.scheduling.label_requests import ToLabel
from driftd.projects.scheduling.probation_schedule import Trial
from driftd.projects.scheduling.trigger_monitor import Asking
from driftd.retrain.runner import Runner

# Runs that cooldown and runs a day count: what trained, or has recalled a champion.
LIMITED = "project = ? AND cause NOT IN ('first-model', 'probation') AND (cause <> 'recall' OR state = 'promoted')"

PUBLISHED = "('number', 'copy', 'commit', 'point')"  # steps in which a look has begun to bring the earlier model back


class Dispatcher:
    """Starts the runs of one project, one at a time, each in a thread; after a crash it goes on with the one that had begun."""

    def __init__(
        self, name: str, settings: Project, journal: Journal, runner: Runner, wake: Callable[[], None]
    ) -> None:
        self.name = name
        self.settings = settings
        self.journal = journal
        self.runner = runner
        self.labels = Labels(name, settings, journal, runner)
        self.to_label = ToLabel(name, settings, journal, runner, self.labels, wake)
        self.trial = Trial(name, settings, journal, self.labels)
        self.asking = Asking(name, settings, journal, runner)
        self.held: gates.Held | None = None
        self._wake = wake
        self._stop = threading.Event()
        self._stop_look = threading.Event()
        self._thread: threading.Thread | None = None

    def step(self) -> None:
        """Settle what has ended, go on with what has begun, and begin what may begin."""
        if self._thread is not None and self._thread.is_alive():
            return
        self.settle()
        run = tables.runs.first(self.journal, "project = ? AND ended_at IS NULL", self.name)
        if run is not None:
            if run.state is RunState.RUNNING:
                self._execute(run.id)
            self._hold(gates.approval(run.id) if run.state is RunState.WAITING else None)
            return
        self._hold(self._next())
        if self.held is None:
            self.to_label.withdraw()

    def _next(self) -> gates.Held | None:
        """Begin the next run, or return what holds it."""
        if tables.projects.get(self.journal, self.name).state is ProjectState.NEW:
            return self._first_model()
        incident = lifecycle.drifting(self.journal, self.name)
        if incident is None and self._turn():
            return None
        incident = incident or self.asking.step()
        held = self._answer(incident) if incident is not None else None
        if incident is None or held is not None:
            self._try_champion()
        return held

    def _turn(self) -> bool:
        """Try the champion of a season that has come or gone, once enough of its rows are there; return whether that has begun."""
        plan = season_reinstatement.plan(self.journal, self.name)
        if plan is None:
            return False
        first, settings = plan["regime_from"], self.settings.retrain
        rows = self._rows_from(first)
        runs = tables.runs.all(self.journal, LIMITED, self.name, order="id DESC LIMIT 100")
        facts = self._facts(runs[::-1], rows=rows, needed=settings.min_rows, failures=0)
        if rows >= settings.min_rows:
            facts = self._with_labels(facts, first)
        fresh = self._fresh(first)
        if fresh is None or gates.held(settings, facts) or self.runner.shortage():
            return False
        self._begin("recall", None, plan | {"windows": fresh})
        return True

    def _try_champion(self) -> None:
        """Score a champion on probation and the one before, if a look is due and no incident's run has begun."""
        if tables.projects.get(self.journal, self.name).state is ProjectState.PAUSED:
            return
        plan = self.trial.plan()
        if plan is None or self.trial.backoff(plan["probation"], self.journal.clock()) or self.runner.shortage():
            return
        self._begin("probation", None, plan)

    def _hold(self, held: gates.Held | None) -> None:
        """Remember which gate holds the next run, where commands, pages and metrics find it."""
        before, self.held = self.held, held
        if held == before and before is not None:
            return
        said = asdict(held) if held else {}
        with self.journal.write():
            detail = tables.projects.get(self.journal, self.name).detail
            known = detail.get("held", {})
            if said == known:
                return
            others = {name: value for name, value in detail.items() if name != "held"}
            tables.projects.update(self.journal, self.name, detail=others | ({"held": said} if said else {}))
            if held is not None and held.gate != known.get("gate"):
                self.journal.emit("run-held", project=self.name, **said)

    @property
    def busy(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def stop(self, timeout: float) -> bool:
        """Interrupt the run, which goes on after the next start; return whether its thread has ended."""
        self._stop.set()
        self._stop_look.set()
        if self._thread is not None:
            self._thread.join(timeout)
        return not self.busy

    def call_off(self, why: str, timeout: float = 30) -> None:
        """End a look at a champion on probation that is still being made, for somebody who does not wait for it."""
        run = tables.runs.first(self.journal, "project = ? AND ended_at IS NULL", self.name)
        if run is None or run.cause != "probation" or self._stop.is_set():
            return
        self._stop_look.set()
        if self._thread is not None:
            self._thread.join(timeout)
        if self.busy:
            return
        with self.journal.write():
            where = f"id = ? AND ended_at IS NULL AND (step IS NULL OR step NOT IN {PUBLISHED})"
            ended = {"state": RunState.KEPT, "error": why, "ended_at": self.journal.clock()}
            tables.runs.set(self.journal, where, run.id, **ended)
            if tables.runs.get(self.journal, run.id).ended_at is not None:
                self.journal.emit("run-kept", project=self.name, subject=run.id, sentence=why)

    def settle(self) -> None:
        """Take over the outcome of runs whose incident still says that they are running."""
        query = "state = ? AND id IN (SELECT incident_id FROM runs WHERE project = ?)"
        for incident in tables.incidents.all(self.journal, query, IncidentState.RUNNING, self.name):
            run = tables.runs.first(self.journal, "incident_id = ?", incident.id, order="id DESC")
            if run is not None and run.ended_at is not None:
                with self.journal.write():
                    lifecycle.settle(self.journal, run, int(run.plan.get("regime_rows", 0)))

    def _first_model(self) -> gates.Held | None:
        """Without a champion nothing can be watched, so only failures and a full disk hold this run back."""
        failed = tables.runs.of(self.journal, self.name, order="id")
        facts = self._facts(failed, rows=0, needed=0, failures=len(failed))
        held = gates.backoff(facts) or gates.disk(self.runner.shortage())
        if held is None:
            self._begin("first-model", None, {"windows": None, "regime_from": None})
        return held

    def _answer(self, incident: Incident) -> gates.Held | None:
        settings = self.settings.retrain
        hurried = "hurried_by" in incident.detail
        rows = self._rows_from(incident.onset_window) if incident.onset_window else 0
        asked = hurried or incident.kind in lifecycle.ASKED
        needed = 0 if asked else incident.retry_rows or settings.min_rows
        runs = tables.runs.all(self.journal, LIMITED, self.name, order="id DESC LIMIT 100")
        facts = self._facts(runs[::-1], rows=rows, needed=needed, failures=incident.detail.get("failures", 0))
        if rows >= needed:  # counting labels reads the rows
            facts = self._with_labels(facts, None if asked else incident.onset_window)
        held = gates.held(settings, facts) or gates.disk(self.runner.shortage())
        if held is not None and held.gate == "labels":
            return replace(held, reason=held.reason + self.to_label.offer(incident, facts.labelled or 0, rows))
        if held is None and not self._recall(incident):
            cause = "person" if hurried else incident.kind
            self._begin(cause, incident, self._plan(incident, rows))
        return held

    def _recall(self, incident: Incident) -> bool:
        """Try the champion of a regime that has come back, on the rows that have come since."""
        onset = incident.onset_window or 0
        last = (self._plan(incident, 0)["windows"] or [0, 0])[1]
        if last < onset or (model := reinstatement_candidates.find(self.runner, incident)) is None:
            return False
        plan = {"windows": [onset, last], "regime_from": onset, "recall": model.id, "alarm": incident.window}
        self._begin("recall", incident, plan)
        return True

    def _with_labels(self, facts: gates.Facts, onset: int | None) -> gates.Facts:
        """Count the labelled rows of the new regime; where somebody asked for the run, of all that no champion has seen."""
        first = onset or 0
        if not self.labels.known or not tables.windows.count(self.journal, FRESH, self.name, first):
            return facts
        wanted = self.settings.retrain.min_labels or self.settings.retrain.min_rows
        return replace(facts, labelled=self.labels.count(first), labels_needed=wanted if onset else 1)

    def _plan(self, incident: Incident, rows: int) -> dict[str, Any]:
        """Fix what the run works on: every window that was judged and is in no champion's dataset yet."""
        windows = self._fresh(0)
        return {"windows": windows, "regime_from": incident.onset_window, "regime_rows": rows, "alarm": incident.window}

    def _fresh(self, first: int) -> list[int] | None:
        """Return the first and the last window from one on that is in no champion's dataset yet."""
        query = f"SELECT min(number) AS first, max(number) AS last FROM windows WHERE {FRESH}"  # noqa: S608  # a constant
        found = self.journal.rows(query, self.name, first)[0]
        return None if found["first"] is None else [found["first"], found["last"]]

    def _rows_from(self, window: int) -> int:
        query = "SELECT coalesce(sum(rows), 0) AS n FROM windows WHERE project = ? AND number >= ? AND state NOT IN ('closed', 'held')"
        return int(self.journal.rows(query, self.name, window)[0]["n"])

    def _facts(self, runs: list[Run], *, rows: int, needed: int, failures: int) -> gates.Facts:
        return gates.Facts(
            now=self.journal.clock(),
            rows=rows,
            needed=needed,
            labelled=None,
            labels_needed=0,
            paused=tables.projects.get(self.journal, self.name).state is ProjectState.PAUSED,
            broken=data_quality.opened(self.journal, self.name) is not None,
            ended=tuple(run.ended_at for run in runs if run.ended_at is not None),
            started=tuple(run.created_at for run in runs),
            failures=failures,
        )

    def _begin(self, cause: str, incident: Incident | None, plan: dict[str, Any]) -> None:
        with self.journal.write():
            run_id = tables.runs.add(
                self.journal,
                project=self.name,
                incident_id=incident.id if incident else None,
                cause=cause,
                state=RunState.RUNNING,
                plan=plan,
                created_at=self.journal.clock(),
            )
            if incident is not None:
                tables.incidents.update(self.journal, incident.id, state=IncidentState.RUNNING)
            self.journal.emit("run-started", project=self.name, subject=run_id, cause=cause, **plan)
        self._execute(run_id)

    def _execute(self, run_id: int) -> None:
        self._stop_look.clear()  # before the other is asked, as `stop` sets both: a look that was called off may be made again
        if self._stop.is_set():
            return
        stop = self._stop_look if tables.runs.get(self.journal, run_id).cause == "probation" else self._stop
        self._thread = threading.Thread(target=self._work, args=(run_id, stop), name=f"run-{self.name}-{run_id}")
        self._thread.start()

    def _work(self, run_id: int, stop: threading.Event) -> None:
        logs.current_run.set(run_id)
        try:
            self.runner.execute(run_id, stop)
        except Exception as error:  # noqa: BLE001  # a defect in a run must not start it again and again
            if stop.is_set():  # its worker may have ended with the daemon: it goes on after the next start
                return
            with self.journal.write():
                tables.runs.set(
                    self.journal,
                    "id = ? AND ended_at IS NULL",
                    run_id,
                    state=RunState.FAILED,
                    error=repr(error),
                    ended_at=self.journal.clock(),
                )
                self.journal.emit("run-failed", project=self.name, subject=run_id, error=repr(error))
        finally:
            self._wake()
