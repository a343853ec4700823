"""`driftd run`: the daemon in the foreground."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from driftd.cli.options import Config

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor

    from prometheus_client import CollectorRegistry
    from starlette.applications import Starlette

    from driftd.config import Settings
    from driftd.service.health import Check


def register(app: typer.Typer) -> None:
    app.command("run")(run)


def run(
    config: Config = None,
    log_json: Annotated[bool, typer.Option("--log-json", help="Write the log as one JSON object a line.")] = False,
) -> None:
    """Watch all projects of the settings until told to stop. systemd starts this."""
    from driftd import config as settings_of
    from driftd.service.daemon import serve
    from driftd.web.app import create_app
    from driftd.web.auth import read_token

    path = settings_of.find_file(config)
    settings = settings_of.load(path)

    read_token(settings.http.token_file)  # so that a wrong one is an error now

    def app(
        journal: Path,
        registry: "CollectorRegistry",
        checks: "Callable[[], list[Check]]",
        workers: "Executor",
        now: "Callable[[], Settings]",
    ) -> "Starlette":
        return create_app(
            journal,
            registry,
            checks,
            workers,
            token=lambda: read_token(now().http.token_file),
            projects=lambda: now().projects,
        )

    def bound(address: str) -> None:
        if sys.stderr.isatty():
            watched = ", ".join(f"{name} ({project.source.path})" for name, project in settings.projects.items())
            typer.echo(f"driftd watches {watched}. The page is at http://{address}/, Ctrl-C stops.", err=True)

    serve(path, settings, app, log_json=log_json, bound=bound)
