"""Opens an incident when a trigger is due: schedule, age, rows, a changed base."""

from driftd.config import Project
from driftd.incidents import lifecycle
from driftd.journal import Journal, tables
from driftd.journal.records import Incident, Run
from driftd.projects.scheduling import triggers
from driftd.retrain.runner import Runner

LOOK = 10.0  # seconds between two looks at the repository
TRAINED = "project = ? AND state IN ('promoted', 'kept') AND cause NOT IN ('recall', 'probation')"


class Asking:
    """The triggers of one project."""

    def __init__(self, name: str, settings: Project, journal: Journal, runner: Runner) -> None:
        self.name = name
        self.settings = settings.retrain
        self.journal = journal
        self.runner = runner
        self._base: str | None = None
        self._looked = 0.0

    def step(self) -> Incident | None:
        """Open an incident for the trigger that is due, if one is, and return it."""
        settings = self.settings
        if not (settings.schedule or settings.max_age or settings.every_rows or settings.on_base):
            return None
        last = tables.runs.first(self.journal, TRAINED, self.name, order="id DESC")
        if last is None:
            return None
        facts = self._facts(last)
        found = triggers.due(settings, facts)
        if found is None:
            return None
        with self.journal.write():
            self._count_from(facts.now)
            incident = lifecycle.ask(self.journal, self.name, found.kind, found.summary, {})
        return tables.incidents.get(self.journal, incident)

    def _facts(self, last: Run) -> triggers.Facts:
        now = self.journal.clock()
        seen = f"SELECT coalesce(max(plan ->> '$.windows[1]'), 0) AS n FROM runs WHERE {TRAINED}"  # noqa: S608  # a constant
        rows = (
            "SELECT coalesce(sum(rows), 0) AS n FROM windows"
            " WHERE project = ? AND number > ? AND state NOT IN ('closed', 'held')"
        )
        last_seen = self.journal.rows(seen, self.name)[0]["n"]
        return triggers.Facts(
            now=now,
            scheduled_from=self._scheduled_from(now),
            trained_at=last.ended_at or now,
            rows=int(self.journal.rows(rows, self.name, last_seen)[0]["n"]),
            trained_base=self._trained_base(),
            base=self._look(now) if self.settings.on_base else None,
        )

    def _scheduled_from(self, now: float) -> float:
        """Return since when the schedule counts; from now on where it is another one than before."""
        known = tables.projects.get(self.journal, self.name).detail.get("schedule", {})
        if self.settings.schedule is not None and known.get("crontab") != self.settings.schedule:
            with self.journal.write():
                self._count_from(now)
            return now
        return float(known.get("from", now))

    def _count_from(self, now: float) -> None:
        if self.settings.schedule is not None:
            detail = tables.projects.get(self.journal, self.name).detail
            counted = {"crontab": self.settings.schedule, "from": now}
            tables.projects.update(self.journal, self.name, detail=detail | {"schedule": counted})

    def _trained_base(self) -> str | None:
        """Return the commit that the last run stood on, whatever came of it: a base that fails is not tried again and again."""
        query = (
            "SELECT result ->> 'base' AS base FROM steps JOIN runs ON runs.id = run_id"
            " WHERE project = ? AND cause NOT IN ('recall', 'probation') AND name = 'prepare' AND result IS NOT NULL ORDER BY run_id DESC LIMIT 1"
        )
        found = self.journal.rows(query, self.name)
        return found[0]["base"] if found else None

    def _look(self, now: float) -> str:
        if self._base is None or now - self._looked >= LOOK:
            self._base, self._looked = self.runner.base(), now
        return self._base
