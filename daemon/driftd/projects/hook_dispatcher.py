"""After a promotion or rollback: the hooks of a project, one at a time, beside its runs."""

import threading
import time
from collections.abc import Callable

from driftd.config.settings import Hook
from driftd.errors import DriftdError
from driftd.journal import Journal, tables
from driftd.journal.records import HookRow, HookState
from driftd.retrain.hooks import queue
from driftd.retrain.process.launcher import Stopped
from driftd.retrain.runner import Runner


class Aftermath:
    """Calls what the journal says is due, each in a thread; a crash leaves it due, so a hook may be called twice."""

    def __init__(self, name: str, journal: Journal, runner: Runner, wake: Callable[[], None]) -> None:
        self.name = name
        self.journal = journal
        self.runner = runner
        self._wake = wake
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._calling: int | None = None
        self._stopping = False

    def step(self) -> None:
        if self._thread is not None and self._thread.is_alive():
            if self._calling and tables.hooks.get(self.journal, self._calling).state is HookState.SUPERSEDED:
                self._stop.set()
            return
        row = queue.due(self.journal, self.name, self.journal.clock())
        if row is not None and not self._stopping:
            self._stop = threading.Event()
            self._calling = row.id
            self._thread = threading.Thread(target=self._call, args=(row, self._stop), name=f"hook-{self.name}")
            self._thread.start()

    def stop(self, timeout: float) -> bool:
        """End the hook that is being called, which is called anew after the next start."""
        self._stopping = True
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout)
        return self._thread is None or not self._thread.is_alive()

    def _call(self, row: HookRow, stop: threading.Event) -> None:
        hook = Hook.model_validate(row.spec)
        started = time.monotonic()
        try:
            self.runner.call(row, hook, stop)
        except Stopped:
            return
        except DriftdError as error:
            queue.failed(self.journal, row, str(error), hook.attempts)
        except Exception as error:  # noqa: BLE001  # whatever a hook meets, it is tried again, and the promotion stands
            queue.failed(self.journal, row, repr(error), hook.attempts)
        else:
            queue.done(self.journal, row, round(time.monotonic() - started, 3))
        finally:
            self._wake()
