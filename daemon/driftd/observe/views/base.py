"""What all views share."""

from datetime import UTC, datetime
from typing import TypeVar, overload

import msgspec

from driftd.errors import UsageError

T = TypeVar("T")
LIMIT = 50  # entries of a list unless told


class View(msgspec.Struct, frozen=True, kw_only=True):
    """Something that people see."""


@overload
def when(at: float) -> datetime: ...
@overload
def when(at: None) -> None: ...
def when(at: float | None) -> datetime | None:
    """Return the time of a journal row."""
    return None if at is None else datetime.fromtimestamp(round(at, 3), UTC)


def found(value: T | None, what: str, remedy: str) -> T:
    """Return what was looked for, or say that it is not there."""
    if value is None:
        raise UsageError(f"there is no {what}", remedy=remedy)
    return value
