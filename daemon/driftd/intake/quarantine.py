"""What a person can do with a refused file: see it, have it tried again, or drop it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from driftd.errors import RefusedError
from driftd.incidents import schema_mismatch
from driftd.intake.inspection import fingerprint
from driftd.journal import tables
from driftd.journal.files import sync_folder
from driftd.journal.records import File, FileState

if TYPE_CHECKING:
    from driftd.intake.source_scanner import Intake
    from driftd.journal import Journal


def listed(journal: Journal, project: str) -> list[File]:
    """Return the files in quarantine, oldest first."""
    return tables.files.all(journal, "project = ? AND state = ?", project, FileState.QUARANTINED, order="id")


def retry(intake: Intake, file_id: int) -> str:
    """Send a file through admission again, as it is now and as the newest arrival; the next scan reads it."""
    file = _refused(intake, file_id)
    try:
        content = fingerprint(file.location)
    except OSError as error:
        raise RefusedError(
            f"file {file.id} ({file.name}) cannot be read: {error.strerror}",
            remedy=f"put it back as {os.fsdecode(file.location)}, or drop it",
        ) from error
    journal = intake.journal
    with journal.write():
        again = intake.admission.arrive(file.location, file.name, content)
        tables.files.update(
            journal, file.id, state=FileState.DROPPED, reason=f"tried again as file {again.id}", remedy=None
        )
        journal.emit("file-retried", project=file.project, subject=file.id, file=file.name, again=again.id)
    return f"{file.name} is tried again as file {again.id}"


def drop(intake: Intake, file_id: int) -> str:
    """Give a file up. In a source that driftd moves files out of, it is deleted; elsewhere it stays and is not looked at again."""
    file = _refused(intake, file_id)
    path = Path(os.fsdecode(file.location))
    delete = intake.settings.source.after == "move"
    if delete and path.parent.is_dir():
        path.unlink(missing_ok=True)
        sync_folder(path.parent)
    journal = intake.journal
    with journal.write():
        tables.files.update(journal, file.id, state=FileState.DROPPED, reason="a person dropped it", remedy=None)
        journal.emit(
            "file-dropped", project=file.project, subject=file.id, file=file.name, reason="a person dropped it"
        )
        schema_mismatch.recover(journal, file.project)
    return f"{file.name} is dropped" + ("" if delete else "; the file stays where it is")


def _refused(intake: Intake, file_id: int) -> File:
    file = tables.files.first(intake.journal, "id = ? AND project = ?", file_id, intake.name)
    if file is None or file.state is not FileState.QUARANTINED:
        raise RefusedError(
            f"file {file_id} is not in quarantine" + (f": it is {file.state}" if file else ""),
            remedy="see `driftd quarantine list`",
        )
    return file
