"""`driftd run` as a process: start, health, reload, requests, stop; over a small real project."""

import os
import re
import signal
import socket
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import yaml

from support.daemon import NotifySocket, http_get, wait_until
from support.running import Kinds, left_over

pytestmark = pytest.mark.slow

HEAVY = ("numpy", "scipy", "pyarrow", "spacy", "thinc")


@pytest.fixture(scope="module")
def kinds(template, tmp_path_factory):
    return Kinds(tmp_path_factory.mktemp("service"), template)


@pytest.fixture(scope="module")
def heard():
    with NotifySocket(f"@driftd-test-{os.getpid()}") as heard:
        yield heard


@pytest.fixture(scope="module")
def daemon(kinds, heard):
    env = {"NOTIFY_SOCKET": heard.address, "WATCHDOG_USEC": "1000000"}
    with kinds.daemon(env=env) as daemon:
        kinds.wait_for_model()
        yield daemon


def metric(daemon, name):
    """Return the value of a metric's only or first child."""
    found = re.search(rf"^{name}(?:{{[^}}]*}})? (\S+)$", daemon.get("/metrics").text, re.MULTILINE)
    assert found, name
    return float(found[1])


@pytest.mark.usefixtures("daemon")
def test_the_manager_hears_ready_and_signs_of_life(heard):
    wait_until(lambda: heard.has("WATCHDOG=1"), what="a sign of life")
    lines = heard.lines()
    assert "READY=1" in lines
    assert lines.index("READY=1") < lines.index("WATCHDOG=1")
    assert "STATUS=watching 1 project" in lines


def test_health_says_what_it_looked_at(daemon):
    assert daemon.get("/livez").status == 200
    assert daemon.get("/-/healthy").status == 200
    ready = daemon.get("/readyz?verbose")
    assert ready.status == 200
    assert "[+] journal" in ready.text
    assert "[+] project kinds" in ready.text


def test_a_second_daemon_is_refused_with_the_number_of_the_first(daemon, kinds):
    said = kinds.driftd("run", code=5)
    assert f"process {daemon.pid}" in said
    assert "state_dir of its own" in said


def test_a_port_that_is_taken_is_an_error_before_anything_starts(tmp_path, kinds):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        other = tmp_path / "driftd.yaml"
        text = kinds.settings.read_text().replace("127.0.0.1:0", f"127.0.0.1:{port}")
        other.write_text(text.replace(str(kinds.folder / "state"), str(tmp_path / "state")))
        said = kinds.driftd("run", "-c", str(other), code=5)
    assert f"127.0.0.1:{port} cannot be used" in said
    assert "ss -ltnp" in said


def test_the_daemons_own_process_has_not_loaded_what_only_workers_need(daemon):
    loaded = Path(f"/proc/{daemon.pid}/maps").read_text()
    assert [name for name in HEAVY if f"/site-packages/{name}/" in loaded] == []


def test_new_settings_are_taken_over_and_wrong_ones_refused(daemon, kinds, heard):
    text = kinds.settings.read_text()
    kinds.settings.write_text(text.replace("rows: 60", "rows: 61"))
    daemon.send(signal.SIGHUP)
    kinds.wait_for_event("settings-taken")
    wait_until(lambda: "RELOADING=1" in heard.lines() and heard.lines().count("READY=1") >= 2, what="READY again")
    assert metric(daemon, "driftd_config_last_reload_successful") == 1
    kinds.settings.write_text(text.replace("rows: 60", "rowz: 60"))
    daemon.send(signal.SIGHUP)
    kinds.wait_for_event("settings-refused")
    assert metric(daemon, "driftd_config_last_reload_successful") == 0
    wait_until(lambda: "did you mean 'rows'?" in daemon.log, what="the reason in the log")
    assert daemon.get("/readyz").status == 200
    kinds.settings.write_text(f"{text}log: {{format: !!bool x}}\n")
    daemon.send(signal.SIGHUP)
    kinds.wait_for_event("settings-refused", times=2)
    wait_until(lambda: "'x' is no !!bool" in daemon.log, what="the reason in the log")
    kinds.settings.write_text(text)
    daemon.send(signal.SIGHUP)
    kinds.wait_for_event("settings-taken", times=2)
    assert metric(daemon, "driftd_config_last_reload_successful") == 1


