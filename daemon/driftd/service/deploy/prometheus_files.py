"""The files that let a Prometheus and a Grafana on this machine watch a daemon with given settings. They are only made here, never written."""

import json
from pathlib import Path

from driftd.config import Settings
from driftd.resources import share_dir
from driftd.service.deploy.systemd_units import UnitFile

MARK = "# Written by `driftd install --prometheus`; what you add belongs into a file beside it.\n"
PROMETHEUS = Path("etc/prometheus")
GRAFANA = Path("etc/grafana")
SHIPPED_TARGET = '      - targets: ["127.0.0.1:9469"]\n'
SHIPPED_RULES = "  - rules.yml\n  - alerts.yml\n"


def prometheus_files() -> list[UnitFile]:
    """Return the rules, which no settings change."""
    place = PROMETHEUS / "driftd"
    return [
        UnitFile(place / "alerts.yml", MARK + _shipped("prometheus/alerts.yml"), "the alerts", MARK),
        UnitFile(place / "rules.yml", MARK + _shipped("prometheus/rules.yml"), "what dashboards ask for often", MARK),
    ]


def scraping(settings: Settings) -> str:
    """Return what Prometheus' own settings need: where the daemon is scraped, and these rules."""
    target = f'      - targets: ["{settings.http.listen.replace("localhost", "127.0.0.1")}"]\n'
    if settings.http.url:
        target += f"        labels: {{url: {json.dumps(settings.http.url.rstrip('/'))}}}\n"
    lines = _shipped("prometheus/prometheus.yml").splitlines(keepends=True)
    text = "".join(line for line in lines if not line.lstrip().startswith("#"))
    return text.replace(SHIPPED_TARGET, target).replace(SHIPPED_RULES, "  - driftd/*.yml\n").rstrip() + "\n"


def grafana_files() -> list[UnitFile]:
    """Return the dashboard, and what tells Grafana to load it."""
    dashboard, provider = _shipped("grafana/driftd.json"), _shipped("grafana/provisioning/dashboards/driftd.yaml")
    mark = MARK.replace("--prometheus", "--grafana")
    return [
        UnitFile(GRAFANA / "dashboards/driftd.json", dashboard, "the dashboard", '{\n "title": "driftd",\n'),
        UnitFile(
            GRAFANA / "provisioning/dashboards/driftd.yaml", mark + provider, "that Grafana loads it from there", mark
        ),
    ]


def _shipped(name: str) -> str:
    return (share_dir() / "config" / name).read_text(encoding="utf-8")
