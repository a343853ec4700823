"""The hooks that are to be called, as rows: written with the assignment, so that no crash forgets them."""

from collections.abc import Sequence
from typing import Any

from driftd.config.settings import Hook
from driftd.journal import Journal, tables
from driftd.journal.records import HookRow, HookState

FIRST = 10.0  # seconds before a hook that failed is tried again; doubled by each further failure
LAST = 3600.0
LASTING = ("dvc_push", "git_push")  # still right when another model is in production


def add(journal: Journal, project: str, assignment_id: int, hooks: Sequence[Hook]) -> None:
    """Ask for the hooks of an assignment, inside its write; what would tell of an older model is called off."""
    marks = ", ".join("?" * len(LASTING))
    where = f"project = ? AND state = ? AND kind NOT IN ({marks})"
    now = journal.clock()
    tables.hooks.set(journal, where, project, HookState.WAITING, *LASTING, state=HookState.SUPERSEDED, ended_at=now)
    for position, hook in enumerate(hooks, 1):
        tables.hooks.add(
            journal,
            project=project,
            assignment_id=assignment_id,
            position=position,
            kind=hook.kind,
            title=hook.title,
            spec=hook.model_dump(mode="json", exclude_none=True),
            state=HookState.WAITING,
            attempts=0,
            due_at=now,
        )


def due(journal: Journal, project: str, now: float) -> HookRow | None:
    """Return the hook to call: of each assignment the first that waits, when its time has come; the newest assignment goes first."""
    rows = tables.hooks.all(
        journal, "project = ? AND state = ?", project, HookState.WAITING, order="assignment_id DESC, position"
    )
    heads = {row.assignment_id: row for row in reversed(rows)}
    return next((heads[key] for key in sorted(heads, reverse=True) if heads[key].due_at <= now), None)


def done(journal: Journal, row: HookRow, seconds: float) -> None:
    with journal.write():
        tables.hooks.set(
            journal,
            "id = ? AND state = ?",
            row.id,
            HookState.WAITING,
            state=HookState.DONE,
            attempts=row.attempts + 1,
            error=None,
            ended_at=journal.clock(),
        )
        journal.emit("hook-done", project=row.project, subject=row.id, hook=row.kind, title=row.title, seconds=seconds)


def failed(journal: Journal, row: HookRow, error: str, most: int) -> None:
    """Put a hook off, twice as long each time, or give it up; the ones behind it go on then and are told so."""
    attempts, now = row.attempts + 1, journal.clock()
    given_up = attempts >= most
    due_at = now + min(FIRST * 2.0 ** (attempts - 1), LAST)
    with journal.write():
        tables.hooks.set(
            journal,
            "id = ? AND state = ?",
            row.id,
            HookState.WAITING,
            state=HookState.FAILED if given_up else HookState.WAITING,
            attempts=attempts,
            error=error,
            due_at=due_at,
            ended_at=now if given_up else None,
        )
        said: dict[str, Any] = {"hook": row.kind, "title": row.title, "error": error, "attempts": attempts}
        if given_up:
            journal.emit("hook-failed", project=row.project, subject=row.id, **said)
        else:
            journal.emit("hook-delayed", project=row.project, subject=row.id, **said)
