"""Hints that something changed in a folder, and wake-ups. Only a scan decides; nothing is lost if every hint is."""

from __future__ import annotations

import errno
import os
import threading
import time
import warnings
from typing import TYPE_CHECKING, Literal

from watchdog.events import (
    DirCreatedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers.inotify import InotifyObserver

from driftd.journal.filesystem import file_system
from driftd.journal.store import REMOTE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from driftd.intake.folders import Places
    from driftd.intake.settling import Settling

Mode = Literal["events", "polling"]
CHECK = 1.0  # seconds between looks at the root and the observer's threads
EVENTS: list[type[FileSystemEvent]] = [
    FileCreatedEvent,
    FileMovedEvent,
    FileClosedEvent,
    DirCreatedEvent,
    DirMovedEvent,
]
LIMITS = {errno.ENOSPC: "fs.inotify.max_user_watches", errno.EMFILE: "fs.inotify.max_user_instances"}


class Watch:
    """Watches one source folder and re-arms itself; where the system cannot, the folder is polled."""

    def __init__(
        self,
        places: Places,
        settling: Settling,
        wake: Callable[[], None],
        said: Callable[[Mode, str | None], None],
        poll: float,
    ) -> None:
        self.problem: str | None = None
        self.mode: Mode | None = None
        self._root = places.root
        self._hints = _Hints(places, settling, wake)
        self._wake = wake
        self._said = said
        self._poll = poll
        self._observer: InotifyObserver | None = None
        self._armed: tuple[int, int] | None = None
        self._due: float | None = None
        self._changed = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=f"watch-{places.root.name}", daemon=True)

    def start(self) -> None:
        self._supervise()
        self._thread.start()

    def stop(self) -> None:
        self._stopping = True
        self._changed.set()
        if self._thread.is_alive():
            self._thread.join()
        self._disarm()

    def wake_in(self, seconds: float) -> None:
        """Wake the loop after a while, or earlier if that was asked for."""
        due = time.monotonic() + max(0.0, seconds)
        if self._due is None or due < self._due:
            self._due = due
            self._changed.set()

    def _run(self) -> None:
        while not self._stopping:
            due = self._due
            if due is not None and time.monotonic() >= due:
                self._due = None
                self._wake()
                continue
            self._changed.wait(CHECK if due is None else min(CHECK, due - time.monotonic()))
            self._changed.clear()
            self._supervise()

    def _supervise(self) -> None:
        try:
            seen = self._root.stat()
        except OSError as error:
            self.problem = f"the source folder {self._root} is not there: {error.strerror}"
            self._disarm()
            return
        root = (seen.st_dev, seen.st_ino)
        if self._armed == root and self._healthy():
            return
        self._disarm()
        self._arm(root)

    def _healthy(self) -> bool:
        if self._observer is None:  # polling needs no threads
            self.wake_in(self._poll)
            return True
        threads = [self._observer, self._observer._inotify_fd, *self._observer.emitters]  # noqa: SLF001  # its reader has no public name
        return len(threads) > 2 and all(thread.is_alive() for thread in threads)  # noqa: PLR2004  # an emitter beside the two

    def _arm(self, root: tuple[int, int]) -> None:
        kind = file_system(self._root)
        if kind in REMOTE or kind.startswith("fuse"):
            self._poll_instead(root, f"{kind} tells of no changes")
            return
        try:
            self._observer = _observe(self._root, self._hints)
        except OSError as error:
            if error.errno in LIMITS:
                self._poll_instead(root, f"{error.strerror}: raise {LIMITS[error.errno]} (sysctl)")
            else:
                self.problem = f"the source folder {self._root} cannot be watched: {error.strerror}"
            return
        self._begin(root, "events", None)

    def _poll_instead(self, root: tuple[int, int], reason: str) -> None:
        self._begin(root, "polling", reason)

    def _begin(self, root: tuple[int, int], mode: Mode, reason: str | None) -> None:
        self.problem = None
        self._armed = root
        if mode != self.mode:
            self.mode = mode
            self._said(mode, reason)
        self._wake()  # what changed before was not heard

    def _disarm(self) -> None:
        observer, self._observer, self._armed = self._observer, None, None
        if observer is not None:
            observer.stop()
            observer.join()


def _observe(root: Path, hints: FileSystemEventHandler) -> InotifyObserver:
    # New folders in new folders are watched twice, which changes nothing; the warning names every folder below the root.
    warnings.filterwarnings("ignore", "Callback with id", RuntimeWarning)
    observer = InotifyObserver(generate_full_events=True)  # they tell a file that was moved in from one that is begun
    try:
        observer.schedule(hints, str(root), recursive=True, event_filter=EVENTS)
        observer.start()
    except BaseException:
        observer.stop()
        raise
    return observer


class _Hints(FileSystemEventHandler):
    """Passes hints on; never raises, because that would end the observer's thread for good."""

    def __init__(self, places: Places, settling: Settling, wake: Callable[[], None]) -> None:
        self._own = tuple(f"{folder}{os.sep}" for folder in (places.processed, places.quarantine))
        self._settling = settling
        self._wake = wake

    def dispatch(self, event: FileSystemEvent) -> None:
        moved = isinstance(event, FileMovedEvent | DirMovedEvent)
        path = os.fsdecode(event.dest_path if moved else event.src_path)
        if not path or path.startswith(self._own):  # moved away, or moved by driftd
            return
        if isinstance(event, FileCreatedEvent):
            self._settling.reopened(os.fsencode(path))
        elif not event.is_directory:
            self._settling.closed(os.fsencode(path))
        self._wake()
