import io
import json
import logging
import os
import threading

import pytest

from driftd.journal import Journal, outbox
from driftd.observe import logs


@pytest.fixture
def journal(tmp_path):
    journal = Journal.open(tmp_path / "journal.db", clock=lambda: 1_700_000_000.5)
    yield journal
    journal.close()


@pytest.fixture
def stream():
    return io.StringIO()


def emit(journal, kind, **data):
    with journal.write():
        journal.emit(kind, **data)


class TestEventLog:
    def test_a_line_an_event(self, journal, stream):
        emit(journal, "file-admitted", project="p", subject=3, file="a b.csv", rows=10, share=0.123456789)
        assert logs.EventLog(journal, logs.Lines(stream)).step() == 1
        assert stream.getvalue() == (
            '2023-11-14T22:13:20.500Z info file-admitted project=p file_id=3 file="a b.csv" rows=10 share=0.123457 id=1\n'
        )

    def test_json(self, journal, stream):
        emit(journal, "run-failed", project="p", subject=7, error='two\nlines "quoted" ü')
        logs.EventLog(journal, logs.Lines(stream, as_json=True)).step()
        assert json.loads(stream.getvalue()) == {
            "time": "2023-11-14T22:13:20.500Z",
            "level": "error",
            "event": "run-failed",
            "project": "p",
            "run": 7,
            "error": 'two\nlines "quoted" ü',
            "id": 1,
        }
        assert stream.getvalue().count("\n") == 1

    @pytest.mark.parametrize(
        ("kind", "priority"), [("file-admitted", 6), ("run-started", 5), ("file-quarantined", 4), ("run-failed", 3)]
    )
    def test_priorities_for_journald(self, journal, stream, kind, priority):
        emit(journal, kind)
        logs.EventLog(journal, logs.Lines(stream, priorities=True)).step()
        assert stream.getvalue().startswith(f"<{priority}>2023-")

    def test_nothing_is_said_twice_nor_forgotten(self, journal, stream):
        for i in range(250):
            emit(journal, "problem", message=f"m{i}")
        log = logs.EventLog(journal, logs.Lines(stream))
        assert log.step() == 250
        assert log.step() == 0
        emit(journal, "problem", message="late")
        assert logs.EventLog(journal, logs.Lines(stream)).step() == 1, "a restart goes on behind what was said"
        assert [line.split("message=")[1].split()[0] for line in stream.getvalue().splitlines()] == [
            *(f"m{i}" for i in range(250)),
            "late",
        ]

    def test_what_could_not_be_said_is_said_later(self, journal, stream):
        class Full(io.StringIO):
            def write(self, _):
                raise OSError("no space")

        emit(journal, "problem")
        with pytest.raises(OSError, match="no space"):
            logs.EventLog(journal, logs.Lines(Full())).step()
        assert outbox.cursor(journal, logs.EventLog.NAME) == 0
        assert logs.EventLog(journal, logs.Lines(stream)).step() == 1

    def test_the_run_stands_on_each_line_that_belongs_to_one(self, journal, stream):
        emit(journal, "run-step", subject=7, step="score")
        emit(journal, "incident-unresolved", subject=2, run=7)
        logs.EventLog(journal, logs.Lines(stream)).step()
        assert all(" run=7 " in line for line in stream.getvalue().splitlines())

    def test_an_event_of_a_later_driftd_is_said_too(self, journal, stream):
        emit(journal, "unheard-of", subject=1, a=None)
        logs.EventLog(journal, logs.Lines(stream)).step()
        assert stream.getvalue() == "2023-11-14T22:13:20.500Z notice unheard-of subject=1 id=1\n"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("plain", "plain"),
        ("", '""'),
        ("a b", '"a b"'),
        ("a=b", '"a=b"'),
        ('"', r'"\""'),
        ("ü", "ü"),
        ("a\nb", r'"a\nb"'),
        ("\x1b[31m", r'"\u001b[31m"'),
        ("\x9b31m", r'"\u009b31m"'),
        (1, "1"),
        (True, "true"),
        ([1, "a"], r'"[1, \"a\"]"'),
        ("\udce9", r'"\udce9"'),
        (0.1, "0.1"),
    ],
)
def test_values_stay_on_their_line(stream, value, shown):
    logs.Lines(stream).say(0.0, "info", "kind", {"value": value})
    assert stream.getvalue() == f"1970-01-01T00:00:00.000Z info kind value={shown}\n"


def test_long_values_are_cut(stream):
    logs.Lines(stream).say(0.0, "info", "kind", {"value": "x" * 100_000})
    assert len(stream.getvalue()) < 3000


@pytest.mark.usefixtures("root")
class TestLibraries:
    @pytest.fixture
    def root(self):
        root = logging.getLogger()
        before, level = root.handlers[:], root.level
        yield
        root.handlers[:] = before
        root.setLevel(level)

    def test_say_it_in_the_same_form(self, stream):
        logs.set_up(as_json=False, stream=stream, environ={})
        logging.getLogger("watchdog").warning("queue %s", "overflow")
        logging.getLogger("watchdog").info("chatter")
        (line,) = stream.getvalue().splitlines()
        assert line.endswith('warning log logger=watchdog message="queue overflow"')

    def test_errors_come_with_their_trace_on_one_line(self, stream):
        logs.set_up(as_json=True, stream=stream, environ={})
        try:
            1 / 0  # noqa: B018  # to have a trace
        except ZeroDivisionError:
            logging.getLogger("x").exception("failed")
        (line,) = stream.getvalue().splitlines()
        assert "ZeroDivisionError" in json.loads(line)["trace"]

    def test_carry_the_run_of_their_thread(self, stream):
        logs.set_up(as_json=False, stream=stream, environ={})

        def work():
            logs.current_run.set(9)
            logging.getLogger("x").warning("from a run")

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        logging.getLogger("x").warning("from elsewhere")
        first, second = stream.getvalue().splitlines()
        assert " run=9 " in first
        assert "run=" not in second


class TestJournald:
    def test_is_known_by_device_and_inode(self, tmp_path):
        with (tmp_path / "stream").open("w") as stream:
            seen = os.fstat(stream.fileno())
            assert logs.under_journald({"JOURNAL_STREAM": f"{seen.st_dev}:{seen.st_ino}"}, stream)
            assert not logs.under_journald({"JOURNAL_STREAM": "1:2"}, stream)
            assert not logs.under_journald({}, stream)

    def test_something_without_a_file_is_not_it(self):
        assert not logs.under_journald({"JOURNAL_STREAM": "1:2"}, io.StringIO())
