"""What makes two rows the same: SHA-256 over canonical JSON of a row without its labels.

Canonical JSON: keys sorted, no spaces, UTF-8 unescaped. A whole number below 2^53 is written as an integer, whatever its type; any other number
as the shortest spelling of a double (Python's repr); NaN, infinity and missing as null; a time as ISO 8601 in UTC with microseconds and Z, where
one without a zone is taken as UTC; true and false; everything else as a string. A vector is a list
of numbers. Label columns are left out, and so is what holds any other list (entities): the identity of a labelled text is that of the text.
"""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, TypeGuard

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

EXACT = 2**53


def row_id(row: Mapping[str, object], labels: Collection[str] = ()) -> str:
    """Return a row's identity as 64 hex digits. `row_ids` does the same for batches, and faster."""
    kept = {name: canonical(value) for name, value in row.items() if name not in labels and _counts(value)}
    text = json.dumps(kept, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return sha256(text.encode()).hexdigest()


def is_vector(value: object) -> TypeGuard[list[float | None]]:
    """Say whether a value is a list of numbers, some of which may be missing."""
    return isinstance(value, list) and all(
        each is None or (isinstance(each, int | float) and not isinstance(each, bool)) for each in value
    )


def _counts(value: object) -> bool:
    return not isinstance(value, list) or (bool(value) and is_vector(value))


def vector_text(value: list[float]) -> str:
    """Return a vector as canonical JSON."""
    return json.dumps(list(map(canonical, value)), separators=(",", ":"))


def canonical(value: object) -> object:
    """Return a value as it stands in canonical JSON."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float):
        return canonical_number(value)
    if isinstance(value, list):
        return list(map(canonical, value))
    if isinstance(value, datetime):
        utc = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        return f"{utc.isoformat(timespec='microseconds')}Z"
    if isinstance(value, date):
        return f"{value.isoformat()}T00:00:00.000000Z"
    return str(value)


def canonical_number(value: float) -> float | None:
    """Return a number as int or float, such that equal numbers are written alike."""
    if -EXACT < value < EXACT and value == int(value):
        return int(value)
    try:
        double = float(value)
    except OverflowError:
        return None
    return double if math.isfinite(double) else None
