"""Files that bring labels of rows that came before, and the files of these rows."""

from driftd.config.settings import Source
from driftd.journal import Journal, tables
from driftd.journal.records import File

UNLOOKED = "project = ? AND unlabelled IS NULL AND state IN ('admitted', 'labels')"
WAITING = "project = ? AND unlabelled > 0 AND state = 'admitted' AND id < ? AND admitted_at >= ?"


def brings_labels(source: Source, file: File) -> bool:
    """Say whether a file came into the folder of labels; its name says where it came from."""
    return source.labels is not None and file.name.startswith(f"{source.labels}/")


def waiting(journal: Journal, source: Source, project: str, now: float, before: int) -> list[File]:
    """Return the files, numbered below `before`, whose rows may get labels from a file that comes now."""
    return tables.files.all(journal, WAITING, project, before, _since(source, now), order="id")


def may_join(journal: Journal, source: Source, file: File, now: float) -> bool:
    """Say whether there are such files, or some that nobody has looked at yet."""
    if tables.files.first(journal, f"{UNLOOKED} AND id < ?", file.project, file.id) is not None:
        return True
    return tables.files.first(journal, WAITING, file.project, file.id, _since(source, now)) is not None


def _since(source: Source, now: float) -> float:
    return 0.0 if source.labels_within is None else now - source.labels_within
