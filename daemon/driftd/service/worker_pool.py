"""Worker processes for heavy work: started when needed, ended after idling, replaced when one dies.

The main process never imports what the work needs (pyarrow, scipy, spaCy), so an idle daemon stays small.
"""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import wait as wait_for
from pathlib import Path
from typing import Any, Generic, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

IDLE = 60.0  # seconds without work after which the processes end


@dataclass(eq=False)
class _Task(Generic[T]):
    call: tuple[Callable[..., T], tuple[Any, ...], dict[str, Any]]
    result: Future[T] = field(default_factory=Future)
    shared: bool = False  # other work was in flight beside it at some time
    alone: bool = False  # it is done again in a process of its own, where no other work is to blame


class Workers(Executor):
    """An executor over spawned processes that outlives the death of any of them.

    When a process dies, everything in flight fails with it. What was in flight alone is to blame and raises
    BrokenProcessPool; the rest is done again, each piece alone, so that one file that kills its reader spoils no other work.
    """

    def __init__(self, count: int, *, idle: float = IDLE) -> None:
        self.deaths = 0
        self._count = count
        self._idle = idle
        self._lock = threading.Lock()
        self._alone = threading.Lock()
        self._pool: ProcessPoolExecutor | None = None
        self._in_flight: set[_Task[Any]] = set()
        self._last_used = time.monotonic()
        self._closed = False

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        task = _Task((fn, args, kwargs))
        task.result.set_running_or_notify_cancel()
        with self._lock:
            if self._closed:
                raise RuntimeError("the daemon is stopping and takes no more work")
            inner = self._hand_over(task)
            self._in_flight.add(task)
            together = [each for each in self._in_flight if not each.alone]
            if len(together) > 1:
                for each in together:
                    each.shared = True
        inner.add_done_callback(lambda done: self._finish(task, done))
        return task.result

    @property
    def tasks(self) -> int:
        """How many pieces of work are not done yet."""
        return len(self._in_flight)

    def resize(self, count: int) -> None:
        """Let what is asked for from now on be done by so many processes; those that work finish first."""
        with self._lock:
            if count == self._count:
                return
            self._count = count
            pool, self._pool = self._pool, None
        if pool:
            pool.shutdown(wait=False)

    def end_idle(self) -> bool:
        """End the processes if nothing has been asked of them for a while; called now and then."""
        with self._lock:
            if self._pool is None or self._in_flight or time.monotonic() - self._last_used < self._idle:
                return False
            pool, self._pool = self._pool, None
        pool.shutdown(wait=False)
        return True

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        with self._lock:
            self._closed = True
            pool, self._pool = self._pool, None
        if pool:
            pool.shutdown(wait=wait, cancel_futures=cancel_futures)

    def kill(self) -> None:
        """End all worker processes at once, whatever they do."""
        self.shutdown(wait=False, cancel_futures=True)
        for process in multiprocessing.active_children():
            process.kill()

    def _hand_over(self, task: _Task[T]) -> Future[T]:
        fn, args, kwargs = task.call
        if self._pool is not None:
            try:
                return self._pool.submit(fn, *args, **kwargs)
            except BrokenProcessPool:
                self._pool.shutdown(wait=False)
            self._pool = None
        pool = _pool(self._count)
        inner = pool.submit(fn, *args, **kwargs)
        self._pool = pool  # one that could not begin takes work and never does it
        return inner

    def _finish(self, task: _Task[T], done: Future[T]) -> None:
        with self._lock:
            broken = not done.cancelled() and isinstance(done.exception(), BrokenProcessPool) and not self._closed
            again = broken and task.shared and not task.alone
            if again:
                task.alone = True
            else:
                self._in_flight.discard(task)
                self._last_used = time.monotonic()
                self.deaths += broken
        if again:
            try:
                threading.Thread(target=self._again, args=(task,), name="worker-again", daemon=True).start()
            except RuntimeError as error:  # the system has no thread left
                self._finish(task, _failed(error))
        else:
            _settle(task, done)

    def _again(self, task: _Task[T]) -> None:
        fn, args, kwargs = task.call
        try:
            with self._alone, _pool(1) as pool:
                done = pool.submit(fn, *args, **kwargs)
                done.exception()
        except Exception as error:  # noqa: BLE001  # the system has no process, thread or memory left; who waits must hear it
            done = _failed(error)
        self._finish(task, done)


def _failed(error: Exception) -> Future[Any]:
    done: Future[Any] = Future()
    done.set_exception(error)
    return done


def _settle(task: _Task[T], done: Future[T]) -> None:
    if done.cancelled():
        task.result.set_exception(CancelledError())
    elif error := done.exception():
        task.result.set_exception(error)
    else:
        task.result.set_result(done.result())


def _pool(count: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), initializer=_start_worker)


def _start_worker() -> None:
    """Leave Ctrl-C to the daemon, go first when memory runs out, and never outlive the daemon."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(OSError):  # an odd kernel chooses by itself
        Path("/proc/self/oom_score_adj").write_text("500", encoding="ascii")
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for([parent.sentinel])
        os._exit(1)
