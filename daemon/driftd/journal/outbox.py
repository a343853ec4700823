"""Events for subscribers, each with a cursor of its own: nothing is said twice or forgotten after a crash."""

from collections.abc import Iterator

from driftd.journal import tables
from driftd.journal.records import Event
from driftd.journal.store import Journal

PAGE = 500


def unread(journal: Journal, subscriber: str) -> Iterator[Event]:
    """Yield the events that a subscriber has not acknowledged, oldest first."""
    position = cursor(journal, subscriber)
    while page := tables.events.all(journal, "id > ?", position, order=f"id LIMIT {PAGE}"):
        yield from page
        position = page[-1].id


def cursor(journal: Journal, subscriber: str) -> int:
    """Return the last event that a subscriber acknowledged; 0 for a new one."""
    found = journal.rows("SELECT event_id FROM cursors WHERE subscriber = ?", subscriber)
    return int(found[0]["event_id"]) if found else 0


def acknowledge(journal: Journal, subscriber: str, event_id: int) -> None:
    """Remember, inside the same write as what the subscriber did, that it has heard everything up to an event."""
    journal.run(
        "INSERT INTO cursors (subscriber, event_id) VALUES (?, ?)"
        " ON CONFLICT (subscriber) DO UPDATE SET event_id = max(event_id, excluded.event_id)",
        subscriber,
        event_id,
    )
