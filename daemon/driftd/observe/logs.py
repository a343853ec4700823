"""What the daemon says on stderr: every event once, and what libraries warn of, in one form.

A line is `time level kind key=value ...`, or one JSON object. Under journald it begins with its priority.
"""

import json
import logging
import os
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, TextIO

from driftd.journal import Journal, outbox, tables
from driftd.journal.records import Event
from driftd.observe import events

PRIORITIES = {"debug": 7, "info": 6, "notice": 5, "warning": 4, "error": 3, "critical": 2}
LONGEST = 2000  # characters of a value
PAGE = 100  # events that are acknowledged together: what a crash can repeat

current_run: ContextVar[int | None] = ContextVar("current_run", default=None)
"""The run that a thread works on; lines from libraries carry it too."""


def under_journald(environ: Mapping[str, str], stream: TextIO) -> bool:
    """Say whether a stream goes to journald: $JOURNAL_STREAM names its device and inode."""
    try:
        seen = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return environ.get("JOURNAL_STREAM") == f"{seen.st_dev}:{seen.st_ino}"


class Lines:
    """Writes lines to a stream."""

    def __init__(self, stream: TextIO, *, as_json: bool = False, priorities: bool = False) -> None:
        self._stream = stream
        self.as_json = as_json
        self._priorities = priorities

    def say(self, at: float, level: str, kind: str, fields: Mapping[str, object]) -> None:
        time = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        given = {key: value for key, value in fields.items() if value is not None}
        if self.as_json:
            line = json.dumps({"time": time, "level": level, "event": kind, **given}, default=str)
        else:
            line = " ".join([time, level, kind, *(f"{key}={_value(value)}" for key, value in given.items())])
        self._stream.write((f"<{PRIORITIES.get(level, 6)}>" if self._priorities else "") + line + "\n")

    def flush(self) -> None:
        self._stream.flush()


class EventLog:
    """The subscriber that says events; what it has said is a cursor in the journal, so a restart goes on behind it."""

    NAME = "log"

    def __init__(self, journal: Journal, lines: Lines, *, always_json: bool = False) -> None:
        self._journal = journal
        self._lines = lines
        self._always_json = always_json

    def use_json(self, chosen: bool) -> None:
        """Change the form of the lines, unless the command line has fixed it."""
        self._lines.as_json = chosen or self._always_json

    def step(self) -> int:
        """Say everything that has not been said; return how many events that were."""
        said = 0
        while page := self._unread():
            for event in page:
                self._lines.say(event.at, events.level(event.kind), event.kind, _fields(event))
            self._lines.flush()
            with self._journal.write():
                outbox.acknowledge(self._journal, self.NAME, page[-1].id)
            said += len(page)
        return said

    def _unread(self) -> list[Event]:
        position = outbox.cursor(self._journal, self.NAME)
        return tables.events.all(self._journal, "id > ?", position, order=f"id LIMIT {PAGE}")


class LibraryLog(logging.Handler):
    """Takes what libraries log, so that it looks like everything else."""

    def __init__(self, lines: Lines) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        try:
            fields: dict[str, object] = {
                "run": current_run.get(),
                "logger": record.name,
                "message": record.getMessage(),
            }
            if record.exc_info:
                fields["trace"] = logging.Formatter().formatException(record.exc_info)
            self._lines.say(record.created, record.levelname.lower(), "log", fields)
            self._lines.flush()
        except Exception:  # noqa: BLE001  # logging must never stop what is logged
            self.handleError(record)


def set_up(
    *,
    as_json: bool,
    stream: TextIO | None = None,
    environ: Mapping[str, str] = os.environ,
    level: int = logging.WARNING,
) -> Lines:
    """Make the process log in one form, to stderr unless told; return where events can be said."""
    stream = stream or sys.stderr
    lines = Lines(stream, as_json=as_json, priorities=under_journald(environ, stream))
    root = logging.getLogger()
    for handler in root.handlers[:]:
        root.removeHandler(handler)
    root.addHandler(LibraryLog(lines))
    root.setLevel(level)
    return lines


def _fields(event: Event) -> dict[str, object]:
    """Name an event's project, run and subject first, then its data."""
    subject = events.KINDS[event.kind].subject if event.kind in events.KINDS else None
    run = event.subject if subject == "runs" else event.data.get("run")
    first: dict[str, object] = {"project": event.project, "run": run}
    if event.subject is not None and subject != "runs":
        first[f"{subject.removesuffix('s')}_id" if subject else "subject"] = event.subject
    return {**first, **{key: value for key, value in event.data.items() if key != "run"}, "id": event.id}


def _value(value: Any) -> str:
    """Write a value so that it stays on its line and can be told from the next."""
    if isinstance(value, float):
        return f"{value:.6g}"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    if len(text) > LONGEST:
        text = text[:LONGEST] + "..."
    plain = text and text.isprintable() and not any(c in ' "=' for c in text)
    return text if plain else json.dumps(text, ensure_ascii=not text.isprintable())
