"""Values with a unit, as people write them: durations and false-alarm budgets."""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

_UNITS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(s|min|h|d|w)\s*")
_BUDGET = re.compile(r"\s*1 per (\d+(?:\.\d+)?) windows?\s*")


def seconds(value: Any) -> float:
    """Return the seconds that `value` stands for: a number, or a text such as `90s`, `15min`, `6h`, `1d`, `2w`."""
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
        return float(value)
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if not match:
        raise ValueError(f"{value!r} is no duration; write it like 30s, 15min, 6h, 1d or 2w")
    return float(match[1]) * _UNITS[match[2]]


def windows_per_false_alarm(value: Any) -> float:
    """Return n of `1 per n windows`, which may be given as the number alone."""
    match = _BUDGET.fullmatch(value) if isinstance(value, str) else None
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= 1:
        return float(value)
    if not match or float(match[1]) < 1:
        raise ValueError(f"{value!r} is no budget; write it like `1 per 5000 windows`")
    return float(match[1])


Duration = Annotated[
    float,
    BeforeValidator(seconds),
    WithJsonSchema({"type": ["string", "number"], "pattern": r"^\s*\d+(\.\d+)?\s*(s|min|h|d|w)\s*$", "minimum": 0}),
]
Budget = Annotated[
    float,
    BeforeValidator(windows_per_false_alarm),
    WithJsonSchema({"type": ["string", "number"], "minimum": 1, "pattern": r"^\s*1 per \d+(\.\d+)? windows?\s*$"}),
]
