"""Seasons of the calendar: days are texts such as `12-24`, which compare as the days do; all of it in UTC."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import combinations
from typing import Annotated, Any, NamedTuple, Protocol

from pydantic import BeforeValidator, WithJsonSchema

LEAP_DAY = "02-29"
_DAYS = tuple(f"{date(2024, 1, 1) + timedelta(days):%m-%d}" for days in range(366))
_PATTERN = r"(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"


def day(value: Any) -> str:
    """Return a day of the year as it is written: `12-24`."""
    text = str(value)  # YAML makes dates of some
    if text not in _DAYS:
        why = "is on no calendar" if re.fullmatch(_PATTERN, text) else "is no day"
        raise ValueError(f"{text!r} {why}; write month and day like 12-24")
    return text


Day = Annotated[str, BeforeValidator(day), WithJsonSchema({"type": "string", "pattern": f"^{_PATTERN}$"})]


class Days(Protocol):
    """A season of the settings: from a day to a day, both in it."""

    @property
    def name(self) -> str: ...
    @property
    def from_(self) -> str: ...
    @property
    def to(self) -> str: ...


class Occurrence(NamedTuple):
    """A season, and the year in which it began."""

    name: str
    year: int


def occurrence(seasons: Sequence[Days], at: float) -> Occurrence | None:
    """Return which season, and of which year, a time (seconds since 1970) lies in; None where it lies in none."""
    if not seasons:
        return None
    moment = datetime.fromtimestamp(at, UTC)
    today = f"{moment:%m-%d}"
    for season in seasons:
        if holds(season, today):
            return Occurrence(season.name, moment.year - (today < season.from_))
    return None


def holds(season: Days, today: str) -> bool:
    """Say whether a day lies in a season, which may go over the new year."""
    if season.from_ <= season.to:
        return season.from_ <= today <= season.to
    return today >= season.from_ or today <= season.to


def problems(seasons: Sequence[Days]) -> Iterator[str]:
    """Yield what is wrong with seasons, in words."""
    days = [{today for today in _DAYS if holds(season, today)} for season in seasons]
    for season, its in zip(seasons, days, strict=True):
        if len(its) == len(_DAYS):
            yield f"{season.name!r} never ends: {season.from_} to {season.to} is the whole year; leave a day out, or the season"
        if its == {LEAP_DAY}:
            yield f"{season.name!r} comes in leap years only; let it begin on 02-28 or end on 03-01"
    for (one, its), (other, others) in combinations(zip(seasons, days, strict=True), 2):
        if one.name == other.name:
            yield f"there are two seasons called {one.name!r}; give each a name of its own"
        elif both := sorted(its & others):
            when = both[0] if len(both) == 1 else f"{len(both)} days, such as {both[0]}"
            yield f"{one.name!r} and {other.name!r} have {when} in common; a day has one season, so let one end before the other begins"
