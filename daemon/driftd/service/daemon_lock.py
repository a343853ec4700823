"""One daemon for each state folder: a lock that the system releases when its holder ends, however it ends."""

import fcntl
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

import msgspec

from driftd.errors import OperationError
from driftd.journal.files import make_folder

PATIENCE = 1.0  # a command that looks whether a daemon runs holds the lock for an instant


@dataclass(frozen=True)
class Owner:
    """The daemon that holds a state folder."""

    pid: int
    listen: str  # host:port of its pages


def lock_path(state_dir: Path) -> Path:
    return state_dir / "daemon.lock"


class StateLock:
    """The lock while it is held."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    @classmethod
    def take(cls, state_dir: Path) -> Self:
        """Take the lock, or say which process holds it."""
        path = lock_path(state_dir)
        try:
            make_folder(state_dir, mode=0o750)
            file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640), "r+b")
        except OSError as error:
            raise OperationError(
                f"{path}: the state folder cannot be written: {error.strerror}",
                remedy="set state_dir to a folder that driftd's user owns",
            ) from error
        deadline = time.monotonic() + PATIENCE
        while not _locked(file, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                owner = _read(file)
                file.close()
                raise OperationError(
                    f"{state_dir} belongs to a running daemon" + (f", process {owner.pid}" if owner else ""),
                    remedy="stop that one first, or give this one a state_dir of its own",
                )
            time.sleep(PATIENCE / 20)
        return cls(file)

    def announce(self, listen: str) -> None:
        """Write down who holds the lock and where its pages are."""
        self._file.seek(0)
        self._file.truncate()
        self._file.write(msgspec.json.encode(Owner(os.getpid(), listen)))
        self._file.flush()

    def release(self) -> None:
        self._file.seek(0)
        self._file.truncate()
        self._file.close()


def owner(state_dir: Path) -> Owner | None:
    """Return the daemon that holds a state folder, or None."""
    try:
        with lock_path(state_dir).open("rb") as file:
            return None if _locked(file, fcntl.LOCK_SH) else _read(file)
    except FileNotFoundError:
        return None


def _locked(file: IO[bytes], kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(file: IO[bytes]) -> Owner | None:
    file.seek(0)
    try:
        return msgspec.json.decode(file.read(), type=Owner)
    except msgspec.DecodeError:
        return None
