"""From windows to the files that hold their rows."""

import os
from collections.abc import Iterable

from driftd.journal import tables
from driftd.journal.records import Window
from driftd.journal.store import Journal
from driftd.readers import Span


def spans_of(journal: Journal, windows: Iterable[Window]) -> list[Span]:
    """Return where the rows of windows are, in their order; neighbours in one file are joined."""
    joined: list[list[int]] = []
    for file_id, first, rows in (span for window in windows for span in window.spans):
        if joined and joined[-1][0] == file_id and joined[-1][1] + joined[-1][2] == first:
            joined[-1][2] += rows
        else:
            joined.append([file_id, first, rows])
    paths = {file_id: os.fsdecode(tables.files.get(journal, file_id).location) for file_id, _, _ in joined}
    return [Span(paths[file_id], first, rows) for file_id, first, rows in joined]
