"""The champion is scored on windows whose rows have labels, beside everything else; a rise of its losses is an incident."""

import threading
from collections.abc import Callable
from typing import Any

from driftd.config import Project
from driftd.detect.settings import COLLECTING, DriftSettings
from driftd.detect.tasks.protocol import Weighed, accept, weigh
from driftd.errors import DriftdError
from driftd.incidents import lifecycle
from driftd.journal import Journal, tables
from driftd.journal.records import Assignment, Scoring, Window
from driftd.journal.window_spans import spans_of
from driftd.projects.scheduling.label_counts import Labels
from driftd.retrain.context import champion
from driftd.retrain.process.launcher import Stopped
from driftd.retrain.runner import Runner

ACCEPTED = 0  # stands for a window: what the model was accepted with
LABELLED = 0.5  # share of a window's rows that must have labels
REMEMBERED = 64  # scorings whose rows may still be a reference
UNSCORED = (
    "project = ? AND number >= ? AND state NOT IN ('closed', 'held')"
    " AND number NOT IN (SELECT window FROM scorings WHERE assignment_id = ?)"
)


class Scorings:
    """Scores one window at a time in a thread, and weighs what came of it in the loop, in the order of the scorings."""

    def __init__(
        self, name: str, settings: Project, journal: Journal, runner: Runner, wake: Callable[[], None]
    ) -> None:
        self.name = name
        self.enabled = settings.drift.scorer is not None
        self.settings = DriftSettings.of(settings)
        self.journal = journal
        self.runner = runner
        self.labels = Labels(name, settings, journal, runner)
        self._wake = wake
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def step(self) -> None:
        """Weigh what was scored, and begin with the next window."""
        if not self.enabled:
            return
        while (scoring := self._to_weigh()) is not None:
            self._weigh(scoring)
        if self._stop.is_set() or not self.idle or self.runner.shortage():
            return
        found = champion(self.journal, self.name)
        if found is None:
            return
        assignment = found[0]
        if not tables.scorings.count(self.journal, "assignment_id = ? AND window = 0", assignment.id):
            self._begin(assignment, None)
        elif (window := self._next(assignment)) is not None:
            self._begin(assignment, window)

    @property
    def idle(self) -> bool:
        return self._thread is None or not self._thread.is_alive()

    def wait(self, timeout: float) -> bool:
        """Wait for the end of what is being scored; return whether it has come."""
        if self._thread is not None:
            self._thread.join(timeout)
        return self.idle

    def stop(self, timeout: float) -> bool:
        """End the scorer, which begins anew with its window after the next start."""
        self._stop.set()
        return self.wait(timeout)

    def _next(self, assignment: Assignment) -> Window | None:
        """Return the oldest window with labels that the champion has neither learnt from nor been scored on."""
        known = self.labels.known
        first = self._first(assignment)
        where = f"{UNSCORED} AND (labelled IS NULL OR labelled >= {LABELLED} * rows)"
        if window := tables.windows.first(self.journal, where, self.name, first, assignment.id, order="number"):
            if not known or window.labelled is not None:
                return window
            self.labels.look(window)
            self._wake()  # one a step, as the loop has more to do
            return None
        return None

    def _first(self, assignment: Assignment) -> int:
        """Return the first window that a champion is scored on."""
        run = tables.runs.get(self.journal, assignment.run_id) if assignment.run_id else None
        if assignment.cause == "promotion" and run is not None and run.plan.get("windows"):
            return int(run.plan["windows"][1]) + 1
        if assignment.cause == "first-model":
            return 1
        query = "SELECT coalesce(max(number), 0) AS n FROM windows WHERE project = ? AND closed_at <= ?"
        return int(self.journal.rows(query, self.name, assignment.assigned_at)[0]["n"]) + 1

    def _begin(self, assignment: Assignment, window: Window | None) -> None:
        self._thread = threading.Thread(target=self._score, args=(assignment, window), name=f"scorer-{self.name}")
        self._thread.start()

    def _score(self, assignment: Assignment, window: Window | None) -> None:
        losses, error = [], None
        try:
            model = tables.models.get(self.journal, assignment.model_id)
            spans = spans_of(self.journal, [window], self.runner.layout.labels) if window else None
            losses = self.runner.score(model, spans, self._stop)
        except Stopped:
            return
        except (DriftdError, OSError) as failure:
            error = str(failure)
        except Exception as failure:  # noqa: BLE001  # whatever a scorer writes, the daemon lives
            if self._stop.is_set():  # its worker may have ended with the daemon
                return
            error = repr(failure)
        with self.journal.write():
            self._record(assignment, window.number if window else ACCEPTED, losses, error)
        self._wake()

    def _record(self, assignment: Assignment, window: int, losses: list[float], error: str | None) -> None:
        before = tables.scorings.newest(self.journal, self.name)
        mean = sum(losses) / len(losses) if losses else None
        scoring = tables.scorings.add(
            self.journal,
            project=self.name,
            assignment_id=assignment.id,
            window=window,
            rows=len(losses),
            loss=mean,
            losses=losses,
            error=error,
            scored_at=self.journal.clock(),
        )
        if error is None:
            self.journal.emit(
                "window-scored", project=self.name, subject=scoring, window=window, rows=len(losses), loss=mean
            )
        elif before is None or before.error != error:
            self.journal.emit("scoring-failed", project=self.name, subject=scoring, window=window, error=error)

    def _to_weigh(self) -> Scoring | None:
        where = "project = ? AND verdict IS NULL AND error IS NULL"
        return tables.scorings.first(self.journal, where, self.name, order="id")

    def _weigh(self, scoring: Scoring) -> None:
        """Hold what was scored against what the model was accepted with, or collect it as that where there is nothing yet."""
        newest = tables.assignments.newest(self.journal, self.name, by="number")
        reference, since = self._watched(scoring)
        losses = scoring.losses or []
        if newest is None or newest.id != scoring.assignment_id or not losses:
            self._said(scoring, {"armed": False, "reason": "of a former champion" if losses else "no row was scored"})
        elif scoring.window == ACCEPTED and self.settings.later and self._made(newest):
            self._said(scoring, {"armed": False, "reason": COLLECTING}, losses=None)
        elif reference is None:
            self._collect(scoring, since)
        else:
            done = self.runner.executor.submit(
                weigh, reference.reference or b"", self._detector(scoring, reference), losses, self.settings
            ).result()
            self._take(scoring, reference, done)

    def _made(self, assignment: Assignment) -> bool:
        """Say whether a run has made the model, also one that is in production again."""
        where = "project = ? AND model_id = ? AND cause = 'promotion'"
        return tables.assignments.first(self.journal, where, self.name, assignment.model_id) is not None

    def _watched(self, scoring: Scoring) -> tuple[Scoring | None, int]:
        """Return the scoring that holds the reference, or since which one the losses are collected for the next."""
        mine = "assignment_id = ? AND id < ?"
        last = tables.scorings.first(
            self.journal, f"{mine} AND reference IS NOT NULL", scoring.assignment_id, scoring.id, order="id DESC"
        )
        alarm = tables.scorings.first(
            self.journal, f"{mine} AND onset IS NOT NULL", scoring.assignment_id, scoring.id, order="id DESC"
        )
        if alarm is not None and (last is None or last.id <= alarm.id):
            return None, alarm.onset or alarm.id
        return last, 0

    def _detector(self, scoring: Scoring, reference: Scoring) -> bytes | None:
        before = tables.scorings.first(
            self.journal,
            "assignment_id = ? AND id BETWEEN ? AND ? AND detector IS NOT NULL",
            scoring.assignment_id,
            reference.id,
            scoring.id - 1,
            order="id DESC",
        )
        return before.detector if before else None

    def _collect(self, scoring: Scoring, since: int) -> None:
        """Make what was scored the reference: at once what the model was accepted with, else as soon as there is enough."""
        found = tables.scorings.all(
            self.journal,
            "assignment_id = ? AND id BETWEEN ? AND ? AND losses IS NOT NULL",
            scoring.assignment_id,
            since,
            scoring.id,
            order="id",
        )
        losses = [loss for each in found for loss in each.losses or ()]
        reference = None
        if scoring.window == ACCEPTED or len(losses) >= self.settings.losses_to_watch:
            reference = self.runner.executor.submit(accept, losses, self.settings).result()
        self._said(scoring, {"armed": False, "reason": COLLECTING}, reference=reference)

    def _take(self, scoring: Scoring, reference: Scoring, done: Weighed) -> None:
        since = None if done.onset is None else self._begun(scoring, reference, done.onset)
        with self.journal.write():
            if done.reference is not None:
                tables.scorings.update(self.journal, reference.id, reference=done.reference)
            onset = None if since is None else since.id
            verdict = done.verdict if since is None else self._exact(done.verdict, since, scoring)
            self._said(scoring, verdict, detector=done.state, onset=onset)
            if since is not None:
                # labels may come late, and an older window behind a newer one
                first, last = sorted((since.window, scoring.window))
                lifecycle.harmed(self.journal, self.name, last, first, verdict)

    def _exact(self, verdict: dict[str, Any], since: Scoring, last: Scoring) -> dict[str, Any]:
        """Put the mean of the losses in place of that of their cells, which know no larger loss than the accepted ones."""
        span = tables.scorings.all(
            self.journal,
            "assignment_id = ? AND id BETWEEN ? AND ? AND loss IS NOT NULL",
            last.assignment_id,
            since.id,
            last.id,
        )
        rows = sum(each.rows for each in span)
        now = sum((each.loss or 0.0) * each.rows for each in span) / rows
        return {**verdict, "decay": {**verdict["decay"], "now": now, "rows": rows}}

    def _begun(self, scoring: Scoring, reference: Scoring, back: int) -> Scoring:
        """Return the scoring with which a rise began."""
        weighed = tables.scorings.all(
            self.journal,
            "assignment_id = ? AND id > ? AND id < ? AND detector IS NOT NULL",
            scoring.assignment_id,
            reference.id,
            scoring.id,
            order=f"id DESC LIMIT {back}",
        )
        return weighed[-1] if weighed else scoring

    def _said(self, scoring: Scoring, verdict: dict[str, object], **values: object) -> None:
        """Write what was said of a scoring; while losses are held against a reference, forget what no later one needs."""
        with self.journal.write():
            tables.scorings.update(self.journal, scoring.id, verdict=verdict, **values)
            if not (values.get("reference") or values.get("detector")):
                return
            self.journal.run(
                "UPDATE scorings SET losses = NULL, detector = NULL WHERE project = ? AND id <= ?"
                " AND (losses IS NOT NULL OR detector IS NOT NULL)",
                self.name,
                scoring.id - REMEMBERED,
            )
