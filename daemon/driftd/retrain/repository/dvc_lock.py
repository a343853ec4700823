"""DVC's own lock on a project, so that nothing is removed while a person's dvc is at work."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from driftd.errors import RefusedError

REMEDY = "wait for its end"


@contextmanager
def hold(root: Path) -> Iterator[None]:
    """Keep dvc in a project from starting, for moments: it waits for three seconds. Refuse while one is at work there."""
    folder = root / ".dvc" / "tmp"
    try:
        lock = os.open(folder / "lock", os.O_RDONLY)
    except FileNotFoundError:  # no dvc has ever run there
        yield
        return
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RefusedError(f"a dvc is at work in {root}", remedy=REMEDY) from error
        if pid := _running(folder / "rwlock"):  # while its stages run, dvc holds no other lock
            raise RefusedError(f"a dvc is at work in {root}: process {pid}", remedy=REMEDY)
        yield
    finally:
        os.close(lock)


def _running(path: Path) -> int | None:
    """Return a living process that reads or writes what the project tracks."""
    try:
        found: dict[str, dict[str, Any]] = json.loads(path.read_bytes() or b"{}")
    except (FileNotFoundError, ValueError):  # half a file of a dvc that was killed
        return None
    for entry in found.values():
        for holder in [*entry.get("read", ()), entry.get("write") or {}]:
            if (pid := holder.get("pid")) and Path("/proc", str(pid)).exists():
                return int(pid)
    return None
