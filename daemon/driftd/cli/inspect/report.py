"""`driftd report`: an incident or a run as one HTML file."""

from pathlib import Path
from typing import Annotated

import typer

from driftd.cli.options import Config, Project


def register(app: typer.Typer) -> None:
    app.command("report")(report)


def report(
    project: Project,
    html: Annotated[Path, typer.Option(metavar="FILE", help="Where the report is written.")],
    config: Config = None,
    incident: Annotated[int | None, typer.Option(help="Number of an incident; the last one if left out.")] = None,
    run: Annotated[int | None, typer.Option(help="Number of a run, instead of an incident.")] = None,
) -> None:
    """Explain a project's incident and what answered it in one HTML file that needs no network."""
    from driftd.cli import output
    from driftd.cli.state import looking
    from driftd.errors import UsageError
    from driftd.service.explanations import of_incident, report_of, told
    from driftd.web.report import answer_report

    with looking(config) as state:
        name = state.project(project)
        about, answer = report_of(state.journal, name, incident, run)
        if about is None and answer is None:
            raise UsageError(f"{name} has no incident and no run yet", remedy=f"see `driftd status {name}`")
        for found in (about, answer):
            if found and found.project != name:
                raise UsageError(f"this is of the project {found.project}", remedy=f"driftd report {found.project} ...")
        material = of_incident(state.journal, state.folder, about) if about else None
        with output.busy("explaining"):
            written = answer_report(state.journal, about, answer, told(material) if material else [])
    output.write_file(html, written)
    output.say(f"{html} is written: open it in a browser")
