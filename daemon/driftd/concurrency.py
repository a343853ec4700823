"""Work on a stream in threads, a bounded piece ahead: numpy and Arrow let go of the interpreter while they work."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar, cast

T = TypeVar("T")
R = TypeVar("R")

THREADS = min(4, os.cpu_count() or 1)


def ahead(work: Callable[[T], R], stream: Iterable[T], threads: int = THREADS) -> Iterator[R]:
    """Yield `work(each)` for each piece of a stream, in order; at most `threads + 1` pieces are under way at a time.

    Errors of the stream and of the work are raised where their piece would have come.
    """
    waiting: deque[Future[R]] = deque()
    with ThreadPoolExecutor(threads, "ahead") as pool:
        try:
            for each in stream:
                waiting.append(pool.submit(work, each))
                if len(waiting) > threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def prefetched(stream: Iterable[T], pieces: int = 4) -> Iterator[T]:
    """Yield the pieces of a stream, which a thread makes a few ahead. Errors are raised where their piece would have come."""
    end = object()
    with ThreadPoolExecutor(1, "prefetched") as pool:
        source = iter(stream)
        waiting = deque(pool.submit(next, source, end) for _ in range(pieces))
        try:
            while (piece := waiting.popleft().result()) is not end:
                waiting.append(pool.submit(next, source, end))
                yield cast("T", piece)
        finally:
            pool.shutdown(cancel_futures=True)
