"""A file's way from the source into the journal: number, move, read, result. Each step can be repeated.

Order: the row with its number; the rename; the reading; a second rename if the file is refused; then one write with all
that was found. A row in state `arrived` is a file on its way, wherever it lies.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from concurrent.futures import BrokenExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from driftd.errors import DataError, SchemaMismatchError, UnreadableFileError
from driftd.incidents import schema_mismatch
from driftd.intake.inspection import Examined, Fingerprint, examine, fingerprint
from driftd.intake.late_labels.label_files import brings_labels, may_join
from driftd.intake.listing import Found, display
from driftd.journal import tables
from driftd.journal.files import durable_renames, make_folder
from driftd.journal.records import File, FileState
from driftd.readers import Schema, delivered, label_columns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from concurrent.futures import Executor, Future

    from driftd.config import Project
    from driftd.intake.folders import Places
    from driftd.intake.settling import Settling
    from driftd.journal import Journal
    from driftd.readers import FileReport

AT_ONCE = 8  # files that are being read
GONE = (FileNotFoundError, NotADirectoryError)  # a file, or the folder that it was in
AFRESH = -1  # time of modification in the row of a file that is to be looked at afresh


class Stopped(Exception):  # noqa: N818  # no error: the daemon ends
    """The scan was told to end."""


@dataclass(frozen=True)
class Outcome:
    """What becomes of an arrived file."""

    file: File
    path: Path
    state: FileState
    examined: Examined | None = None
    error: DataError | None = None
    reason: str | None = None


class Admission:
    """Takes hashed files through admission, in the order in which they come."""

    def __init__(
        self,
        name: str,
        settings: Project,
        journal: Journal,
        places: Places,
        settling: Settling,
        executor: Executor,
    ) -> None:
        self.columns: list[dict[str, Any]] = []
        self.heartbeat = time.monotonic()
        self.stopping = threading.Event()
        self.looked: float | None = None  # when the last scan began that let in all that was there
        self._name = name
        self._settings = settings
        self._journal = journal
        self._places = places
        self._settling = settling
        self._executor = executor
        self._moves = settings.source.after == "move"
        self._floor: int | None = None

    def beat(self) -> None:
        """Give a sign of life; end the scan when the daemon ends."""
        self.heartbeat = time.monotonic()
        if self.stopping.is_set():
            raise Stopped

    def resume(self) -> int:
        """Bring the files to an end that an earlier scan left on their way."""
        done = 0
        while rows := tables.files.all(
            self._journal, "project = ? AND state = ?", self._name, FileState.ARRIVED, order="id LIMIT 64"
        ):
            done += self._complete(rows)
        return done

    def admit(self, hashed: Iterable[tuple[Found, Fingerprint]]) -> int:
        """Number files and bring them to an end; return how many."""
        with self._journal.write():
            rows = [row for file, content in hashed if (row := self._arrive(file, content))]
        return self._complete(rows)

    def arrive(self, path: bytes, name: str, content: Fingerprint) -> File:
        """Give a file its number, inside a write."""
        if self._floor is None:
            self._floor = self._places.highest() if self._moves else 0
        last = self._journal.rows("SELECT coalesce(max(id), 0) AS id FROM files")[0]["id"]
        now = self._journal.clock()
        number = tables.files.add(
            self._journal,
            id=max(last, self._floor) + 1,
            project=self._name,
            name=name,
            location=path,
            sha256=content.sha256,
            size=content.size,
            mtime_ns=content.mtime_ns,
            state=FileState.ARRIVED,
            arrived_at=now,
            came_at=self._came(content.mtime_ns / 1e9, now),
        )
        return tables.files.get(self._journal, number)

    def _came(self, changed: float, now: float) -> float:
        """Return when a file came: when it was last changed, if that is since driftd last looked; else now. Time does not go back."""
        before = tables.files.newest(self._journal, self._name)
        if self.looked is None:
            self.looked = before.arrived_at if before else 0.0
        came = changed if self.looked <= changed <= now else now
        return min(max(came, before.came_at if before else 0.0), now)

    def _arrive(self, file: Found, content: Fingerprint) -> File | None:
        name = display(file.path, os.fsencode(self._places.root))
        if self._moves:
            return self.arrive(file.path, name, content)
        before = tables.files.first(
            self._journal, "project = ? AND location = ?", self._name, file.path, order="id DESC"
        )
        if before is not None and before.sha256 == content.sha256 and before.mtime_ns != AFRESH:
            tables.files.update(self._journal, before.id, size=content.size, mtime_ns=content.mtime_ns)
            return None  # touched, not changed
        again = self.arrive(file.path, name, content)
        if before is not None and before.state is FileState.QUARANTINED:  # what was refused is not there any more
            reason = f"it was changed, and came again as file {again.id}"
            tables.files.update(self._journal, before.id, state=FileState.DROPPED, reason=reason, remedy=None)
            self._emit("file-dropped", before, reason=reason)
        return again

    def _complete(self, rows: list[File]) -> int:
        self.beat()
        placed = self._place(rows) if self._moves else [(row, self._left(row)) for row in rows]
        outcomes = list(self._outcomes(placed))
        outcomes = self._refuse(outcomes) if self._moves else outcomes
        with self._journal.write():
            for outcome in outcomes:
                self._finish(outcome)
            schema_mismatch.recover(self._journal, self._name)
        return len(rows)

    def _left(self, row: File) -> Path:
        """Return where a file lies that stays there: where it was moved when the settings still said so, or where it came."""
        moved = (self._places.processed_as(row), self._places.quarantined_as(row))
        return next((path for path in moved if os.path.lexists(path)), Path(os.fsdecode(row.location)))

    def _place(self, rows: list[File]) -> list[tuple[File, Path]]:
        """Move files into `processed/`; one that is not as its row says any more is left to the next scan."""
        moves: list[tuple[Path, Path]] = []
        placed: list[tuple[File, Path]] = []
        lost: list[File] = []
        make_folder(self._places.processed)
        for row in rows:
            target, refused = self._places.processed_as(row), self._places.quarantined_as(row)
            if not os.path.lexists(target):
                source = refused if os.path.lexists(refused) else Path(os.fsdecode(row.location))
                if source != refused and not _is_still(source, row):
                    lost.append(row)
                    continue
                moves.append((source, target))
            placed.append((row, target))
        durable_renames(moves)
        if lost:
            with self._journal.write():
                for row in lost:
                    self._drop(row, "it changed or vanished before it was moved")
        return placed

    def _outcomes(self, placed: list[tuple[File, Path]]) -> Iterator[Outcome]:
        """Have files read, a few at once, and yield what becomes of them in their order."""
        readings: deque[Future[Examined] | None] = deque()
        for i, (row, path) in enumerate(placed):
            for ahead in placed[i + len(readings) : i + AT_ONCE]:
                readings.append(self._read(*ahead))
            yield self._outcome(row, path, readings.popleft())

    def _read(self, row: File, path: Path) -> Future[Examined] | None:
        if self._is_duplicate(row):
            return None
        return self._submit(row, path)

    def _submit(self, row: File, path: Path) -> Future[Examined]:
        settings, columns = self._settings, self.columns
        if brings_labels(settings.source, row):
            schema = Schema.from_json(columns)
            columns = delivered(schema, label_columns(schema, settings.labels), settings.key).to_json()
        return self._executor.submit(examine, str(path), columns, settings.intake.bad_rows, settings.labels)

    def _outcome(self, row: File, path: Path, reading: Future[Examined] | None) -> Outcome:
        if reading is None:
            return Outcome(row, path, FileState.DUPLICATE)
        try:
            examined = self._wait(reading)
        except BrokenExecutor:
            try:
                examined = self._wait(self._submit(row, path))  # alone, so that it is this file that is to blame
            except BrokenExecutor:
                return self._refused(row, path, _kills(path))
        except GONE:
            return Outcome(row, path, FileState.DROPPED, reason="it vanished before it was read")
        if examined.fingerprint.sha256 != row.sha256 or not examined.fingerprint.still:
            return Outcome(row, path, FileState.DROPPED, examined, reason="it was still being written")
        if examined.error is not None:
            return self._refused(row, path, examined.error)
        return Outcome(row, path, FileState.ADMITTED, examined)

    def _refused(self, row: File, path: Path, error: DataError) -> Outcome:
        reason = error.message.replace(str(path), row.name)  # it does not stay where it was read
        return Outcome(row, path, FileState.QUARANTINED, error=error, reason=reason)

    def _wait(self, reading: Future[Examined]) -> Examined:
        while not wait([reading], timeout=1.0).done:
            self.beat()
        return reading.result()

    def _refuse(self, outcomes: list[Outcome]) -> list[Outcome]:
        """Move refused files into `quarantine/`, and unfinished ones back to where they came from."""
        moves = []
        for i, outcome in enumerate(outcomes):
            if outcome.state is FileState.QUARANTINED:
                make_folder(self._places.quarantine)
                path = self._places.quarantined_as(outcome.file)
            elif outcome.state is FileState.DROPPED and outcome.examined is not None:
                path = self._places.back(outcome.file)
                make_folder(path.parent)  # it may have gone when it became empty
                now = outcome.examined.fingerprint
                self._settling.defer(Found(os.fsencode(path), now.size, now.mtime_ns))
            else:
                continue
            moves.append((outcome.path, path))
            outcomes[i] = Outcome(outcome.file, path, outcome.state, outcome.examined, outcome.error, outcome.reason)
        durable_renames(moves)
        return outcomes

    def _finish(self, outcome: Outcome) -> None:
        """Write what became of a file, all of it at once."""
        row = outcome.file
        where = os.fsencode(outcome.path)
        if outcome.state is FileState.DROPPED:
            self._drop(row, outcome.reason or "", where)
        elif outcome.state is FileState.DUPLICATE or self._is_duplicate(row):
            tables.files.update(self._journal, row.id, state=FileState.DUPLICATE, location=where)
            self._emit("file-duplicate", row)
        elif outcome.error is not None:
            self._quarantine(row, where, outcome.reason or "", outcome.error)
        elif outcome.examined is not None and (report := outcome.examined.report) is not None:
            self._admit(row, where, report)

    def _admit(self, row: File, where: bytes, report: FileReport) -> None:
        now = self._journal.clock()
        state = FileState.LABELS if brings_labels(self._settings.source, row) else FileState.ADMITTED
        if not (report.rows or report.bad_rows):
            state = FileState.EMPTY
        labelled = state is FileState.ADMITTED and report.unlabelled < report.rows
        look = state is FileState.LABELS or (labelled and may_join(self._journal, self._settings.source, row, now))
        tables.files.update(
            self._journal,
            row.id,
            state=state,
            location=where,
            rows=report.rows,
            bad_rows=report.bad_rows,
            admitted_at=now,
            unlabelled=None if look else report.unlabelled,
        )
        for bad in report.bad:
            self._journal.run(
                "INSERT INTO bad_rows (file_id, line, reason) VALUES (?, ?, ?)", row.id, bad.line, bad.reason
            )
        if state is FileState.EMPTY:
            self._emit("file-empty", row)
        elif state is FileState.ADMITTED:
            first = next((f"line {bad.line}: {bad.reason}" for bad in report.bad), None)
            self._emit("file-admitted", row, rows=report.rows, bad_rows=report.bad_rows, first_bad_row=first)
        self._warn_of_extra(row, list(report.extra))

    def _warn_of_extra(self, row: File, extra: list[str]) -> None:
        """Say that columns are not used, when they are other ones than last time."""
        last = tables.events.first(self._journal, "kind = 'extra-columns' AND project = ?", self._name, order="id DESC")
        if extra and (last is None or last.data["columns"] != extra):
            self._emit("extra-columns", row, columns=extra)

    def _quarantine(self, row: File, where: bytes, reason: str, error: DataError) -> None:
        tables.files.update(
            self._journal,
            row.id,
            state=FileState.QUARANTINED,
            location=where,
            reason=reason,
            remedy=error.remedy,
        )
        self._emit("file-quarantined", row, reason=reason, remedy=error.remedy)
        if isinstance(error, SchemaMismatchError):
            schema_mismatch.add(self._journal, row, reason)

    def _drop(self, row: File, reason: str, where: bytes | None = None) -> None:
        tables.files.update(
            self._journal,
            row.id,
            state=FileState.DROPPED,
            reason=reason,
            location=where or row.location,
            mtime_ns=AFRESH,
        )
        self._emit("file-dropped", row, reason=reason)

    def _is_duplicate(self, row: File) -> bool:
        """Say whether the content was admitted before. Earlier files come to their end first, so the answer is final."""
        if self._settings.source.duplicates == "accept":
            return False
        query = """
            SELECT 1 FROM files INDEXED BY files_by_content
            WHERE project = ? AND sha256 = ? AND id < ? AND state = 'admitted' LIMIT 1
        """
        return bool(self._journal.rows(query, self._name, row.sha256, row.id))

    def _emit(self, kind: str, row: File, **data: object) -> None:
        self._journal.emit(kind, project=self._name, subject=row.id, file=row.name, **data)


def _is_still(path: Path, row: File) -> bool:
    try:
        seen = path.lstat()
        if (seen.st_size, seen.st_mtime_ns) == (row.size, row.mtime_ns):
            return True
        return fingerprint(str(path)).sha256 == row.sha256
    except GONE:
        return False


def _kills(path: Path) -> UnreadableFileError:
    return UnreadableFileError(
        f"{path}: the process that read it was killed, twice",
        remedy="look at the file; if it is sound, it may need more memory than there is: split it",
    )
