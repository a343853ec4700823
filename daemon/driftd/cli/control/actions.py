"""Commands that ask the daemon to do something in a project."""

from typing import Annotated

import typer

from driftd.cli.options import Config, Json, Project, Wait
from driftd.observe.sanitize import LARGEST

Run = Annotated[int, typer.Argument(metavar="RUN", max=LARGEST, help="Number of a run that waits.")]


def register(app: typer.Typer) -> None:
    for command in (trigger, pause, resume, rollback, approve, reject, gc):
        app.command()(command)


def trigger(project: Project, config: Config = None, wait: Wait = True, as_json: Json = False) -> None:
    """Ask for a run without waiting for more rows; cooldown and daily limit still hold."""
    from driftd.cli.request_client import ask

    ask(config, lambda state: state.project(project), "trigger", wait=wait, as_json=as_json)


def pause(project: Project, config: Config = None, wait: Wait = True, as_json: Json = False) -> None:
    """Start no more runs; intake and detection go on."""
    from driftd.cli.request_client import ask

    ask(config, lambda state: state.project(project), "pause", wait=wait, as_json=as_json)


def resume(project: Project, config: Config = None, wait: Wait = True, as_json: Json = False) -> None:
    """Let runs start again."""
    from driftd.cli.request_client import ask

    ask(config, lambda state: state.project(project), "resume", wait=wait, as_json=as_json)


def rollback(
    project: Project,
    to: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Version, such as v2.0.0; else the one before.")
    ] = None,
    config: Config = None,
    wait: Wait = True,
    as_json: Json = False,
) -> None:
    """Put an earlier model into production again."""
    from driftd.cli.request_client import ask

    ask(config, lambda state: state.project(project), "rollback", wait=wait, as_json=as_json, to=to)


def approve(run: Run, config: Config = None, wait: Wait = True, as_json: Json = False) -> None:
    """Promote the candidate of a run that waits for approval."""
    from driftd.cli.request_client import ask
    from driftd.observe import views

    ask(config, lambda state: views.run(state.journal, run).project, "approve", wait=wait, as_json=as_json, run=run)


def reject(run: Run, config: Config = None, wait: Wait = True, as_json: Json = False) -> None:
    """Keep the champion; the run that waits for approval ends."""
    from driftd.cli.request_client import ask
    from driftd.observe import views

    ask(config, lambda state: views.run(state.journal, run).project, "reject", wait=wait, as_json=as_json, run=run)


def gc(
    project: Project,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be removed, and remove nothing.")] = False,
    config: Config = None,
    wait: Wait = True,
    as_json: Json = False,
) -> None:
    """Remove what no model, person or open run needs: old runs, worktrees, batches, cache objects, events."""
    from driftd.cli.request_client import ask

    ask(config, lambda state: state.project(project), "gc", wait=wait, as_json=as_json, dry_run=dry_run)
