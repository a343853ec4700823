"""What a named season changes about references: while one is on, the usual reference is set aside. Functions that write are called inside one journal write."""

from driftd.journal import Journal, tables
from driftd.journal.records import Season


def on(journal: Journal, project: str) -> Season | None:
    """Return the season that is on."""
    return tables.seasons.first(journal, "project = ? AND last_window IS NULL", project)


def last(journal: Journal, project: str, name: str) -> Season | None:
    """Return the last time that a season came and left something to hold windows against."""
    where = "project = ? AND name = ? AND left_id IS NOT NULL"
    return tables.seasons.first(journal, where, project, name, order="id DESC")


def of_window(journal: Journal, project: str, window: int) -> Season | None:
    """Return the season that a window lies in; the one that is on holds all windows to come."""
    where = "project = ? AND first_window <= ? AND coalesce(last_window, ?) >= ?"
    return tables.seasons.first(journal, where, project, window, window, window, order="id DESC")


def over(journal: Journal, project: str, window: int) -> bool:
    """Say whether a window lies in a season that has ended."""
    found = of_window(journal, project, window)
    return found is not None and found.last_window is not None


def reference_of(journal: Journal, project: str, window: int | None) -> int | None:
    """Return the reference of the regime that began with a window, or of the present one; None while it is being collected."""
    watched = tables.projects.get(journal, project).reference_id
    now = on(journal, project)
    then = of_window(journal, project, window) if window else now
    if then is not None and then.last_window is not None:
        return then.left_id
    return now.usual_id if now is not None and then is None else watched


def began(journal: Journal, project: str) -> int:
    """Return the window with which the season that is on began, or the time since the last one."""
    newest = tables.seasons.newest(journal, project)
    if newest is None:
        return 1
    return newest.first_window if newest.last_window is None else newest.last_window + 1


def set_aside(journal: Journal, project: str, reference_id: int, window: int | None) -> bool:
    """Keep a reference that windows are to be held against for its time, that of a window; return whether this is another one.

    Without a window it is the usual one's. What belongs to a season that has ended is of no use any more.
    """
    now = on(journal, project)
    then = of_window(journal, project, window) if window else None
    if then is not None:
        return then.last_window is not None
    if now is None:
        return False
    tables.seasons.update(journal, now.id, usual_id=reference_id)
    return now.reference_id is not None
