"""The rules that ship: right for promtool, each alert tested both ways and with a runbook, and of metrics that there are."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from driftd.cli.main import build_app
from driftd.observe import metric_catalogue
from driftd.resources import runbook
from support.parts import require

ROOT = Path(__file__).parents[2]
RULES = ROOT / "config" / "prometheus"
TESTS = Path(__file__).parent
ALERTS = yaml.safe_load((RULES / "alerts.yml").read_text())["groups"][0]["rules"]
RECORDED = yaml.safe_load((RULES / "rules.yml").read_text())["groups"][0]["rules"]
EXPORTED = {metric.name for metric in metric_catalogue.METRICS}
SECTIONS = ["Meaning", "Impact", "Diagnosis", "Mitigation"]


def promtool(*words: str) -> None:
    done = subprocess.run([require("promtool"), *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def metrics_of(expression: str) -> set[str]:
    return set(re.findall(r"\bdriftd_\w+", expression))


def test_the_scrape_settings_and_the_rules_they_name_are_right():
    promtool("check", "config", str(RULES / "prometheus.yml"))


@pytest.mark.parametrize("path", sorted(TESTS.glob("*_test.yml")), ids=lambda path: path.name)
def test_rules(path):
    promtool("test", "rules", str(path))


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
class TestAlerts:
    def test_a_case_fires_and_a_case_stays_silent(self, alert):
        cases = yaml.safe_load((TESTS / "alerts_test.yml").read_text())["tests"]
        said = [
            bool(check.get("exp_alerts"))
            for case in cases
            for check in case["alert_rule_test"]
            if check["alertname"] == alert["alert"]
        ]
        assert set(said) == {True, False}

    def test_it_says_what_is_wrong_and_what_to_do(self, alert):
        assert re.fullmatch(r"Driftd([A-Z][a-z]+)+", alert["alert"])
        assert alert["labels"]["severity"] in {"warning", "critical"}
        links = set() if alert["alert"] == "DriftdDown" else {"runbook_url", "dashboard_url"}  # nobody would answer
        assert set(alert["annotations"]) == {"summary", "description", "runbook"} | links
        assert alert["annotations"]["runbook"] == f"driftd runbook {alert['alert']}"
        text = runbook(alert["alert"])
        assert re.findall(r"^## (.*)", text, re.MULTILINE) == SECTIONS
        assert text.startswith(f"# {alert['alert']}\n")


@pytest.mark.parametrize("rule", [*ALERTS, *RECORDED], ids=lambda rule: rule.get("alert") or rule["record"])
def test_every_metric_in_a_rule_is_exported(rule):
    assert metrics_of(rule["expr"]) <= EXPORTED


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_the_commands_of_a_runbook_are_there_and_whole(alert):
    commands = re.findall(r"`driftd ([^`]+)`", " ".join(runbook(alert["alert"]).split()))
    assert commands or alert["alert"] == "DriftdJournalUnreadable"
    for words in commands:
        command, rest = (
            get_command(build_app()),
            [{"RUN": "1", "FILE": "1", "INCIDENT": "1"}.get(w, w) for w in words.split()],
        )
        while hasattr(command, "commands"):
            command = command.commands[rest.pop(0)]
        command.make_context(words, rest)  # an argument that is missing, or one too many, is an error


def test_no_runbook_is_left_over():
    runbooks = {path.stem for path in (ROOT / "docs" / "runbooks").iterdir()}
    assert runbooks == {alert["alert"] for alert in ALERTS}
