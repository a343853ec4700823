"""`driftd init`: a new project with its settings."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    app.command("init")(init)


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")],
    remote: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Where `dvc push` keeps data and models; becomes the default remote."),
    ] = None,
) -> None:
    """Make a project: a DVC repository with a spaCy pipeline, sample data and a driftd.yaml."""
    from driftd import adopt
    from driftd.cli import output

    file = adopt.create(folder, remote)
    output.show_facts(
        {
            "project": folder,
            "settings": file,
            "new files go to": folder / "incoming",
        }
    )
    output.say("\nWhat comes next:")
    for command, what in (
        (f"cd {folder}", ""),
        ("driftd run", "makes the first model, then watches incoming/"),
        ("dvc repro", "the pipeline alone, without the daemon"),
    ):
        output.say(f"    {command:<24}{what}")
