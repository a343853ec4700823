"""One SQLite file, one writer: everything that driftd must still know after the power came back."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import msgspec

from driftd.errors import JournalError
from driftd.journal.files import make_folder
from driftd.journal.filesystem import file_system
from driftd.journal.migrations import STEPS, migrate, version

REMOTE = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "lustre", "glusterfs", "fuse.sshfs"})
Clock = Callable[[], float]
PATIENCE = 30.0  # seconds that another writer is waited for


class Journal:
    """The journal of one state folder.

    Reads see the last committed state. Writes happen inside `write()`, which holds the only writer's lock: all of the block
    is on disk when it returns, or nothing is.
    """

    def __init__(self, db: sqlite3.Connection, path: Path, clock: Clock) -> None:
        self.db = db
        self.path = path
        self.clock = clock
        self.errors = 0  # of SQLite, since it was opened
        self._lock = threading.RLock()
        self._depth = 0
        self._last_error: sqlite3.Error | None = None

    @classmethod
    def open(cls, path: Path, *, clock: Clock = time.time) -> Self:
        """Open the journal for writing, creating and migrating it as needed."""
        make_folder(path.parent, mode=0o750)
        if (kind := file_system(path.parent)) in REMOTE:
            raise JournalError(
                f"{path.parent} is on a network file system ({kind}), where SQLite's locks do not hold",
                remedy="set state_dir to a folder on a local disk",
            )
        db = _connect(path, f"file:{_quoted(path)}?mode=rwc")
        with _closed_on_error(db, path):
            _refuse_newer(db, path)
            _write_ahead(db)
            db.execute("PRAGMA synchronous = FULL")
            migrate(db)
        return cls(db, path, clock)

    @classmethod
    def read_only(cls, path: Path) -> Self:
        """Open the journal for looking; the daemon may be writing at the same time."""
        if not path.exists():
            raise JournalError(
                f"{path} does not exist: no daemon has run with this state_dir yet", remedy="start it with `driftd run`"
            )
        db = _connect(path, f"file:{_quoted(path)}?mode=rw")
        with _closed_on_error(db, path):
            db.execute("PRAGMA query_only = ON")
            _refuse_newer(db, path)
            if version(db) < len(STEPS):
                raise JournalError(
                    f"{path} is from an older driftd", remedy="start the daemon once, it brings it up to date"
                )
        return cls(db, path, time.time)

    @contextmanager
    def write(self) -> Iterator[Self]:
        """All or nothing. Blocks may nest: a failed inner one leaves nothing behind, and the outermost commits."""
        with self._counted(), self._lock:
            name = f"nested_{self._depth}"
            self.db.execute(f"SAVEPOINT {name}" if self._depth else "BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield self
                self.db.execute(f"RELEASE {name}" if self._depth > 1 else "COMMIT")
            except BaseException:
                if self.db.in_transaction:  # a full disk may have made SQLite roll back by itself
                    self.db.execute(f"ROLLBACK TO {name}" if self._depth > 1 else "ROLLBACK")
                raise
            finally:
                self._depth -= 1

    def rows(self, query: str, *values: object) -> list[dict[str, Any]]:
        """Run a query and return its rows by column name."""
        with self._counted(), self._lock:
            cursor = self.db.execute(query, values)
            names = [column[0] for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor]

    def run(self, statement: str, *values: object) -> int:
        """Run a statement inside `write()`; return the id of the row it inserted."""
        with self._lock:
            if not self._depth:
                raise JournalError("a journal row was written outside write()")
            return self.db.execute(statement, values).lastrowid or 0

    def data_version(self) -> int:
        """Return a number that changes when another connection has committed."""
        with self._lock:
            return int(self.db.execute("PRAGMA data_version").fetchone()[0])

    def emit(self, kind: str, /, *, project: str | None = None, subject: int | None = None, **data: object) -> int:
        """Say that something happened; every subscriber hears it once, also after a crash."""
        return self.run(
            "INSERT INTO events (at, project, kind, subject, data) VALUES (?, ?, ?, ?, ?)",
            self.clock(),
            project,
            kind,
            subject,
            msgspec.json.encode(data).decode(),
        )

    def close(self) -> None:
        with self._lock:
            self.db.close()

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """Count an error of SQLite, once, however deep it was met."""
        try:
            yield
        except sqlite3.Error as error:
            if error is not self._last_error:
                self.errors += 1
                self._last_error = error
            raise


def _connect(path: Path, uri: str) -> sqlite3.Connection:
    try:
        db = sqlite3.connect(uri, uri=True, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
    except sqlite3.Error as error:
        raise _unusable(path, error) from error
    with _closed_on_error(db, path):
        db.execute("PRAGMA foreign_keys = ON")
        db.execute("PRAGMA user_version").fetchone()
    return db


def _write_ahead(db: sqlite3.Connection) -> None:
    """Turn write-ahead logging on; where another process is just doing so, SQLite says busy without waiting."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


@contextmanager
def _closed_on_error(db: sqlite3.Connection, path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        db.close()
        raise _unusable(path, error) from error
    except JournalError:
        db.close()
        raise


def _unusable(path: Path, error: sqlite3.Error) -> JournalError:
    return JournalError(f"{path} cannot be opened: {error}", remedy="check the path, its owner and the disk")


def _quoted(path: Path) -> str:
    return str(path.absolute()).replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def _refuse_newer(db: sqlite3.Connection, path: Path) -> None:
    if version(db) > len(STEPS):
        raise JournalError(f"{path} was written by a newer driftd", remedy="install that version or a later one")
