"""Score decay: the model's own losses on labelled rows, where its predictions come with the data. One-sided, as only harm counts."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.special import ndtr

from driftd.errors import DataError
from driftd.profile.binning import Floats, Ints
from driftd.profile.features import Column
from driftd.readers import Column as Described
from driftd.readers import Kind
from driftd.stats import Pair
from driftd.stats.largest_cell import rate_p_value
from driftd.stats.rank import bernstein, rank_scores

LOSS = "loss of the model"  # the derived column
SHARE = 0.25  # of the budget of false alarms

Score = tuple[str, str]  # the columns with the truth and with the predictions


@dataclass(frozen=True)
class Decay:
    """What the losses of some windows say.

    Attributes:
        before: Mean loss of the reference's labelled rows.
        now: Mean loss of the windows' labelled rows.
        rows: How many those are.
        effect: The largest excess of the windows' losses over the reference's, between 0 and 1: of errors, the rise of their rate.
        evidence: As the verdict's; an alarm where it reaches the threshold and the effect the floor.
        alarm: Whether the score has decayed.
    """

    before: float
    now: float
    rows: int
    effect: float
    evidence: float
    alarm: bool


def with_loss(batches: Iterable[pa.RecordBatch], score: Score | None) -> Iterator[pa.RecordBatch]:
    """Add the loss of each row: |label - prediction| of numbers, else 1 for an error and 0; null while a label is not there."""
    for batch in batches:
        yield batch if score is None else batch.append_column(LOSS, _loss(*(batch.column(name) for name in score)))


def with_loss_column(columns: Sequence[Column], score: Score | None) -> Sequence[Column]:
    """Add the derived column's description.

    Raises:
        DataError: A column that `score` names is not there, or no loss can be made of the two.
    """
    if score is None:
        return columns
    kinds = {column.name: str(column.kind) for column in columns}
    for name in score:
        if name not in kinds:
            raise DataError(f"the model's score needs a column {name!r}, which is not there", remedy="correct its name")
    if {"text", "entities"} & {kinds[name] for name in score}:
        raise DataError("no loss is made of texts or entities", remedy="name columns of labels or numbers")
    return [*columns, Described(LOSS, Kind.NUMERIC)]


def _loss(label: pa.Array, prediction: pa.Array) -> pa.Array:
    if pa.types.is_floating(label.type) and pa.types.is_floating(prediction.type):
        return pc.abs(pc.subtract(label, prediction))
    return pc.not_equal(label.cast(pa.string()), prediction.cast(pa.string())).cast(pa.float64())


def decay_p_values(reference: Ints, current: Ints, design: float) -> tuple[Floats, Floats]:
    """Say how surprising a rise of the losses is, and how large.

    Errors (two cells) are tested exactly, by the binomial law of their count given both samples'; other losses by the mean of their
    rank scores, one-sided and normal, tempered by Bernstein's inequality: where most losses are 0, few rows make the mean.

    Args:
        reference: Counts of shape (blocks, cells).
        current: Counts of the same shape.
        design: Design effect of the losses.

    Returns:
        P-values and effects (one-sided K-S distance), shape (blocks,).
    """
    pair = Pair(reference, current, design=design)
    before, now = pair.shares
    effects = np.maximum(np.cumsum(before - now, axis=-1).max(-1), 0.0)
    filled = np.flatnonzero((reference + current).sum(0))
    if len(filled) <= 2:  # noqa: PLR2004  # errors and no errors
        worst = filled[-1] if len(filled) else 0
        rising = now[:, worst] >= before[:, worst]
        p_values = rate_p_value(current[:, worst], reference[:, worst] + current[:, worst], pair)
    else:
        totals = (reference + current).astype(np.float64)
        scores = rank_scores(totals)[0]
        gap = (scores * (now - before)).sum(-1)
        far = np.where(totals > 0, np.abs(scores), 0.0).max(-1)
        tempered = bernstein(np.maximum(gap, 0.0) * np.sqrt(pair.effective), far, pair.effective)
        rising, p_values = gap > 0, ndtr(-np.sqrt(tempered))
    quiet = ~rising | (pair.effective <= 0)
    return np.where(quiet, 1.0, p_values), np.where(pair.effective <= 0, 0.0, effects)


def mean(cells: Ints, positions: Floats) -> float:
    """Return the mean loss of counted rows."""
    return float(cells[: len(positions)] @ positions / max(int(cells.sum()), 1))
