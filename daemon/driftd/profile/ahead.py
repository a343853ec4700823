"""Work on a stream in threads, a bounded piece ahead: numpy and Arrow let go of the interpreter while they work."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

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
