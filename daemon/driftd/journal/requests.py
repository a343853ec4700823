"""What a person, a program or an alert asks of the daemon: rows that it answers in place."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from driftd.journal import tables
from driftd.journal.records import RequestState
from driftd.journal.store import Journal


def ask(path: Path, kind: str, asked: Sequence[tuple[str, Mapping[str, object]]]) -> list[int]:
    """Write requests of one kind, for each its project and arguments, all of them or none; return their numbers."""
    journal = Journal.open(path)
    try:
        with journal.write():
            return [
                tables.requests.add(
                    journal,
                    project=project,
                    kind=kind,
                    arguments=arguments,
                    state=RequestState.WAITING,
                    created_at=journal.clock(),
                )
                for project, arguments in asked
            ]
    finally:
        journal.close()
