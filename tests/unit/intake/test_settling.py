import pytest

from driftd.intake.listing import Found
from driftd.intake.settling import Settling

PATH = b"/in/a.csv"


class Clocks:
    """A wall clock and a monotonic one, which a test moves."""

    def __init__(self):
        self.wall = 1_000_000.0
        self.monotonic = 50.0

    def pass_(self, seconds):
        self.wall += seconds
        self.monotonic += seconds


@pytest.fixture
def clocks():
    return Clocks()


@pytest.fixture
def settling(clocks):
    return Settling(2.0, lambda: clocks.wall, lambda: clocks.monotonic)


def file(clocks, age=0.0, size=10, path=PATH):
    return Found(path, size, int((clocks.wall - age) * 1e9))


def test_a_file_left_alone_for_long_enough_is_complete_at_once(settling, clocks):
    assert settling.ready([file(clocks, age=2.0)]) == ([file(clocks, age=2.0)], None)


def test_a_fresh_file_is_complete_once_it_has_not_changed_for_a_while(settling, clocks):
    fresh = file(clocks)
    assert settling.ready([fresh]) == ([], 2.0)
    clocks.pass_(1.5)
    assert settling.ready([fresh]) == ([], 0.5)
    clocks.pass_(0.5)
    assert settling.ready([fresh]) == ([fresh], None)


def test_each_change_begins_the_wait_again(settling, clocks):
    for size in range(5):
        assert settling.ready([file(clocks, size=size)]) == ([], 2.0)
        clocks.pass_(1.9)


def test_a_writer_that_hides_its_time_of_change_is_seen_by_the_size(settling, clocks):
    stamp = file(clocks).mtime_ns
    assert settling.ready([Found(PATH, 1, stamp)])[0] == []
    clocks.pass_(1.9)
    assert settling.ready([Found(PATH, 2, stamp)]) == ([], 2.0)


def test_a_closed_file_is_complete_at_once(settling, clocks):
    settling.closed(PATH)
    assert settling.ready([file(clocks)])[0] == [file(clocks)]


def test_closing_a_file_that_waits_completes_it(settling, clocks):
    settling.ready([file(clocks)])
    settling.closed(PATH)
    assert settling.ready([file(clocks)])[0] == [file(clocks)]


def test_a_hint_is_for_the_next_look_only(settling, clocks):
    settling.closed(PATH)
    settling.ready([])
    assert settling.ready([file(clocks)])[0] == []


def test_a_new_file_of_the_same_name_takes_the_hint_back(settling, clocks):
    settling.closed(PATH)
    settling.reopened(PATH)
    assert settling.ready([file(clocks)])[0] == []


def test_a_file_that_changed_while_it_was_read_settles_by_time_alone(settling, clocks):
    settling.defer(file(clocks))
    settling.closed(PATH)
    assert settling.ready([file(clocks)]) == ([], 2.0)
    clocks.pass_(1.0)
    settling.closed(PATH)
    assert settling.ready([file(clocks, age=0.5)]) == ([], 2.0)
    clocks.pass_(2.0)
    assert settling.ready([file(clocks, age=2.5)])[0] == [file(clocks, age=2.5)]


@pytest.mark.parametrize("ahead", [0.5, 3600, 1e9])
def test_a_time_of_change_in_the_future_waits_like_any_other(settling, clocks, ahead):
    future = file(clocks, age=-ahead)
    assert settling.ready([future]) == ([], 2.0)
    clocks.pass_(2.0)
    assert settling.ready([future])[0] == [future]


@pytest.mark.parametrize("jump", [3600, -3600])
def test_a_jump_of_the_clock_completes_nothing(settling, clocks, jump):
    settling.ready([])
    growing = file(clocks)
    clocks.wall += jump
    assert settling.ready([growing]) == ([], 2.0)


@pytest.mark.parametrize("jump", [3600, -3600])
def test_a_jump_of_the_clock_does_not_change_how_long_a_file_waits(settling, clocks, jump):
    fresh = file(clocks)
    settling.ready([fresh])
    clocks.wall += jump
    clocks.pass_(1.0)
    assert settling.ready([fresh]) == ([], 1.0)


def test_what_is_gone_is_forgotten(settling, clocks):
    fresh = file(clocks)
    settling.ready([fresh])
    settling.ready([])
    clocks.pass_(1.9)
    assert settling.ready([fresh])[0] == []


def test_the_next_look_is_for_the_file_that_settles_first(settling, clocks):
    settling.ready([file(clocks, path=b"/in/a.csv")])
    clocks.pass_(1.5)
    assert settling.ready(
        [Found(b"/in/a.csv", 10, file(clocks, age=1.5).mtime_ns), file(clocks, path=b"/in/b.csv")]
    ) == ([], 0.5)
