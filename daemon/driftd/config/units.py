"""Values with a unit, as people write them: durations, sizes, schedules, false-alarm budgets and choices of rows."""

import re
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BeforeValidator, WithJsonSchema

_UNITS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(s|min|h|d|w)\s*")
LONGEST = 36525 * _UNITS["d"]  # no time of the system's calendar overflows by it
_SIZES = {
    "B": 1,
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(B|kB|MB|GB|TB|KiB|MiB|GiB|TiB)\s*")
_CRON_FIELDS = ("minute", "hour", "day", "month", "day of the week")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_BUDGET = re.compile(r"\s*1 per (\d+(?:\.\d+)?) windows?\s*")
_DURATION_TEXT = r"\d+(?:\.\d+)? ?(?:s|min|h|d|w)"
_CHOICE = rf"all|last [1-9]\d{{0,11}} rows|last {_DURATION_TEXT}|regime(?: \+ (?:[1-9]\d?%|[1-9]\d{{0,11}} rows))?"


class Choice(NamedTuple):
    """Which rows a candidate is made of: see `retrain.rows`."""

    kind: Literal["all", "last", "window", "regime"]
    rows: int = 0  # how many of the last, or of the older ones beside the new regime's
    seconds: float = 0.0
    share: float = 0.0  # of the older rows


def seconds(value: Any) -> float:
    """Return the seconds that `value` stands for: a number, or a text such as `90s`, `15min`, `6h`, `1d`, `2w`."""
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match:
        found: int | float = float(match[1]) * _UNITS[match[2]]
    elif isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
        found = value
    else:
        raise ValueError(f"{value!r} is no duration; write it like 30s, 15min, 6h, 1d or 2w")
    if found > LONGEST:
        raise ValueError(f"{value!r} is more than a hundred years")
    return float(found)


def size_in_bytes(value: Any) -> float:
    """Return the bytes that `value` stands for: a number, or a text such as `512MB`, `8GB`, `8GiB`."""
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
        return float(value)
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if not match:
        raise ValueError(f"{value!r} is no size; write it like 512MB, 8GB or 8GiB")
    return float(match[1]) * _SIZES[match[2]]


def crontab(value: Any) -> str:
    """Return five crontab fields in which days of the week have names, because cron and APScheduler count them differently."""
    fields = value.split() if isinstance(value, str) else []
    if len(fields) != len(_CRON_FIELDS):
        raise ValueError(f"{value!r} is no schedule; write five fields as crontab has them, like `0 3 * * sun`")
    fields[-1] = re.sub(r"(?<![/\d])[0-7](?!\d)", lambda day: _DAYS[int(day[0]) % 7], fields[-1].lower())
    from apscheduler.triggers.cron import CronTrigger

    try:
        CronTrigger.from_crontab(" ".join(fields), timezone="UTC")
    except ValueError as error:
        raise ValueError(f"{value!r} is no schedule: {error}") from error
    return " ".join(fields)


def windows_per_false_alarm(value: Any) -> float:
    """Return n of `1 per n windows`, which may be given as the number alone."""
    match = _BUDGET.fullmatch(value) if isinstance(value, str) else None
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= 1:
        return float(value)
    if not match or float(match[1]) < 1:
        raise ValueError(f"{value!r} is no budget; write it like `1 per 5000 windows`")
    return float(match[1])


def choice_of_rows(value: Any) -> str:
    """Return a choice of rows as it is written: `all`, `last 20000 rows`, `last 30d`, `regime`, `regime + 20%`, `regime + 500 rows`."""
    text = " ".join(value.split()) if isinstance(value, str) else ""
    if not re.fullmatch(_CHOICE, text):
        raise ValueError(
            f"{value!r} is no choice of rows; write all, or like last 20000 rows, last 30d, regime, regime + 20% or regime + 500 rows"
        )
    choice(text)  # a duration in it may be too long
    return text


def choice(text: str) -> Choice:
    """Return what a choice of rows says."""
    words = text.split()
    if words == ["all"]:
        return Choice("all")
    if words[0] == "last":
        return (
            Choice("last", rows=int(words[1])) if words[-1] == "rows" else Choice("window", seconds=seconds(text[5:]))
        )
    if len(words) == 1:
        return Choice("regime")
    old = words[2]
    return Choice("regime", share=int(old[:-1]) / 100) if old.endswith("%") else Choice("regime", rows=int(old))


Duration = Annotated[
    float,
    BeforeValidator(seconds),
    WithJsonSchema(
        {
            "type": ["string", "number"],
            "pattern": r"^\s*\d+(\.\d+)?\s*(s|min|h|d|w)\s*$",
            "minimum": 0,
            "maximum": LONGEST,
        }
    ),
]
Size = Annotated[
    float,
    BeforeValidator(size_in_bytes),
    WithJsonSchema(
        {"type": ["string", "number"], "pattern": r"^\s*\d+(\.\d+)?\s*([kMGT]?B|[KMGT]iB)\s*$", "minimum": 0}
    ),
]
Crontab = Annotated[str, BeforeValidator(crontab)]
ChoiceOfRows = Annotated[
    str, BeforeValidator(choice_of_rows), WithJsonSchema({"type": "string", "pattern": rf"^({_CHOICE})$"})
]
Budget = Annotated[
    float,
    BeforeValidator(windows_per_false_alarm),
    WithJsonSchema({"type": ["string", "number"], "minimum": 1, "pattern": r"^\s*1 per \d+(\.\d+)? windows?\s*$"}),
]
