"""Gates that a run passes before it may start. Pure: settings, facts and a clock's reading in, the first gate that holds out."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from driftd.config.settings import Retrain
from driftd.journal.records import Run, RunState

DAY = 86400.0
BACKOFF_FIRST = 60.0  # seconds after a first failed run; doubled by each further one
BACKOFF_LAST = 6 * 3600.0


@dataclass(frozen=True)
class Facts:
    """What the journal knows about an incident's next run."""

    now: float
    rows: int  # rows of the new regime
    needed: int  # rows that the run waits for; 0 where a person or a trigger asked for it
    labelled: int | None  # of these rows; None where the project has no labels
    labels_needed: int
    paused: bool
    broken: bool  # a quality incident is open
    ended: tuple[float, ...]  # when runs of the project ended, oldest first
    started: tuple[float, ...]  # when runs of the project began, oldest first
    failures: int  # failed runs of this incident in a row


@dataclass(frozen=True)
class Held:
    """The gate that holds a run, and until when if a clock opens it."""

    gate: str
    reason: str
    until: float | None = None


BROKEN = Held("quality", "the data are broken; `driftd incidents list` says how")
PAUSED = Held("paused", "the project is paused; `driftd resume` goes on")


def held(settings: Retrain, facts: Facts) -> Held | None:
    """Return the first gate that holds, or None where the run may start."""
    if facts.paused:
        return PAUSED
    if facts.broken:
        return BROKEN
    if facts.rows < facts.needed:
        return Held("rows", f"{facts.rows} of {facts.needed} rows of the new regime are there")
    if facts.labelled is not None and facts.labelled < facts.labels_needed:
        return Held("labels", f"{facts.labelled} of {facts.labels_needed} labelled rows are there")
    clocks = (cooldown(settings, facts), per_day(settings, facts), backoff(facts))
    return max((gate for gate in clocks if gate), key=lambda gate: gate.until or 0.0, default=None)


def cooldown(settings: Retrain, facts: Facts) -> Held | None:
    """Hold until `retrain.cooldown` has passed since the last run."""
    until = facts.ended[-1] + settings.cooldown if facts.ended else facts.now
    return Held("cooldown", "the cooldown after the last run has not passed", until) if facts.now < until else None


def per_day(settings: Retrain, facts: Facts) -> Held | None:
    """Hold while `retrain.max_per_day` runs have started within 24 hours."""
    recent = [start for start in facts.started if start > facts.now - DAY]
    if len(recent) < settings.max_per_day:
        return None
    until = recent[-settings.max_per_day] + DAY
    return Held("max_per_day", f"{len(recent)} runs have started within 24 hours", until)


def backoff(facts: Facts) -> Held | None:
    """Hold for a while after failed runs, twice as long after each."""
    return backoff_after(facts.failures, facts.ended[-1] if facts.ended else None, facts.now)


def backoff_of(runs: Sequence[Run], now: float) -> Held | None:
    """Hold back after runs of one kind that failed in a row; the newest is the first of them."""
    failed = list(takewhile(lambda run: run.state is RunState.FAILED, runs))
    return backoff_after(len(failed), failed[0].ended_at if failed else None, now)


def backoff_after(failures: int, ended: float | None, now: float) -> Held | None:
    """Hold for a while after so many failed runs in a row, of which the last one ended then."""
    if not failures or ended is None:
        return None
    until = ended + min(BACKOFF_FIRST * 2.0 ** (failures - 1), BACKOFF_LAST)
    return Held("backoff", f"the last {failures} runs failed", until) if now < until else None


def disk(shortage: str | None) -> Held | None:
    """Hold while less than `retrain.free_disk` is free."""
    return Held("disk", shortage) if shortage else None


def approval(run: int) -> Held:
    """What holds a run that waits for a person."""
    return Held("approval", f"run {run} waits for `driftd approve {run}`")