def test_all_but_address_and_state_is_taken_over_while_it_runs(daemon, kinds):
    right = kinds.settings.read_text()
    new = yaml.safe_load(right)
    (kinds.folder / "token").write_text("one")
    new |= {
        "compute": {"workers": 2},
        "log": {"format": "json"},
        "http": {"listen": "127.0.0.1:1", "token_file": "token"},
    }
    kinds.settings.write_text(yaml.safe_dump(new))
    said = kinds.json("config", "check")
    assert (said["ok"], said["needs_restart"]) == (True, ["http.listen"])
    before = kinds.one("SELECT count(*) FROM events WHERE kind = 'settings-taken'")
    assert asks(daemon, "one") == 403
    daemon.send(signal.SIGHUP)
    kinds.wait_for_event("settings-taken", times=before + 1)
    wait_until(lambda: '"needs_restart": ["http.listen"]' in daemon.log, what="the log, now JSON, says what waits")
    assert metric(daemon, "driftd_config_restart_pending") == 1
    assert "[+] settings: wait for a restart: http.listen" in daemon.get("/readyz?verbose").text
    checks = {check["name"]: check for check in daemon.get("/api/v1/health").json()["checks"]}
    assert checks["settings"]["detail"] == "wait for a restart: http.listen"
    assert asks(daemon, "one") == 400
    (kinds.folder / "token").write_text("two")
    assert (asks(daemon, "one"), asks(daemon, "two")) == (401, 400)
    (kinds.folder / "token").unlink()
    assert asks(daemon, "two") == 503
    kinds.settings.write_text(right)
    daemon.send(signal.SIGHUP)
    kinds.wait_for_event("settings-taken", times=before + 2)
    assert metric(daemon, "driftd_config_restart_pending") == 0
    assert asks(daemon, "two") == 403


def asks(daemon, word):
    request = urllib.request.Request(  # noqa: S310  # http to loopback
        f"{daemon.url}/api/v1/alerts", data=b"{", headers={"authorization": f"Bearer {word}"}
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10)
    return refused.value.code


def test_a_source_that_vanishes_is_said_once_and_watched_again_when_it_is_back(daemon, kinds):
    aside = kinds.incoming.with_name("aside-for-now")
    kinds.incoming.rename(aside)
    wait_until(lambda: daemon.get("/readyz").status == 503, what="not ready")
    assert str(kinds.incoming) in daemon.get("/readyz").text
    aside.rename(kinds.incoming)
    wait_until(lambda: daemon.get("/readyz").status == 200, what="ready again")
    said = kinds.rows("SELECT kind, data FROM events WHERE kind LIKE 'problem%'")
    assert [kind for kind, _ in said].index("problem-over") == len(said) - 1
    assert len(set(said)) == len(said)


def test_a_worker_that_dies_spoils_nothing(daemon, kinds):
    """The number of deaths is told; the file is read by the next worker."""
    before = kinds.one("SELECT count(*) FROM files WHERE state = 'admitted'")
    kinds.drop(900, "ab")
    wait_until(lambda: kinds.one("SELECT count(*) FROM files WHERE state = 'admitted'") > before, what="the file")
    for worker in workers(daemon.pid):
        os.kill(worker, signal.SIGKILL)
    kinds.drop(901, "ab")
    wait_until(lambda: kinds.one("SELECT count(*) FROM files WHERE state = 'admitted'") > before + 1, what="the next")
    wait_until(lambda: daemon.get("/readyz").status == 200, what="work in flight was done again")


def workers(pid):
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]


def test_requests_are_answered(daemon, kinds):
    assert kinds.json("pause", "kinds")["state"] == "done"
    assert kinds.json("status")["projects"][0]["phase"] == "paused"
    kinds.json("resume", "kinds")
    said = kinds.driftd("rollback", "kinds", code=5)
    assert "none before it" in said
    assert "no project 'kind'" in kinds.driftd("pause", "kind", code=2)
    answer = kinds.json("trigger", "kinds")
    assert answer["state"] == "done"
    kinds.wait_for_event("run-kept", "run-promoted", "run-failed", times=2)
    assert kinds.one("SELECT cause FROM runs WHERE id = 2") == "person"
    assert "run=2" in daemon.log


@pytest.mark.usefixtures("daemon")
def test_drift_is_answered_and_rolled_back(kinds):
    first = kinds.served
    for number in range(1, 4):
        kinds.drop(number, "cd")
    wait_until(lambda: kinds.json("status")["projects"][0]["champion"]["version"] != "v1.0.0", 90, "a promotion")
    assert kinds.served != first
    assert kinds.json("rollback", "kinds", "--to", "v1.0.0")["state"] == "done"
    assert kinds.served == first
    assert kinds.json("verify")["ok"]


def test_it_stops_in_order_and_leaves_nothing(daemon, kinds, heard):
    """Last: it ends the module's daemon."""
    assert daemon.stop() == 0
    assert heard.has("STOPPING=1")
    assert "daemon-stopped" in daemon.log
    assert left_over(kinds.folder / "state") == []
    assert "Traceback" not in daemon.log
    assert "no daemon runs" in kinds.driftd("status")
    answer = kinds.json("pause", "kinds")
    assert answer["state"] == "waiting"


def test_an_idle_daemon_is_small_and_asks_for_nothing(kinds):
    """After the stop, with all work done: the whole tree of processes."""
    with kinds.daemon() as daemon:
        wait_until(lambda: http_get(daemon.url + "/readyz").status == 200, what="ready")
        assert tree_pss(daemon.pid) < 150e6


def tree_pss(pid):
    """Return the proportional memory of a process and all its descendants, in bytes."""
    children = [int(c) for task in Path(f"/proc/{pid}/task").iterdir() for c in (task / "children").read_text().split()]
    [own] = re.findall(r"^Pss: +(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    return int(own) * 1024 + sum(map(tree_pss, children))
