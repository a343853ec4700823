"""The losses of a model in production on the labelled rows that came after it, as its scorer found them."""

from datetime import datetime

from driftd.journal import Journal, tables
from driftd.journal.records import Scoring
from driftd.observe.views.base import View, when
from driftd.observe.views.windows import level

WEIGHED = "assignment_id = ? AND window > 0 AND loss IS NOT NULL AND verdict IS NOT NULL"
OVER_ALL = """
    SELECT count(*) AS windows, sum(scorings.rows) AS rows, sum(loss * scorings.rows) / sum(scorings.rows) AS loss
    FROM scorings JOIN assignments ON assignments.id = assignment_id WHERE model_id = ? AND window > 0 AND loss IS NOT NULL
"""


class LossView(View, frozen=True, kw_only=True):
    """The mean loss of the champion in the newest window that it was scored on."""

    window: int
    rows: int
    loss: float
    before: float | None  # that it is held against
    level: float | None  # of the way to an alarm; none while it is held against nothing
    reason: str | None  # why it is not
    scored_at: datetime


class LossesView(View, frozen=True, kw_only=True):
    """The mean loss of a model over all windows that it was scored on."""

    windows: int
    rows: int
    loss: float


def last(journal: Journal, project: str) -> LossView | None:
    """Return what the model in production loses now."""
    newest = tables.assignments.newest(journal, project, by="number")
    if newest is None:
        return None
    row = tables.scorings.first(journal, WEIGHED, newest.id, order="window DESC")
    return _view(row) if row else None


def over_all(journal: Journal, model: int) -> LossesView | None:
    """Return what a model has lost while it was in production."""
    [row] = journal.rows(OVER_ALL, model)
    return LossesView(windows=row["windows"], rows=row["rows"], loss=row["loss"]) if row["windows"] else None


def _view(row: Scoring) -> LossView:
    verdict = row.verdict or {}
    armed = bool(verdict.get("armed"))
    return LossView(
        window=row.window,
        rows=row.rows,
        loss=row.loss or 0.0,
        before=verdict["decay"]["before"] if armed else None,
        level=level(verdict["evidence"], verdict["threshold"]) if armed else None,
        reason=None if armed else verdict.get("reason"),
        scored_at=when(row.scored_at),
    )
