"""SQLite, the only memory, and the two writers of files.

`store.Journal` opens it, `tables` reads and writes its rows as `records`, `outbox` hands its events to subscribers,
`files` writes beside it. Contract after a crash: a row that is there is true, and the files that it names are whole.
"""

from driftd.journal.store import Journal

__all__ = ["Journal"]
