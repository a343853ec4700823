"""What a policy needs of the project: models made of rows of the stream, and what they score. The stages are real, commits are not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Part:
    """Rows of the stream, from `first` on up to `last`; of older rows beside a new regime a share may be drawn."""

    first: int
    last: int
    new: bool = False
    share: float = 1.0


@dataclass(frozen=True)
class Made:
    """A model: what it is known by, the seconds that its stages took, its scores, and its losses on test rows."""

    key: str
    parts: tuple[Part, ...]
    seconds: float
    scores: Mapping[str, float]
    accepted: Sequence[float]
    rows: Path | None  # per-row results


@dataclass(frozen=True)
class Side:
    """What the champion scored on a candidate's test rows."""

    scores: Mapping[str, float]
    rows: Path | None


class Lab(Protocol):
    """Answers are functions of the arguments, so they may be remembered; it may be asked from several threads."""

    def make(self, parts: Sequence[Part]) -> Made:
        """Run the stages on rows of the stream."""

    def losses(self, model: Made, windows: range) -> list[list[float]]:
        """Score a model on windows; of each the losses of its labelled rows."""

    def score(self, champion: Made, candidate: Made) -> Side:
        """Score a champion on the candidate's test rows, with its own code and fitted outputs."""

    def new_files(self, model: Made) -> list[str]:
        """Return the names under which per-row results have the rows of the new regime."""
