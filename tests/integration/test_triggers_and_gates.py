"""What asks for a run, and what holds it back, through a real daemon: every trigger goes through one incident and the same gates."""

import json
import urllib.error
import urllib.request

import pytest

from support.daemon import wait_until
from support.project import tool, write_rows
from support.running import RETRAIN, Kinds

pytestmark = pytest.mark.slow


def drop_without_labels(kinds, number, which):
    path = write_rows(kinds.folder / "aside" / f"{number}.csv", which, start=number * 10_000, each=30)
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], *(line.rpartition(",")[0] + "," for line in lines[1:])]) + "\n")
    path.rename(kinds.incoming / path.name)


def held(kinds):
    [view] = kinds.json("status")["projects"]
    return view["held"] and view["held"]["gate"]


def test_a_changed_base_then_a_gate_with_its_time_then_rows_without_labels(watched, tmp_path):
    kinds = Kinds.copy(watched, tmp_path, retrain=RETRAIN | {"on_base": True, "cooldown": "1h"})
    with kinds.daemon() as daemon:
        kinds.wait_for_model()
        (kinds.repository / "stages.py").write_text("# better\n" + (kinds.repository / "stages.py").read_text())
        tool(kinds.repository, "git", "commit", "-q", "-a", "-m", "Better code")
        kinds.wait_for_event("run-kept", "run-failed", timeout=60)
        assert kinds.rows("SELECT cause, state FROM runs WHERE id > 1") == [("base", "kept")]
        kinds.wait_for_event("incident-closed")
        assert kinds.rows("SELECT kind, state, resolution FROM incidents") == [("base", "closed", "kept")]

        tool(kinds.repository, "git", "commit", "-q", "--allow-empty", "-m", "And again")
        wait_until(lambda: held(kinds) == "cooldown", what="the cooldown holds")
        said = " ".join(kinds.driftd("status").split())
        assert "held by the gate cooldown: the cooldown after the last run has not passed, until 20" in said
        metrics = daemon.get("/metrics").text
        assert 'driftd_run_held{gate="cooldown",project="kinds"} 1.0' in metrics
        assert "driftd_run_held_until_timestamp_seconds{" in metrics
        assert daemon.get("/api/v1/projects/kinds").json()["held"]["until"]

        for number in range(1, 5):
            drop_without_labels(kinds, number, "cd")
        wait_until(lambda: held(kinds) == "labels", what="the labels gate holds")
        view = daemon.get("/api/v1/projects/kinds").json()
        assert view["held"]["reason"].startswith("0 of 120 labelled rows are there")
        assert kinds.one("SELECT count(*) FROM runs") == 2
    assert kinds.json("verify")["ok"]


ALERT = {
    "version": "4",
    "groupKey": '{}:{alertname="Slow"}',
    "status": "firing",
    "receiver": "driftd",
    "truncatedAlerts": 0,
    "something": "new",
    "alerts": [
        {
            "status": "firing",
            "fingerprint": "f1",
            "startsAt": "2026-01-01T00:00:00Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "labels": {"alertname": "Slow"},
            "annotations": {"summary": "it answers slowly"},
            "generatorURL": "",
        },
    ],
}


def post(daemon, document, path="/api/v1/alerts?project=kinds", word="a long word"):
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    request = urllib.request.Request(  # noqa: S310  # http to loopback
        daemon.url + path, data=body, method="POST", headers={"authorization": f"Bearer {word}"}
    )
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_alertmanager_asks_for_a_run_once(watched, tmp_path):
    kinds = Kinds.copy(watched, tmp_path)
    kinds.let_others_ask()
    with kinds.daemon() as daemon:
        kinds.wait_for_model()
        assert post(daemon, ALERT, word="another")[0] == 401
        assert post(daemon, b"{")[0] == 400
        assert post(daemon, ALERT | {"version": "3"})[0] == 400
        assert post(daemon, ALERT, "/api/v1/alerts")[0] == 400
        assert post(daemon, ALERT, "/api/v1/alerts?project=nobody")[0] == 404
        assert post(daemon, b" " * 1_100_000)[0] == 413
        assert kinds.one("SELECT count(*) FROM requests") == 0
        for _ in range(3):
            status, answered = post(daemon, ALERT)
            assert (status, answered["accepted"]) == (200, 1)
        kinds.wait_for_event("run-kept", "run-failed", timeout=60)
        assert kinds.rows("SELECT cause, state FROM runs WHERE id > 1") == [("alert", "kept")]
        kinds.wait_for_event("incident-closed")
        assert kinds.rows("SELECT kind, summary, state FROM incidents") == [
            ("alert", "Slow: it answers slowly", "closed")
        ]
        done = "SELECT count(*) FROM requests WHERE state = 'done'"
        wait_until(lambda: kinds.one(done) == 3, what="all are answered")
        post(daemon, ALERT)
        wait_until(lambda: kinds.one(done) == 4, what="the repetition is answered")
        assert kinds.one("SELECT count(*) FROM incidents") == 1
