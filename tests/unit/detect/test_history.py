import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from driftd.detect.history import MOST_BUCKETS, SPANS, History
from driftd.profile import Profile


def window(number: int) -> Profile:
    return Profile(
        np.array([[number]]), np.array([[1, 0, 0, 0, 0]]), np.array([number]), np.array([1]), np.zeros((0, 2048), int)
    )


@given(st.integers(1, 150))
def test_recent_windows_are_all_there_in_few_buckets(count) -> None:
    history, fallen = History(), []
    for number in range(count):
        history, oldest = history.push(window(number))
        fallen += [oldest] if oldest else []
    kept = int(history.spans[-1])
    assert len(history.buckets) <= MOST_BUCKETS
    assert kept + sum(bucket.windows for bucket in fallen) == count
    assert kept >= min(count, 30)
    assert history.sums.tallies[-1, 0, 0] == history.sums.paired[-1, 0] == kept
    newest = np.arange(count)[::-1]
    for span, (bucket, total) in zip(
        history.spans, enumerate(np.cumsum([b.profile.cells for b in history.buckets])), strict=True
    ):
        assert bucket < MOST_BUCKETS
        assert total == newest[:span].sum()
    assert all(bucket.windows in SPANS for bucket in history.buckets)


def test_the_newest_windows_stay_apart() -> None:
    history = History()
    for number in range(100):
        history, _ = history.push(window(number))
        assert history.buckets[0].profile.cells[0, 0] == number
        assert history.spans[0] == 1
