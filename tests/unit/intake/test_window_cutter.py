import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftd.config.settings import Project, Window
from driftd.intake.window_cutter import AT_ONCE, close_windows
from driftd.journal import Journal, tables

HOUR = 3600.0


def project(rows=10, max_age=24 * HOUR):
    return Project.model_construct(window=Window.model_construct(rows=rows, max_age=max_age))


@pytest.fixture
def journal(tmp_path):
    journal = Journal.open(tmp_path / "journal.db", clock=lambda: 0.0)
    with journal.write():
        for name in ("p", "other"):
            tables.projects.add(journal, name=name, state="new", columns=None, detail={})
    yield journal
    journal.close()


def admit(journal, *rows, at=0.0, name="p", state="admitted"):
    with journal.write():
        for count in rows:
            tables.files.add(
                journal,
                project=name,
                name="x.csv",
                location=b"/x.csv",
                sha256="",
                size=0,
                mtime_ns=0,
                state=state,
                rows=count,
                arrived_at=at,
                admitted_at=at,
            )


def spans(journal, name="p"):
    return [w.spans for w in tables.windows.of(journal, name, order="number")]


def test_a_window_is_exactly_its_rows_across_files(journal):
    admit(journal, 4, 17, 0, 9)
    assert close_windows(journal, "p", project(), 0.0) == 3
    assert spans(journal) == [[(1, 0, 4), (2, 0, 6)], [(2, 6, 10)], [(2, 16, 1), (4, 0, 9)]]
    assert [f.windowed for f in tables.files.all(journal)] == [4, 17, 0, 9]


def test_a_file_larger_than_many_windows(journal):
    admit(journal, 1005)
    assert close_windows(journal, "p", project(), 0.0) == 100
    assert tables.files.get(journal, 1).windowed == 1000
    admit(journal, 5)
    assert close_windows(journal, "p", project(), 0.0) == 1
    assert spans(journal)[-1] == [(1, 1000, 5), (2, 0, 5)]


def test_what_is_left_waits_and_closes_by_age(journal):
    admit(journal, 3, at=100.0)
    admit(journal, 2, at=5000.0)
    assert close_windows(journal, "p", project(max_age=HOUR), 100.0 + HOUR - 1) == 0
    assert close_windows(journal, "p", project(max_age=HOUR), 100.0 + HOUR) == 1
    (window,) = tables.windows.all(journal)
    assert (window.rows, window.closed_by, window.spans) == (5, "age", [(1, 0, 3), (2, 0, 2)])
    assert close_windows(journal, "p", project(max_age=HOUR), 1e9) == 0


def test_age_is_that_of_the_oldest_row_that_is_left(journal):
    admit(journal, 15, at=0.0)
    admit(journal, 2, at=HOUR)
    assert close_windows(journal, "p", project(max_age=2 * HOUR), HOUR) == 1
    assert close_windows(journal, "p", project(max_age=2 * HOUR), 2 * HOUR) == 1
    assert spans(journal)[-1] == [(1, 10, 5), (2, 0, 2)]


def test_never_by_age_if_so_set(journal):
    admit(journal, 9)
    assert close_windows(journal, "p", project(max_age=None), 1e12) == 0


def test_a_clock_that_was_set_back_closes_nothing(journal):
    admit(journal, 9, at=1e9)
    assert close_windows(journal, "p", project(), 0.0) == 0


@pytest.mark.parametrize("state", ["quarantined", "duplicate", "empty", "dropped"])
def test_only_admitted_rows_count(journal, state):
    admit(journal, 10, state=state)
    admit(journal, 10)
    assert close_windows(journal, "p", project(), 1e9) == 1
    assert spans(journal) == [[(2, 0, 10)]]


def test_rows_behind_a_file_that_is_still_being_read_wait_for_it(journal):
    admit(journal, 10)
    admit(journal, 0, state="arrived")
    admit(journal, 10)
    assert close_windows(journal, "p", project(), 1e9) == 1
    with journal.write():
        tables.files.set(journal, "id = 2", state="admitted", rows=4, admitted_at=0.0)
    assert close_windows(journal, "p", project(), 1.0) == 1
    assert spans(journal) == [[(1, 0, 10)], [(2, 0, 4), (3, 0, 6)]]


def test_projects_do_not_mix(journal):
    admit(journal, 6)
    admit(journal, 6, name="other")
    admit(journal, 0, name="other", state="arrived")
    admit(journal, 6)
    assert close_windows(journal, "p", project(), 0.0) == 1
    assert spans(journal) == [[(1, 0, 6), (4, 0, 4)]]
    assert spans(journal, "other") == []


def test_each_window_is_said(journal):
    admit(journal, 25)
    close_windows(journal, "p", project(), 0.0)
    said = tables.events.all(journal, "kind = 'window-closed'")
    assert [event.data for event in said] == [{"window": n, "rows": 10, "closed_by": "rows"} for n in (1, 2)]
    assert [event.subject for event in said] == [1, 2]


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    files=st.lists(st.integers(0, 60), min_size=1, max_size=30),
    size=st.integers(10, 25),
    stops=st.sets(st.integers(0, 29)),
)
def test_windows_are_the_same_whenever_one_looks_and_hold_each_row_once(tmp_path_factory, files, size, stops):
    def cut(stops):
        journal = Journal.open(tmp_path_factory.mktemp("j") / "journal.db")
        with journal.write():
            tables.projects.add(journal, name="p", state="new", columns=None, detail={})
        first = 0
        for stop in sorted(stops):
            admit(journal, *files[first : stop + 1])
            first = stop + 1
            close_windows(journal, "p", project(size, None), 0.0)
        admit(journal, *files[first:])
        close_windows(journal, "p", project(size, None), 0.0)
        windows = tables.windows.all(journal, order="number")
        journal.close()
        return [(w.number, w.rows, w.spans) for w in windows]

    windows = cut(stops)
    assert windows == cut(set())
    assert [number for number, _, _ in windows] == list(range(1, len(windows) + 1))
    assert all(rows == size == sum(n for _, _, n in spans) for _, rows, spans in windows)
    held = [(f, row) for _, _, spans in windows for f, first, n in spans for row in range(first, first + n)]
    every = [(f, row) for f, rows in enumerate(files, 1) for row in range(rows)]
    assert held == every[: len(held)]
    assert len(every) - len(held) < size


@pytest.mark.slow
def test_a_hundred_thousand_files(journal):
    admit(journal, *[7] * 100_000)
    began = time.process_time()
    assert close_windows(journal, "p", project(500), 0.0) == 1400
    assert time.process_time() - began < 20
    began = time.process_time()
    assert close_windows(journal, "p", project(500), 0.0) == 0
    assert time.process_time() - began < 0.05, "looking when nothing is due costs nothing"
    assert AT_ONCE < 1400
