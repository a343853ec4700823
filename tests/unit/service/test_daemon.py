"""What a daemon lives through, and that nothing of it outlives its end."""

import io
import signal
import threading
from contextlib import ExitStack

import pytest
import yaml

from driftd import config
from driftd.journal import Journal, tables
from driftd.observe.logs import EventLog, Lines
from driftd.service import http_server
from driftd.service.daemon import Daemon
from driftd.service.schedule import Schedule
from driftd.service.signals import Signals


def settings(*names):
    projects = {name: {"repository": name, "source": {"path": f"in-{name}"}} for name in names}
    return {"state_dir": "state", "projects": projects}


class Script(Signals):
    """Signals that come in a given order; what can be called is done before the next one."""

    def __init__(self, *steps):
        super().__init__()
        self._steps = iter(steps)

    def next(self, _timeout):
        while callable(step := next(self._steps)):
            step()
        return step


class Rig:
    def __init__(self, folder, stack):
        self.path = folder / "driftd.yaml"
        self.journal = Journal.open(folder / "journal.db")
        stack.callback(self.journal.close)
        self._scraped = Journal.read_only(self.journal.path)
        stack.callback(self._scraped.close)
        self._stack = stack

    def write(self, document):
        self.path.write_text(yaml.safe_dump(document))

    def daemon(self, document):
        self.write(document)
        log = EventLog(self.journal, Lines(io.StringIO()))
        daemon = Daemon(self.path, config.load(self.path), self.journal, self._scraped, log)
        self._stack.callback(daemon.workers.kill)
        self._stack.callback(daemon.fleet.stop, 5.0)
        return daemon

    def run(self, daemon, *steps):
        daemon.run(Script(*steps), lambda *_: None, http_server.bind("127.0.0.1:0"))

    def told(self, kind):
        return [event.data for event in tables.events.all(self.journal, "kind = ?", kind)]


@pytest.fixture
def rig(tmp_path):
    with ExitStack() as stack:
        yield Rig(tmp_path, stack)


def raising(error):
    def refused(*_args, **_kwargs):
        raise error

    return refused


def loops():
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("project-")]


def check_refused(rig, daemon, old, reason):
    assert [event["reason"] for event in rig.told("settings-refused")] == [reason]
    assert rig.told("daemon-stopped") == [{"signal": "SIGTERM", "late": None}]
    assert daemon.settings == old
    assert set(daemon.fleet.loops) == {"p"}
    assert daemon.health.settings == f"new ones were refused, the old ones are in force: {reason}"
    assert daemon.registry.get_sample_value("driftd_config_last_reload_successful") == 0


def no_wakes(monkeypatch, name):
    """Let the schedule fail where a project is to be woken, after its loop was made."""
    every = Schedule.every

    def failing(self, seconds, job, call):
        if job == f"wake-{name}":
            raise OverflowError("a defect")
        every(self, seconds, job, call)

    monkeypatch.setattr(Schedule, "every", failing)


def test_new_settings_that_fail_half_way_are_taken_back(rig, monkeypatch):
    daemon = rig.daemon(settings("p"))
    old = daemon.settings
    no_wakes(monkeypatch, "q")
    new = settings("p", "q") | {"compute": {"workers": 7}}
    rig.run(daemon, lambda: rig.write(new), signal.SIGHUP, None, signal.SIGTERM)
    check_refused(rig, daemon, old, "OverflowError: a defect")


def test_settings_whose_reading_meets_a_defect_are_refused(rig, monkeypatch):
    daemon = rig.daemon(settings("p"))
    monkeypatch.setattr(config, "load", raising(KeyError("x")))
    rig.run(daemon, None, signal.SIGHUP, None, signal.SIGTERM)
    check_refused(rig, daemon, daemon.settings, "KeyError: 'x'")


def reload(monkeypatch):
    monkeypatch.setattr(Daemon, "reload", raising(RuntimeError("a defect")))


def report(monkeypatch):
    monkeypatch.setattr(Daemon, "_report", raising(RuntimeError("a defect")))


def web(monkeypatch):
    monkeypatch.setattr(http_server.WebServer, "alive", property(lambda _: False))
    monkeypatch.setattr(http_server.WebServer, "start", raising(RuntimeError("a defect")))


@pytest.mark.parametrize("broken", [reload, report, web])
def test_no_defect_in_what_it_does_meanwhile_ends_it(rig, monkeypatch, caplog, broken):
    daemon = rig.daemon(settings("p"))
    rig.run(daemon, None, lambda: broken(monkeypatch), signal.SIGHUP, None, signal.SIGTERM)
    assert rig.told("daemon-stopped") == [{"signal": "SIGTERM", "late": None}]
    assert "RuntimeError: a defect" in caplog.text
    assert loops() == []


def test_whatever_ends_it_its_loops_end_first(rig):
    daemon = rig.daemon(settings("p"))
    running = []
    with pytest.raises(KeyboardInterrupt):
        rig.run(daemon, None, lambda: running.extend(loops()), raising(KeyboardInterrupt()))
    assert running == ["project-p"]
    assert loops() == []
    assert rig.told("daemon-stopped") == [{"signal": None, "late": None}]


def test_a_start_that_fails_half_way_leaves_no_loop(rig, monkeypatch):
    no_wakes(monkeypatch, "p")
    daemon = rig.daemon(settings("p"))
    with pytest.raises(OverflowError):
        rig.run(daemon)
    assert set(daemon.fleet.loops) == {"p"}
    assert loops() == []


def test_a_start_without_a_thread_for_the_pages_says_so(rig, monkeypatch):
    start = threading.Thread.start

    def refused(thread):
        if thread.name == "web":
            raise RuntimeError("can't start new thread")
        start(thread)

    daemon = rig.daemon(settings("p"))
    monkeypatch.setattr(threading.Thread, "start", refused)
    with pytest.raises(RuntimeError, match="can't start new thread"):
        rig.run(daemon)
    assert len(rig.told("daemon-stopped")) == 1
