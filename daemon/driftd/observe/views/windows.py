"""Windows and what they said."""

import math
from datetime import datetime
from typing import Any

from driftd.journal import Journal, tables
from driftd.journal.records import Window
from driftd.observe.views.base import LIMIT, View, when

MOVED = 10  # columns that a window names


class Evidence(View, frozen=True, kw_only=True):
    """What a judged window says. `level` is the way to an alarm on a logarithmic scale: 0 nothing, 1 the threshold."""

    armed: bool
    reason: str | None
    alarm: bool
    warn: bool
    quality: bool
    evidence: float
    threshold: float
    level: float
    columns: list[str]  # those that moved, the largest effect first
    problems: list[str]


class WindowView(View, frozen=True, kw_only=True):
    number: int
    state: str
    rows: int
    closed_at: datetime
    closed_by: str
    evidence: Evidence | None
    batch: str | None


def windows(journal: Journal, project: str, limit: int = LIMIT, before: int | None = None) -> list[WindowView]:
    """Return a project's windows, the newest first."""
    rows = tables.windows.all(
        journal, "project = ? AND number < ?", project, before or 2**62, order=f"number DESC LIMIT {int(limit)}"
    )
    return [_view(row) for row in rows]


def latest(journal: Journal, project: str) -> WindowView | None:
    """Return the last window that was judged."""
    row = tables.windows.first(journal, "project = ? AND state = 'judged'", project, order="number DESC")
    return _view(row) if row else None


def evidence(verdict: dict[str, Any]) -> Evidence:
    moved = sorted((c for c in verdict.get("columns", ()) if c["drift"]), key=lambda c: -c["effect"])
    return Evidence(
        armed=verdict["armed"],
        reason=verdict.get("reason"),
        alarm=verdict["alarm"],
        warn=verdict["warn"],
        quality=verdict.get("quality", False),
        evidence=verdict["evidence"],
        threshold=verdict["threshold"],
        level=level(verdict["evidence"], verdict["threshold"]),
        columns=[c["name"] for c in moved[:MOVED]],
        problems=list(verdict.get("problems", ())),
    )


def level(value: float, threshold: float) -> float:
    """Return how much of the way to an alarm evidence is, on a logarithmic scale."""
    if threshold <= 1 or value <= 1:
        return 0.0
    return round(math.log(min(value, threshold**10)) / math.log(threshold), 4)


def _view(row: Window) -> WindowView:
    return WindowView(
        number=row.number,
        state=row.state,
        rows=row.rows,
        closed_at=when(row.closed_at),
        closed_by=row.closed_by,
        evidence=evidence(row.verdict) if row.verdict else None,
        batch=row.batch,
    )
