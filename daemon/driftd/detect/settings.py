from collections.abc import Mapping
from dataclasses import dataclass, field

from driftd.config import Project

BEFORE = 24  # windows before an alarm, and
AFTER = 12  # from it on, that tell what it was
LATER = 2  # windows after a model was made, whose losses the next ones are held against
COLLECTING = "the new regime's rows are being collected"


@dataclass(frozen=True)
class DriftSettings:
    """What a person decides about detection. One setting is for all data: nothing here is tuned to a data set.

    Attributes:
        window_rows: Rows of a window.
        reference_rows: A young reference grows with windows in control up to this many rows.
        false_alarms: The budget: expected windows to a false alarm, over all columns and kinds of evidence.
        min_effect: Evidence counts only where a column's effect over the merged windows reaches this.
        ignore: Columns that are not looked at.
        thresholds: For a column (or `column.part`) and a statistic, the value from which a window alarms. Such a
            column takes no part in the evidence.
        score: The column with the truth and the one with the model's predictions, where both come with the data.
        labels: Columns that may be null, because labels may come later than their rows.
        scored: Whether the model's losses are looked at beside the rows, for a share of the budget.
        later: Whether a model that a run made is held against its losses on the first windows after it.
    """

    window_rows: int = 500
    reference_rows: int = 10_000
    false_alarms: float = 5000.0
    min_effect: float = 0.02
    ignore: tuple[str, ...] = ()
    thresholds: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    score: tuple[str, str] | None = None
    labels: tuple[str, ...] = ()
    scored: bool = False
    later: bool = False

    @classmethod
    def of(cls, project: Project) -> "DriftSettings":
        """Take from a project's settings what detection needs."""
        drift = project.drift
        return cls(
            window_rows=project.window.rows,
            reference_rows=project.reference.rows,
            false_alarms=drift.false_alarms,
            min_effect=drift.min_effect,
            ignore=drift.ignore,
            labels=project.labels,
            thresholds={column: dict(fixed.items()) for column, fixed in drift.columns.items()},
            score=(drift.score.label, drift.score.prediction) if drift.score else None,
            scored=drift.scorer is not None,
            later=drift.scorer is not None and drift.scorer.against == "later",
        )

    @property
    def rows_to_watch(self) -> int:
        """Rows that a new regime needs before windows are judged against it."""
        return min(self.reference_rows, 8 * self.window_rows)

    @property
    def losses_to_watch(self) -> int:
        """Losses that make a reference where there is none: they are one column, and two windows tell their rate."""
        return min(self.reference_rows, LATER * self.window_rows) if self.later else self.rows_to_watch

    @property
    def patience(self) -> int:
        """Windows that a new regime may take to settle before it is watched as it is."""
        return 3 * max(1, self.rows_to_watch // self.window_rows)
