"""One HTML file that explains a check, an incident or a run: no network, no script, light and dark."""

import base64
import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from driftd.web.pages import templates

STYLE = Path(__file__).parent / "static/style.css"
ICON = Path(__file__).parent / "static/icon.svg"


def write_report(**values: Any) -> str:
    """Render the report of what is given: `check`, or `incident`, `story` and `run`; `explained` are its columns.

    The file carries its style and a policy that allows this style and nothing else.
    """
    style = STYLE.read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    icon = base64.b64encode(ICON.read_bytes()).decode()
    given: dict[str, Any] = {
        "check": None,
        "incident": None,
        "story": None,
        "run": None,
        "explained": [],
        "names": ("before", "now"),
    }
    return templates.get_template("report.html").render(
        given | values, style=style, digest=digest, icon=icon, made=datetime.now(UTC)
    )  # fmt: skip
