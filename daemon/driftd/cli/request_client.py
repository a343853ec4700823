"""Requests: how a command asks the daemon for something, and waits for the answer."""

import getpass
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from driftd.cli import output
from driftd.cli.state import State, looking
from driftd.errors import RefusedError
from driftd.journal import Journal, requests, tables
from driftd.journal.records import Request, RequestState
from driftd.service.daemon_lock import owner

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 15.0  # seconds that a busy daemon has to answer
EVERY = 0.1


def ask(
    config: Path | None, find: "Callable[[State], str]", kind: str, *, wait: bool, as_json: bool, **arguments: object
) -> None:
    """Write a request for the project that `find` returns; tell the answer, or that it waits."""
    with looking(config) as state:
        project = find(state)
        [request_id] = requests.ask(state.journal.path, kind, [(project, {**arguments, "by": _person()})])
        running = owner(state.folder) is not None
        with output.busy("waiting for the daemon's answer", quiet=as_json or not (wait and running)):
            request = _answered(state.journal, request_id, PATIENCE if wait and running else 0.0)
    if as_json:
        output.say_json(request)
    elif request.state is RequestState.WAITING:
        why = "the daemon has not answered yet" if running else "no daemon runs"
        output.say(f"{why}; request {request_id} waits for it")
    elif request.state is RequestState.DONE:
        output.say(_message(request))
    if request.state is RequestState.REFUSED:
        raise RefusedError(_message(request))


def _answered(journal: Journal, request_id: int, patience: float) -> Request:
    deadline = time.monotonic() + patience
    while True:
        request = tables.requests.get(journal, request_id)
        if request.state is not RequestState.WAITING or time.monotonic() >= deadline:
            return request
        time.sleep(EVERY)


def _message(request: Request) -> str:
    return str((request.answer or {}).get("message", ""))


def _person() -> str:
    """Return who asks; behind sudo, the person and not the account of the service."""
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"
