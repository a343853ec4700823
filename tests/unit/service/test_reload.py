import io
import operator

from driftd.config import Settings
from driftd.observe.logs import EventLog, Lines
from driftd.service.daemon import needs_restart, without_restart
from driftd.service.worker_pool import Workers

PROJECT = {"repository": "/r", "source": {"path": "/in"}}


def settings(**values):
    return Settings.model_validate({"state_dir": "/a", "projects": {"p": PROJECT}} | values)


def test_only_state_and_address_wait_for_a_restart():
    old = settings()
    new = settings(
        state_dir="/b",
        http={"listen": "127.0.0.1:1", "token_file": "/t", "url": "https://d.example/"},
        compute={"workers": 5},
    )
    assert needs_restart(old, new) == ["state_dir", "http.listen"]
    taken = without_restart(old, new)
    assert (taken.state_dir, taken.http.listen) == (old.state_dir, old.http.listen)
    assert (taken.http.token_file, taken.http.url, taken.compute.workers) == (
        new.http.token_file,
        "https://d.example",
        5,
    )
    assert needs_restart(old, taken) == []


def test_the_command_line_fixes_the_form_of_the_log():
    lines = Lines(io.StringIO())
    EventLog(None, lines).use_json(True)
    assert lines.as_json
    EventLog(None, lines, always_json=True).use_json(False)
    assert lines.as_json
    EventLog(None, lines).use_json(False)
    assert not lines.as_json


def test_work_goes_on_while_the_number_of_processes_changes():
    workers = Workers(1)
    try:
        before = workers.submit(operator.add, 1, 2)
        workers.resize(2)
        after = workers.submit(operator.add, 3, 4)
        assert (before.result(60), after.result(60)) == (3, 7)
    finally:
        workers.kill()
