"""Options and arguments that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from driftd.errors import DriftdError


def complete_project(ctx: typer.Context, incomplete: str) -> list[str]:
    """Offer the names of the settings' projects to the shell."""
    from driftd import config

    try:
        settings = config.load(config.find_file(ctx.params.get("config")))
    except DriftdError:
        return []
    return [name for name in settings.projects if name.startswith(incomplete)]


Config = Annotated[
    Path | None,
    typer.Option(
        "-c", "--config", metavar="FILE", help="Settings; or $DRIFTD_CONFIG, ./driftd.yaml, /etc/driftd/driftd.yaml."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
Project = Annotated[str, typer.Argument(metavar="PROJECT", autocompletion=complete_project, help="Name of a project.")]
AnyProject = Annotated[
    str | None,
    typer.Argument(metavar="[PROJECT]", autocompletion=complete_project, help="Name of a project; all if left out."),
]
Limit = Annotated[int, typer.Option("-n", "--limit", min=1, max=10_000, help="How many, the newest first.")]
Wait = Annotated[bool, typer.Option(help="Wait for the daemon's answer.")]
