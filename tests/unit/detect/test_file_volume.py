import pytest

from driftd.detect.file_volume import LEAST, odd_volumes

STEADY = [100] * LEAST


@pytest.mark.parametrize(("rows", "odd"), [(100, False), (300, False), (30, False), (500, True), (10, True), (0, True)])
def test_a_file_of_a_steady_feed(rows, odd) -> None:
    found = odd_volumes(STEADY, [("a.csv", rows)], 4.0)
    assert found == ([f"volume: a.csv has {rows} rows instead of about 100"] if odd else [])


def test_few_files_say_nothing_of_what_is_usual() -> None:
    assert odd_volumes(STEADY[1:], [("a.csv", 0)], 4.0) == []


def test_a_feed_that_varies_by_nature_breaks_nothing() -> None:
    assert odd_volumes([10, 100, 1000, 10_000] * 10, [("a.csv", 1), ("b.csv", 100_000)], 4.0) == []


def test_one_odd_file_before_does_not_change_what_is_usual() -> None:
    assert odd_volumes([*STEADY, 1_000_000], [("a.csv", 1_000_000)], 4.0)
