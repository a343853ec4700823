"""The only two ways in which driftd writes to disk beside SQLite: a whole file, or a rename, each durable when it returns.

Order that every writer keeps: content and its fsync, the rename, the folder's fsync, and only then the journal row that names it.
A file that no row names is litter after a crash, never a loss.
"""

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


def sync_folder(folder: Path) -> None:
    """Make renames in a folder durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def make_folder(folder: Path, mode: int = 0o755) -> Path:
    """Create a folder and its parents, durably."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(mode=mode, exist_ok=True)
        sync_folder(folder.parent)
    return folder


@contextmanager
def atomic_file(path: Path, mode: int = 0o644) -> Iterator[IO[bytes]]:
    """Write a file so that it is there whole, or as it was before: temporary file, fsync, rename, fsync of the folder."""
    make_folder(path.parent)
    fd, temporary = tempfile.mkstemp(prefix=f".{path.name[:40]}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(fd, "wb") as file:
            yield file
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        durable_rename(Path(temporary), path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_file(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Write a small file atomically and durably."""
    with atomic_file(path, mode) as file:
        file.write(content)


def durable_rename(source: Path, target: Path) -> None:
    """Rename within one file system, replacing the target; durable in both folders when it returns."""
    durable_renames([(source, target)])


def durable_renames(moves: Iterable[tuple[Path, Path]]) -> None:
    """Rename many files, each source to its target, and make it durable at the cost of one fsync a folder."""
    folders: dict[Path, None] = {}
    try:
        for source, target in moves:
            source.rename(target)
            folders |= {target.parent: None, source.parent: None}
    finally:
        for folder in folders:
            sync_folder(folder)


def point(link: Path, target: str) -> None:
    """Make `link` a symbolic link to `target`, replacing an older one in a single step."""
    make_folder(link.parent)
    temporary = link.with_name(f".{link.name}.tmp")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    durable_rename(temporary, link)
