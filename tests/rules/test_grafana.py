"""The dashboard that ships: whole, of metrics and labels that are exported, in PromQL that Prometheus reads, and bound to no data source."""

import itertools
import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from driftd.observe import metric_catalogue
from support.parts import require

GRAFANA = Path(__file__).parents[2] / "config" / "grafana"
DASHBOARD = json.loads((GRAFANA / "driftd.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
VARIABLES = {each["name"]: each for each in DASHBOARD["templating"]["list"]}
METRICS = {metric.name: metric for metric in metric_catalogue.METRICS}
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
LABELS = {"instance", "job"}  # Prometheus adds them
FILLED = {"$project": "p", "$instance": "i", "$__rate_interval": "5m"}


def expressions() -> list[str]:
    said = [target["expr"] for panel in PANELS for target in panel["targets"]]
    return said + [each["expr"] for each in DASHBOARD["annotations"]["list"]]


def filled(expression: str) -> str:
    for name, value in FILLED.items():
        expression = expression.replace(name, value)
    return expression


def metric_of(name: str) -> metric_catalogue.Metric:
    return METRICS[name if name in METRICS else re.sub(r"_(bucket|sum|count)$", "", name)]


@pytest.mark.parametrize("expression", expressions())
def test_metrics_and_labels_are_exported(expression):
    selected = re.findall(r"(driftd_\w+)\{([^}]*)\}", expression)
    assert selected
    assert len(selected) == len(re.findall(r"driftd_\w+", expression)), "each metric is selected by project or daemon"
    for name, selector in selected:
        named = set(re.findall(r"(\w+)\s*(?:=~|!=|!~|=)", selector))
        assert named <= LABELS | set(metric_of(name).labels)
        assert ("project" in named) == ("project" in metric_of(name).labels)


def test_prometheus_reads_every_expression(tmp_path):
    rules = [{"record": f"panel:{number}", "expr": filled(said)} for number, said in enumerate(expressions())]
    assert "$" not in json.dumps(rules)
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    words = [require("promtool"), "check", "rules", tmp_path / "rules.yml"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_data_source_is_chosen_and_none_is_named():
    assert (VARIABLES["datasource"]["type"], VARIABLES["datasource"]["query"]) == ("datasource", "prometheus")
    assert "uid" not in DASHBOARD
    assert "id" not in DASHBOARD
    uids = re.findall(r'"uid": "([^"]*)"', (GRAFANA / "driftd.json").read_text())
    assert set(uids) == {SOURCE["uid"]}
    for part in (*PANELS, *(t for panel in PANELS for t in panel["targets"]), *DASHBOARD["annotations"]["list"]):
        assert part["datasource"] == SOURCE


@pytest.mark.parametrize("name", ["instance", "project"])
def test_a_variable_asks_for_labels_that_are_exported(name):
    metric, label = re.fullmatch(
        r"label_values\((driftd_\w+)(?:\{.*\})?, (\w+)\)", VARIABLES[name]["definition"]
    ).groups()
    assert label == name
    assert label in LABELS | set(METRICS[metric].labels)


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_panel_says_what_it_shows(panel):
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    references = [target["refId"] for target in panel["targets"]]
    assert len(set(references)) == len(references) > 0
    labels = {label for t in panel["targets"] for label in re.findall(r"\{\{(\w+)\}\}", t["legendFormat"])}
    known = {"job"}.union(
        *(metric_of(name).labels for t in panel["targets"] for name in re.findall(r"driftd_\w+", t["expr"]))
    )
    assert labels <= known


def test_panels_lie_on_the_grid_without_covering_each_other():
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    places = [panel["gridPos"] for panel in DASHBOARD["panels"]]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    for a, b in itertools.combinations(places, 2):
        beside = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        assert beside or a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]


def test_the_provisioning_examples_are_what_grafana_reads():
    [provider] = yaml.safe_load((GRAFANA / "provisioning/dashboards/driftd.yaml").read_text())["providers"]
    assert (provider["type"], provider["options"]) == ("file", {"path": "/etc/grafana/dashboards"})
    [source] = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yaml").read_text())["datasources"]
    assert (source["type"], "uid" in source) == ("prometheus", False)
