"""`driftd demo`: the whole loop on real data, told step by step."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    app.command("demo")(demo)


def demo(
    keep: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Make it in this new folder, and let the daemon run until Ctrl-C."),
    ] = None,
) -> None:
    """Show the whole loop on real data: a model in production, data that changes, a better model. Takes about two minutes."""
    from driftd.cli.demo.sandbox import on_stage
    from driftd.cli.demo.story import tell

    with on_stage(keep) as stage:
        tell(stage, stay=keep is not None)
