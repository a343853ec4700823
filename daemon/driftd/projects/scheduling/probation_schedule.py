"""When a new champion is looked at: three looks at most, while fresh labelled rows come."""

from dataclasses import dataclass
from typing import Any

from driftd.config import Project
from driftd.journal import Journal, tables
from driftd.journal.records import Probation, ProbationState, RunState
from driftd.projects.scheduling import gates
from driftd.projects.scheduling.label_counts import FRESH, Labels
from driftd.retrain.steps import probation
from driftd.retrain.steps.outcome import ALARMED

SHARES = (0.25, 0.5, 1.0)  # of the rows that it takes, after which both models are scored
LOOKS = "project = ? AND cause = 'probation' AND plan ->> '$.probation' = ?"


@dataclass(frozen=True)
class Facts:
    """What the journal knows of a probation."""

    now: float
    rows: int  # labelled rows that it takes
    until: float
    seen: int  # labelled rows at the last look
    labelled: int  # now


def due(facts: Facts) -> bool:
    """Return whether a look is due: a further share of the rows is there, or the time is over and there are more than at the last look."""
    steps = [share * facts.rows for share in SHARES]
    if facts.now >= facts.until:
        return facts.labelled > facts.seen and facts.labelled >= steps[0]
    return any(facts.seen < step <= facts.labelled for step in steps)


def last(facts: Facts) -> bool:
    """Return whether no further look will come."""
    return facts.now >= facts.until or facts.labelled >= facts.rows


class Trial:
    """The probation of one project's champion."""

    def __init__(self, name: str, settings: Project, journal: Journal, labels: Labels) -> None:
        self.name = name
        self.settings = settings
        self.journal = journal
        self.labels = labels

    def plan(self) -> dict[str, Any] | None:
        """Return what the look that is due works on; end a probation that can have no further one."""
        found = probation.opened(self.journal, self.name)
        if found is None:
            return None
        if not probation.asked_for(self.settings.promote):
            self._end(found, "The settings ask for no probation any more.")
            return None
        first, end = found.first_window, self._last_window(found.first_window)
        facts = Facts(self.journal.clock(), found.rows, found.until, found.seen, self._labelled(first, end))
        if facts.labelled != found.labelled:
            with self.journal.write():
                tables.probations.update(self.journal, found.id, labelled=facts.labelled)
        if facts.now >= facts.until and self._failed(found.id):
            self._end(found, "The time of its probation is over, and the last look has failed.")
            return None
        if due(facts) and end is not None:
            return {
                "windows": [first, end],
                "regime_from": first,
                "recall": found.before_id,
                "probation": found.id,
                "labelled": facts.labelled,
                "last": last(facts),
            }
        if facts.now >= facts.until:
            self._end(
                found,
                f"The time of its probation is over, and {facts.labelled} of {facts.rows} labelled rows have come.",
            )
        return None

    def backoff(self, found: int, now: float) -> gates.Held | None:
        """Hold back after looks that failed, twice as long after each."""
        return gates.backoff_of(tables.runs.all(self.journal, LOOKS, self.name, found, order="id DESC"), now)

    def _failed(self, found: int) -> bool:
        run = tables.runs.first(self.journal, LOOKS, self.name, found, order="id DESC")
        return run is not None and run.state is RunState.FAILED

    def _last_window(self, first: int) -> int | None:
        """Return the last window of the champion's regime: one that an open incident counts to the next is none of its."""
        alarm = tables.incidents.first(
            self.journal, f"{ALARMED} AND onset_window IS NOT NULL", self.name, order="id DESC"
        )
        before = alarm.onset_window if alarm and alarm.onset_window else 2**62
        query = f"SELECT max(number) AS n FROM windows WHERE {FRESH} AND number < ?"  # noqa: S608  # a constant
        found: int | None = self.journal.rows(query, self.name, first, before)[0]["n"]
        return found

    def _labelled(self, first: int, end: int | None) -> int:
        if end is None:
            return 0
        if self.labels.known:
            return self.labels.count(first, end)
        query = f"SELECT coalesce(sum(rows), 0) AS n FROM windows WHERE {FRESH} AND number <= ?"  # noqa: S608  # a constant
        return int(self.journal.rows(query, self.name, first, end)[0]["n"])

    def _end(self, found: Probation, sentence: str) -> None:
        with self.journal.write():
            probation.end(self.journal, found, ProbationState.EXPIRED, sentence)
