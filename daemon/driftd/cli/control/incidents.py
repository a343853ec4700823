"""`driftd incidents`: what moved, and what came of it."""

from typing import TYPE_CHECKING, Annotated

import typer

from driftd.cli.options import AnyProject, Config, Json, Limit, Wait
from driftd.observe.sanitize import LARGEST

if TYPE_CHECKING:
    from driftd.observe.views import IncidentView


def register(app: typer.Typer) -> None:
    group = typer.Typer(no_args_is_help=True, help="List and dismiss incidents.")
    group.command("list")(listed)
    group.command("dismiss")(dismiss)
    app.add_typer(group, name="incidents")


def listed(
    project: AnyProject = None,
    config: Config = None,
    every: Annotated[bool, typer.Option("--all", help="Closed ones too.")] = False,
    limit: Limit = 20,
    as_json: Json = False,
) -> None:
    """List incidents that are open."""
    from driftd.cli import output
    from driftd.cli.state import looking
    from driftd.observe import views

    with looking(config) as state:
        name = state.project(project) if project else None
        found = views.incidents(state.journal, name, opened=not every, limit=limit)
    if as_json:
        output.say_json(found)
    elif not found:
        output.say("no incident" if every else "no open incident")
    else:
        rows = [
            (each.id, each.project, each.kind, output.text(each.state), output.ago(each.opened_at), told(each))
            for each in found
        ]
        output.show_table(("id", "project", "kind", "state", "opened", "what moved"), rows, right=("id",))


def told(incident: "IncidentView") -> str:
    """Say what moved, and how, and where rows wait for a label."""
    said = incident.summary + (f"; {incident.pattern['kind']}" if incident.pattern else "")
    return f"{said}; to label: {incident.to_label['file']}" if incident.to_label else said


def dismiss(
    incident: Annotated[int, typer.Argument(metavar="INCIDENT", max=LARGEST, help="Number of an open incident.")],
    config: Config = None,
    wait: Wait = True,
    as_json: Json = False,
) -> None:
    """Say that an incident was nothing: windows are judged against what they had left again. A run that waits for approval is rejected with it."""
    from driftd.cli.request_client import ask
    from driftd.observe import views

    ask(
        config,
        lambda state: views.incident(state.journal, incident).project,
        "dismiss",
        wait=wait,
        as_json=as_json,
        incident=incident,
    )
