"""From windows to the files that hold their rows."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

from driftd.journal import tables
from driftd.journal.records import File, Window
from driftd.journal.store import Journal
from driftd.readers import Span


class Spanning(Protocol):
    """What has spans of [file id, first row, rows]: a window, or what stands for one."""

    @property
    def spans(self) -> list[tuple[int, int, int]]: ...


def spans_of(journal: Journal, windows: Iterable[Spanning], labels: Path | None = None) -> list[Span]:
    """Return where the rows of windows are, in their order; neighbours in one file are joined.

    `labels` is the folder of labels that came later. What is judged is read without it: as it was when it came.
    """
    joined: list[list[int]] = []
    for file_id, first, rows in (span for window in windows for span in window.spans):
        if joined and joined[-1][0] == file_id and joined[-1][1] + joined[-1][2] == first:
            joined[-1][2] += rows
        else:
            joined.append([file_id, first, rows])
    files = {file_id: span_of(tables.files.get(journal, file_id), labels) for file_id, _, _ in joined}
    return [Span(files[file_id].path, first, rows, files[file_id].labels) for file_id, first, rows in joined]


def still_there(journal: Journal, windows: Sequence[Window]) -> list[Window]:
    """Return the windows without those from which somebody has removed a file."""
    files = {file_id for window in windows for file_id, _, _ in window.spans}
    gone = {each for each in files if not Path(os.fsdecode(tables.files.get(journal, each).location)).exists()}
    return [window for window in windows if gone.isdisjoint(file_id for file_id, _, _ in window.spans)]


def span_of(file: File, labels: Path | None = None) -> Span:
    """Return where all rows of a file are."""
    late = str(labels / file.labels) if labels and file.labels else None
    return Span(os.fsdecode(file.location), 0, file.rows, late)


def held_against(journal: Journal, project: str, reference_id: int, onset: int, most: int) -> list[Window]:
    """Return the newest windows that a change was held against: those judged by the same reference, or that it was made of, newest first."""
    made_of = tables.references.get(journal, reference_id).made_of.get("windows", [0, 0])
    where = "project = ? AND number < ? AND state IN ('judged', 'collected') AND (reference_id = ? OR number BETWEEN ? AND ?)"
    order = f"number DESC LIMIT {most}"
    return tables.windows.all(journal, where, project, onset, reference_id, *made_of, order=order)
