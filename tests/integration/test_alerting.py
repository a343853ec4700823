"""A real daemon, Prometheus and Alertmanager: faults make alerts fire, and a webhook hears of them."""

import json
import re
import shutil
import signal
import socket
import subprocess
import threading
import urllib.request
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.daemon import http_get, wait_until
from support.parts import require
from support.project import BIN
from support.running import RETRAIN, Kinds

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
RULES = ROOT / "config" / "prometheus"


class Webhook:
    """What Alertmanager delivers to: remembers each alert that fires, by name."""

    def __init__(self) -> None:
        self.heard: dict[str, dict[str, Any]] = {}
        heard = self.heard

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                for alert in body["alerts"]:
                    if alert["status"] == "firing":
                        heard[alert["labels"]["alertname"]] = alert
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def impatient(rules: Mapping[str, Any]) -> dict[str, Any]:
    """Return the shipped rules with a second where an hour is waited; nothing else differs."""
    groups = [
        {
            **group,
            "interval": "1s",
            "rules": [{**rule, "for": "1s"} if "for" in rule else rule for rule in group["rules"]],
        }
        for group in rules["groups"]
    ]
    text = yaml.safe_dump({"groups": groups}, width=1000)
    return yaml.safe_load(text.replace("[5m]", "[3s]"))


class Monitoring:
    """Prometheus and Alertmanager as processes, set to scrape one daemon."""

    def __init__(self, folder: Path, target: str, webhook: Mapping[str, Any]) -> None:
        self.processes: list[subprocess.Popen[bytes]] = []
        self.folder = folder
        folder.mkdir()
        manager = free_port()
        delivery = yaml.safe_load((RULES / "alertmanager.yml").read_text())
        delivery["route"] |= {"group_wait": "1s", "group_interval": "1s"}
        delivery["receivers"][0]["webhook_configs"] = [dict(webhook)]
        self._write("alertmanager.yml", delivery)
        shutil.copy(RULES / "rules.yml", folder)
        self._write("alerts.yml", impatient(yaml.safe_load((RULES / "alerts.yml").read_text())))
        settings = yaml.safe_load((RULES / "prometheus.yml").read_text())
        settings["scrape_configs"][0] |= {
            "scrape_interval": "1s",
            "scrape_timeout": "1s",
            "static_configs": [{"targets": [target]}],
        }
        settings["alerting"]["alertmanagers"][0]["static_configs"] = [{"targets": [f"127.0.0.1:{manager}"]}]
        self._write("prometheus.yml", settings | {"global": {"evaluation_interval": "1s"}})
        self.url = f"http://127.0.0.1:{free_port()}"
        self._manager = f"127.0.0.1:{manager}"

    def start(self, *, prometheus: bool = True) -> None:
        self._start(
            require("prometheus-alertmanager"),
            "--config.file=alertmanager.yml",
            f"--web.listen-address={self._manager}",
            "--cluster.listen-address=",
            "--storage.path=alertmanager",
        )
        wait_until(lambda: self._ready(f"http://{self._manager}"), 30, "Alertmanager is ready")
        if not prometheus:
            return
        self._start(
            require("prometheus"),
            "--config.file=prometheus.yml",
            f"--web.listen-address={self.url.removeprefix('http://')}",
            "--storage.tsdb.path=prometheus",
        )
        wait_until(lambda: self._ready(self.url), 30, "Prometheus is ready")

    def fire(self, labels: Mapping[str, str], annotations: Mapping[str, str]) -> None:
        """Hand an alert to Alertmanager, as Prometheus does."""
        body = json.dumps([{"labels": dict(labels), "annotations": dict(annotations)}]).encode()
        url = f"http://{self._manager}/api/v2/alerts"
        request = urllib.request.Request(url, data=body, headers={"content-type": "application/json"})  # loopback
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10).close()

    def _write(self, name: str, document: Mapping[str, Any]) -> None:
        (self.folder / name).write_text(yaml.safe_dump(dict(document), width=1000))

    def _start(self, *words: str) -> None:
        with (self.folder / "log").open("ab") as log:
            self.processes.append(subprocess.Popen(words, cwd=self.folder, stdout=log, stderr=log))

    def _ready(self, url: str) -> bool:
        try:
            return http_get(f"{url}/-/ready").status == 200
        except OSError:
            return False

    def close(self) -> None:
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait(30)


