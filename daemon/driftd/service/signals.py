"""Signals as a queue that the main thread reads; a handler does nothing that could wait for a lock."""

import os
import queue
import signal
from types import FrameType

STOP = (signal.SIGTERM, signal.SIGINT)


class Signals:
    """SIGTERM and SIGINT stop, SIGHUP reloads. A second stop ends the process at once.

    Ending at once is safe: the journal is whole at any instant, workers and stages end with their parent, and the next start
    goes on where this one was.
    """

    def __init__(self) -> None:
        self._heard: queue.SimpleQueue[signal.Signals] = queue.SimpleQueue()
        self._stop_heard = False

    def install(self) -> None:
        for number in (*STOP, signal.SIGHUP):
            signal.signal(number, self._handle)

    def next(self, timeout: float) -> signal.Signals | None:
        """Return the next signal, or None when none came in time."""
        try:
            return self._heard.get(timeout=timeout)
        except queue.Empty:
            return None

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if number in STOP:
            if self._stop_heard:
                os._exit(128 + number)
            self._stop_heard = True
        self._heard.put(signal.Signals(number))
