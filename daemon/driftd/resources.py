"""What ships with driftd beside its code: the reference project, the annotated settings, the units, the runbooks."""

import difflib
from pathlib import Path

from driftd.errors import UsageError


def share_dir() -> Path:
    """Return the folder that holds pipeline/, config/, systemd/ and docs/runbooks/, in an installed driftd as in a checkout."""
    installed = Path(__file__).with_name("_share")
    return installed if installed.is_dir() else Path(__file__).parents[2]


def runbooks() -> list[str]:
    """Return the alerts that have a runbook."""
    return sorted(path.stem for path in (share_dir() / "docs" / "runbooks").glob("*.md"))


def runbook(alert: str) -> str:
    """Return what to do about an alert, as Markdown."""
    names = runbooks()
    if alert not in names:
        near = difflib.get_close_matches(alert, names, 1)
        remedy = f"did you mean {near[0]}?" if near else f"there are: {', '.join(names)}"
        raise UsageError(f"there is no runbook {alert!r}", remedy=remedy)
    return (share_dir() / "docs" / "runbooks" / f"{alert}.md").read_text(encoding="utf-8")