@pytest.fixture(scope="module")
def heard(watched, tmp_path_factory) -> dict[str, dict[str, Any]]:
    """Do to a daemon all that the tests are about, and return what the webhook heard."""
    folder = tmp_path_factory.mktemp("alerting")
    kinds = Kinds.copy(watched, folder, retrain={**RETRAIN, "min_rows": 100_000})  # so that the incident waits
    webhook = Webhook()
    with kinds.daemon() as daemon:
        monitoring = Monitoring(folder / "monitoring", daemon.url.removeprefix("http://"), {"url": webhook.url})
        try:
            monitoring.start()
            _faults(kinds, daemon, webhook.heard)
        finally:
            monitoring.close()
            webhook.close()
    return webhook.heard


def follow(alert: dict[str, Any]) -> None:
    """Open the links of an alert as a person does, and remember what the page is about."""
    links = {name: url for name, url in alert["annotations"].items() if name.endswith("_url")}
    answers = {name: http_get(url) for name, url in links.items()}
    assert {answer.status for answer in answers.values()} == {200}
    alert["answers"] = {name: re.findall(r"<h1>(\w+)", answer.text)[0] for name, answer in answers.items()}


def _faults(kinds: Kinds, daemon: Any, heard: dict[str, dict[str, Any]]) -> None:
    def fires(name: str, timeout: float = 60) -> None:
        wait_until(lambda: name in heard, timeout, f"{name} is heard; heard: {sorted(heard)}\n{daemon.log[-3000:]}")

    wait_until(lambda: "v1.0.0" in daemon.get("/metrics").text, 60, "there is a champion")
    assert not heard
    for number in (1, 2, 3):
        kinds.drop(number, "ab")
    for number in (4, 5, 6, 7):
        kinds.drop(number, "cd")
    fires("DriftdIncidentUnanswered")
    follow(heard["DriftdIncidentUnanswered"])
    aside = kinds.folder / "aside" / "narrow.csv"
    aside.write_text("n\n" + "".join(f"{n}\n" for n in range(60)))
    aside.rename(kinds.incoming / aside.name)
    fires("DriftdDataBroken")
    right = kinds.settings.read_text()
    kinds.settings.write_text(right.replace("window:", "windwo:"))
    daemon.send(signal.SIGHUP)
    fires("DriftdConfigReloadFailed")
    kinds.settings.write_text(right)
    kinds.incoming.rename(kinds.folder / "elsewhere")
    fires("DriftdProjectProblem")
    (kinds.folder / "elsewhere").rename(kinds.incoming)
    daemon.stop()
    fires("DriftdDown")


def test_an_alert_of_alertmanager_starts_a_run(watched, tmp_path):
    kinds = Kinds.copy(watched, tmp_path)
    kinds.let_others_ask()
    with kinds.daemon() as daemon:
        kinds.wait_for_model()
        hook = {
            "url": f"{daemon.url}/api/v1/alerts?project=kinds",
            "http_config": {"authorization": {"credentials_file": str(tmp_path / "token")}},
        }
        monitoring = Monitoring(tmp_path / "monitoring", daemon.url.removeprefix("http://"), hook)
        try:
            monitoring.start(prometheus=False)
            monitoring.fire({"alertname": "AddressesSlow"}, {"summary": "answers take 3 s"})
            kinds.wait_for_event("run-kept", "run-failed", timeout=60)
        finally:
            monitoring.close()
        assert kinds.rows("SELECT cause, state FROM runs WHERE id > 1") == [("alert", "kept")]
        assert kinds.rows("SELECT kind, summary FROM incidents") == [("alert", "AddressesSlow: answers take 3 s")]
    assert kinds.json("verify")["ok"]


def test_drift_is_delivered_with_what_a_person_needs(heard):
    alert = heard["DriftdIncidentUnanswered"]
    assert alert["labels"]["project"] == "kinds"
    assert alert["labels"]["kind"] in {"drift", "label-drift"}
    assert alert["annotations"]["summary"] == f"The {alert['labels']['kind']} of kinds is without an answer for a day."
    assert alert["answers"] == {"dashboard_url": "kinds", "runbook_url": "DriftdIncidentUnanswered"}


def test_the_runbook_of_a_daemon_that_is_down_is_a_command(heard):
    annotations = heard["DriftdDown"]["annotations"]
    assert not {name for name in annotations if name.endswith("_url")}
    program, *words = annotations["runbook"].split()
    done = subprocess.run([str(BIN / program), *words], capture_output=True, text=True, check=True)
    assert done.stdout == (ROOT / "docs" / "runbooks" / "DriftdDown.md").read_text()


def test_each_fault_was_heard_and_nothing_else(heard):
    assert set(heard) == {
        "DriftdIncidentUnanswered",
        "DriftdDataBroken",
        "DriftdConfigReloadFailed",
        "DriftdProjectProblem",
        "DriftdDown",
    }
