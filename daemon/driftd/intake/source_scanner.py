"""One project's source: scans that admit files, and the watch that hints when to scan."""

from __future__ import annotations

import errno
import os
import sqlite3
import time
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING

from driftd.intake.admission import Admission, Stopped
from driftd.intake.change_hints import Watch
from driftd.intake.folders import Places
from driftd.intake.inspection import fingerprint
from driftd.intake.listing import Oddity, display, listing
from driftd.intake.settling import Settling
from driftd.journal import tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Executor

    from driftd.config import Project
    from driftd.intake.change_hints import Mode
    from driftd.intake.inspection import Fingerprint
    from driftd.intake.listing import Found
    from driftd.journal import Journal
    from driftd.journal.layout import Layout

GROUP_FILES, GROUP_BYTES = 64, 256 << 20  # what goes through admission together
PATIENCE = 20.0  # seconds after which a scan lets the rest of the loop have its turn
LATER = 5.0  # seconds until intake tries again after the disk refused
ITS_OWN_FAULT = {
    errno.EACCES,
    errno.EPERM,
    errno.EIO,
    errno.ELOOP,
    errno.ENXIO,
}  # of one file, not of the disk or the daemon


class Intake:
    """Lets the files of one source in, each once, in order. All methods but `stop` belong to the loop's thread.

    A scan may end anywhere, also by SIGKILL: the journal's row of a file and the place where it lies tell how to go on.
    """

    def __init__(
        self,
        name: str,
        settings: Project,
        journal: Journal,
        layout: Layout,
        executor: Executor,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name = name
        self.settings = settings
        self.journal = journal
        self.layout = layout
        self.root = os.fsencode(settings.source.path)
        self.places = Places(settings.source.path)
        self.settling = Settling(settings.source.settle, clock, time.monotonic)
        self.admission = Admission(name, settings, journal, self.places, self.settling, executor)
        self._watch: Watch | None = None
        self._trouble: str | None = None

    @property
    def problem(self) -> str | None:
        """Say what keeps files from being let in right now."""
        return self._trouble or (self._watch.problem if self._watch else None)

    @property
    def heartbeat(self) -> float:
        """The monotonic time of the last sign of life of a scan, which may take long."""
        return self.admission.heartbeat

    @property
    def watching(self) -> Mode | None:
        return self._watch.mode if self._watch else None

    def start(self, wake: Callable[[], None]) -> None:
        """Watch the source and call `wake` whenever a scan may find something."""
        self._watch = Watch(self.places, self.settling, wake, self._say_mode, self.settings.source.scan_every)
        self._watch.start()

    def stop(self) -> None:
        """End the watch and any scan; what is half done goes on after the next start."""
        self.admission.stopping.set()
        if self._watch is not None:
            self._watch.stop()

    def scan(self) -> int:
        """Let in what is complete; return how many files changed state. Trouble with the disk is a `problem`, and tried again."""
        try:
            changed = self._scan()
        except (Stopped, CancelledError):
            return 0
        except (OSError, sqlite3.Error) as error:
            self._trouble = f"intake pauses: {error}"
            self._again(LATER)
            return 0
        self._trouble = None
        return changed

    def _scan(self) -> int:
        project = tables.projects.first(self.journal, "name = ?", self.name)
        if project is None or project.columns is None:
            return 0
        self.admission.columns = project.columns
        began = self.journal.clock()
        changed = self.admission.resume()
        found, odd = listing(self.root, (os.fsencode(self.places.processed), os.fsencode(self.places.quarantine)))
        found = self._unknown(found)
        if self.settings.source.after == "keep":
            found = _openable(found, odd)
        ready, pause = self.settling.ready(found)
        ready.sort(key=lambda file: file.order)
        if pause is not None:
            self._again(pause)
        until = time.monotonic() + PATIENCE
        for group in _groups(ready):
            if time.monotonic() > until:
                self._again(0)
                return changed  # what is odd is said by the scan that comes to the end
            changed += self.admission.admit(self._hashed(group, odd))
        if pause is None:
            self.admission.looked = began
        self._say_ignored(odd)
        return changed

    def _again(self, seconds: float) -> None:
        if self._watch is not None:
            self._watch.wake_in(seconds)

    def _unknown(self, found: list[Found]) -> list[Found]:
        """Leave out files that look as they did when they were let in and left there, maybe by earlier settings."""
        known: dict[bytes, tuple[int, int]] = {}
        for i in range(0, len(found), 500):
            paths = [file.path for file in found[i : i + 500]]
            marks = ", ".join("?" * len(paths))
            query = (
                f"SELECT location, size, mtime_ns FROM files WHERE project = ? AND location IN ({marks}) ORDER BY id"  # noqa: S608  # only question marks
            )
            known |= {
                row["location"]: (row["size"], row["mtime_ns"]) for row in self.journal.rows(query, self.name, *paths)
            }
        return [file for file in found if known.get(file.path) != (file.size, file.mtime_ns)]

    def _hashed(self, group: list[Found], odd: list[Oddity]) -> list[tuple[Found, Fingerprint]]:
        """Hash files; one that changes meanwhile waits, one that cannot be read is odd."""
        hashed = []
        for file in group:
            self.admission.beat()
            try:
                content = fingerprint(file.path)
            except FileNotFoundError:
                continue
            except OSError as error:
                if error.errno not in ITS_OWN_FAULT:
                    raise
                odd.append(
                    Oddity(file.path, f"this file cannot be read: {error.strerror}", "let the daemon's user read it")
                )
                continue
            if content.still and (content.size, content.mtime_ns) == (file.size, file.mtime_ns):
                hashed.append((file, content))
            else:
                self.settling.defer(file)
                self._again(self.settings.source.settle)
        return hashed

    def _say_ignored(self, odd: list[Oddity]) -> None:
        """Say once what is not let in, and forget it when it is gone."""
        said = {row.location: row for row in tables.ignored.of(self.journal, self.name)}
        new = [each for each in odd if each.path not in said or said[each.path].reason != each.reason]
        gone = said.keys() - {each.path for each in odd}
        if not new and not gone:
            return
        with self.journal.write():
            for path in (*gone, *(each.path for each in new)):
                self.journal.run("DELETE FROM ignored WHERE project = ? AND location = ?", self.name, path)
            for each in new:
                name = display(each.path, self.root)
                tables.ignored.add(
                    self.journal,
                    project=self.name,
                    location=each.path,
                    name=name,
                    reason=each.reason,
                    remedy=each.remedy,
                    since=self.journal.clock(),
                )
                self.journal.emit("file-ignored", project=self.name, file=name, reason=each.reason, remedy=each.remedy)

    def _say_mode(self, mode: Mode, reason: str | None) -> None:
        try:
            with self.journal.write():
                self.journal.emit("watching", project=self.name, mode=mode, reason=reason)
        except sqlite3.Error:
            pass  # the next scan meets the same disk and says so


def _groups(files: list[Found]) -> Iterator[list[Found]]:
    group: list[Found] = []
    size = 0
    for file in files:
        if group and (len(group) == GROUP_FILES or size + file.size > GROUP_BYTES):
            yield group
            group, size = [], 0
        group.append(file)
        size += file.size
    if group:
        yield group


def _openable(found: list[Found], odd: list[Oddity]) -> list[Found]:
    """Leave out files with names that libraries cannot open, and say so."""
    named = {file.path for file in found if _is_utf8(file.path)}
    odd += [Oddity(file.path, "its name is not UTF-8", "rename it") for file in found if file.path not in named]
    return [file for file in found if file.path in named]


def _is_utf8(path: bytes) -> bool:
    try:
        path.decode()
    except UnicodeDecodeError:
        return False
    return True
