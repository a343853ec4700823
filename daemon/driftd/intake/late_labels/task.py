"""Labels that come later than their rows: what is asked of a worker, and its answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from driftd.readers import Schema, Span


@dataclass(frozen=True)
class Waiting:
    """An admitted file with rows that came without a label; `ids` is where their identities are kept."""

    file: int
    span: Span  # the whole file, with the labels that have come for it
    ids: str


@dataclass(frozen=True)
class Joined:
    """What a file of labels has brought: distinct rows with labels, those of them that were found, and the labels' file of each file that has some."""

    labelled: int
    found: int
    files: dict[int, str]


@dataclass(frozen=True)
class Looked:
    """A file that may bring labels: its rows without one; `joined` is None where it is data."""

    blank: int
    joined: Joined | None


def look(
    span: Span,
    schema: Schema,
    labels: Sequence[str],
    key: str | None,
    waiting: Sequence[Waiting],
    folder: Path,
    stem: str,
    *,
    only_known: bool = False,
) -> Looked:
    """Look in a worker at a file that may bring labels: the daemon itself stays free of numpy."""
    from driftd.intake.late_labels import join

    return join.look(span, schema, labels, key, waiting, folder, stem, only_known=only_known)
