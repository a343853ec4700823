"""One HTML file that explains a check, an incident or a run: no network, no script, light and dark."""

import base64
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from driftd.journal import Journal
from driftd.observe import views
from driftd.observe.views import IncidentView, RunView
from driftd.web.rendering import templates

if TYPE_CHECKING:
    from driftd.backtest.result import Result

NAMES = ("the reference", "the incident's windows")
STYLE = Path(__file__).parent / "static/style.css"
ICON = Path(__file__).parent / "static/icon.svg"


def answer_report(
    journal: Journal, incident: IncidentView | None, run: RunView | None, explained: Sequence[dict[str, Any]]
) -> str:
    """Render the report of an incident and the run that answered it, or of a run without one."""
    story = views.story(journal, incident) if incident else None
    return write_report(incident=incident, run=run, story=story, explained=explained, names=NAMES)


def policy() -> str:
    """Return the policy that allows the report's own style and nothing else."""
    digest = base64.b64encode(hashlib.sha256(STYLE.read_bytes()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"


def write_report(**values: Any) -> str:
    """Render the report of what is given: `check`, or `incident`, `story` and `run`; `explained` are its columns."""
    given: dict[str, Any] = {
        "check": None,
        "incident": None,
        "story": None,
        "run": None,
        "explained": [],
        "names": ("before", "now"),
    }
    return _document("report.html", given | values)


def write_backtest(result: "Result") -> str:
    """Render a backtest as one such file."""
    from driftd.web.charts.backtest_chart import draw

    return _document("backtest.html", {"result": result, "drawn": draw(result)})


def _document(name: str, values: dict[str, Any]) -> str:
    """Render a file that carries its style and its policy."""
    style, icon = STYLE.read_text(encoding="utf-8"), base64.b64encode(ICON.read_bytes()).decode()
    return templates.get_template(name).render(values, style=style, policy=policy(), icon=icon, made=datetime.now(UTC))
