"""What a worker process does with one file: read it to its end, and hash what was read."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from driftd.errors import DataError, UnreadableFileError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftd.readers import FileReport


@dataclass(frozen=True)
class Fingerprint:
    """The content of a file; `still` if it did not change while it was read."""

    sha256: str
    size: int
    mtime_ns: int
    still: bool


@dataclass(frozen=True)
class Examined:
    """What is in a file, or why it cannot be let in."""

    fingerprint: Fingerprint
    report: FileReport | None
    error: DataError | None


def fingerprint(path: str | bytes) -> Fingerprint:
    """Hash a regular file; raises FileNotFoundError if there is none, whatever has come in its place, and OSError if it cannot be read."""
    _check_is_file(path, os.lstat(path))
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(fd, "rb") as file:
        before = os.fstat(fd)
        _check_is_file(path, before)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        after = os.fstat(fd)
    still = (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)
    return Fingerprint(digest, after.st_size, after.st_mtime_ns, still)


def _check_is_file(path: str | bytes, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise FileNotFoundError(errno.ENOENT, "no file any more", os.fsdecode(path))


def examine(path: str, columns: list[dict[str, Any]], bad_rows: float, labels: Sequence[str] = ()) -> Examined:
    """Read a file with the project's columns; what is wrong with the file is an answer, what is wrong with the disk is raised."""
    from driftd.readers import Schema, inspect

    report, error = None, None
    try:
        report = inspect(path, Schema.from_json(columns), max_bad_ratio=bad_rows, labels=labels)
    except DataError as refusal:
        error = refusal
    except OSError:
        raise
    except Exception as failure:  # noqa: BLE001  # a reader that stumbles over a file must not stop the others
        error = UnreadableFileError(
            f"{path}: reading it failed: {type(failure).__name__}: {failure}"[:2000],
            remedy="look at the file; if it is sound, report this as a defect of driftd",
        )
    return Examined(fingerprint(path), report, error)
