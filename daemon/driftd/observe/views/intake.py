"""Files, by what became of them."""

from datetime import datetime

from driftd.journal import Journal, tables
from driftd.journal.records import File
from driftd.observe.views.base import LIMIT, View, when


class FileView(View, frozen=True, kw_only=True):
    id: int
    project: str
    name: str
    location: str
    state: str
    sha256: str
    size: int
    rows: int
    bad_rows: int
    reason: str | None
    remedy: str | None
    arrived_at: datetime
    admitted_at: datetime | None


def files(
    journal: Journal, project: str, state: str | None = None, limit: int = LIMIT, before: int | None = None
) -> list[FileView]:
    """Return a project's files, the newest first; of one state if given."""
    where = "project = ? AND id < ?"
    values: list[object] = [project, before or 2**62]
    if state is not None:
        where, values = where + " AND state = ?", [*values, state]
    return [_view(row) for row in tables.files.all(journal, where, *values, order=f"id DESC LIMIT {int(limit)}")]


def _view(row: File) -> FileView:
    return FileView(
        id=row.id,
        project=row.project,
        name=row.name,
        location=row.location.decode("utf-8", "backslashreplace"),
        state=row.state,
        sha256=row.sha256,
        size=row.size,
        rows=row.rows,
        bad_rows=row.bad_rows,
        reason=row.reason,
        remedy=row.remedy,
        arrived_at=when(row.arrived_at),
        admitted_at=when(row.admitted_at),
    )
