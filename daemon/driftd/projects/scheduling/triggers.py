"""What asks for a run beside drift and people. Pure: settings and facts in, the first trigger that is due out."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from driftd.config.settings import Retrain

DAY = 86400.0


@dataclass(frozen=True)
class Facts:
    """What the journal and the repository know about the last training, which is the last run that came to a decision."""

    now: float
    scheduled_from: float  # schedules count from here: the last that was due, or when the schedule was set
    trained_at: float
    rows: int  # that have come since
    trained_base: str | None  # the commit that its code was
    base: str | None  # the commit that it would be now; None where nobody asked


@dataclass(frozen=True)
class Due:
    """A trigger that asks for a run; `kind` is its incident's."""

    kind: str
    summary: str


def due(settings: Retrain, facts: Facts) -> Due | None:
    """Return the first trigger that is due."""
    return next((found for trigger in TRIGGERS if (found := trigger(settings, facts))), None)


def schedule(settings: Retrain, facts: Facts) -> Due | None:
    """The clock has passed a time of `retrain.schedule`; several that were missed are one, and without new rows it is none."""
    if settings.schedule is None or next_time(settings.schedule, facts.scheduled_from) > facts.now or not facts.rows:
        return None
    return Due("schedule", f"the schedule {settings.schedule} asks for a run")


def age(settings: Retrain, facts: Facts) -> Due | None:
    """The champion was made, or has held its place, longer than `retrain.max_age` ago, and there are new rows."""
    old = facts.now - facts.trained_at
    if settings.max_age is None or old < settings.max_age or not facts.rows:
        return None
    return Due("age", f"the last training was {old / DAY:.3g} days ago")


def rows(settings: Retrain, facts: Facts) -> Due | None:
    """`retrain.every_rows` rows have come since the last training."""
    if settings.every_rows is None or facts.rows < settings.every_rows:
        return None
    return Due("rows", f"{facts.rows} rows have come since the last training")


def base(settings: Retrain, facts: Facts) -> Due | None:
    """The branch that runs start from has other commits than at the last run."""
    if not settings.on_base or facts.base is None or facts.base == facts.trained_base:
        return None
    return Due("base", f"the code has changed: {settings.base or 'the base'} is at {facts.base[:10]} now")


TRIGGERS: tuple[Callable[[Retrain, Facts], Due | None], ...] = (schedule, age, rows, base)


def next_time(crontab: str, after: float) -> float:
    """Return when a crontab's next time after another one is, in UTC."""
    from apscheduler.triggers.cron import CronTrigger

    moment = datetime.fromtimestamp(after, UTC)
    found = CronTrigger.from_crontab(crontab, timezone=UTC).get_next_fire_time(moment, moment)
    return float("inf") if found is None else found.timestamp()
