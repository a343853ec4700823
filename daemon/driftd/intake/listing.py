"""What lies in a source folder: the files of data, and what is none and why."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from driftd.readers.registry import SUFFIXES, supported

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

ASIDE = (".tmp", ".part")  # written aside, to be renamed when whole


@dataclass(frozen=True)
class Found:
    """A file of data as it was when it was looked at."""

    path: bytes
    size: int
    mtime_ns: int

    @property
    def order(self) -> tuple[int, bytes]:
        """Files are admitted by time of modification, then by name."""
        return self.mtime_ns, self.path


@dataclass(frozen=True)
class Oddity:
    """Something that cannot be let in, and what to do about it."""

    path: bytes
    reason: str
    remedy: str | None = None


def listing(root: bytes, reserved: Collection[bytes]) -> tuple[list[Found], list[Oddity]]:
    """Look through a folder and its sub-folders, but not the reserved ones. Raises OSError when the folder itself is not there."""
    found: list[Found] = []
    odd: list[Oddity] = []
    device = Path(os.fsdecode(root)).stat().st_dev
    folders = [root]
    while folders:
        folder = folders.pop()
        try:
            looked = list(_looked(folder, reserved, device))
        except OSError as error:
            if folder == root:
                raise
            if not isinstance(error, FileNotFoundError):
                odd.append(Oddity(folder, f"this folder cannot be listed: {error.strerror}", "check its permissions"))
            continue
        for path, seen in looked:
            if isinstance(seen, Found):
                found.append(seen)
            elif isinstance(seen, Oddity):
                odd.append(seen)
            else:
                folders.append(path)
    return found, odd


def display(path: bytes, root: bytes) -> str:
    """Name a file relative to its source, safe to print: what is not UTF-8 or not printable is escaped."""
    name = os.path.relpath(path, root).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)


def _entries(folder: bytes) -> Iterator[os.DirEntry[bytes]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if not entry.name.startswith(b".") and not os.fsdecode(entry.name).lower().endswith(ASIDE):
                yield entry


def _looked(folder: bytes, reserved: Collection[bytes], device: int) -> Iterator[tuple[bytes, Found | Oddity | None]]:
    """Look at what is in a folder, but for the reserved ones."""
    for entry in list(_entries(folder)):
        if entry.path in reserved:
            continue
        try:
            yield entry.path, _look(entry, device)
        except FileNotFoundError:
            continue


def _look(entry: os.DirEntry[bytes], device: int) -> Found | Oddity | None:
    """Tell what an entry is; None for a folder to look into."""
    seen = entry.stat(follow_symlinks=False)
    data = supported(os.fsdecode(entry.name))
    if stat.S_ISDIR(seen.st_mode):
        if data:
            return Oddity(
                entry.path, "this is a folder with the name of a data file", "rename it, or move its files out"
            )
        if seen.st_dev != device:
            return Oddity(entry.path, "this folder is another file system", "make it a project's source of its own")
        return None
    if not stat.S_ISREG(seen.st_mode):
        return Oddity(entry.path, f"this is {_kind(seen.st_mode)}, not a file", "move the file itself here")
    if not data:
        return Oddity(
            entry.path, "driftd reads no files with this ending", f"rename it to one of {', '.join(SUFFIXES)}"
        )
    return Found(entry.path, seen.st_size, seen.st_mtime_ns)


def _kind(mode: int) -> str:
    kinds = {stat.S_IFLNK: "a symbolic link", stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket"}
    return kinds.get(stat.S_IFMT(mode), "a device")
