"""`driftd runbook`: what to do about an alert, also where no daemon runs and no page is at hand."""

from typing import Annotated

import typer


def complete_alert(incomplete: str) -> list[str]:
    """Offer the names of alerts to the shell."""
    from driftd.resources import runbooks

    return [name for name in runbooks() if name.startswith(incomplete)]


def register(app: typer.Typer) -> None:
    app.command("runbook")(show)


def show(
    alert: Annotated[
        str | None,
        typer.Argument(
            metavar="[ALERT]", autocompletion=complete_alert, help="Name of an alert; lists them if left out."
        ),
    ] = None,
) -> None:
    """Print what an alert means and what to do."""
    from driftd.resources import runbook, runbooks

    typer.echo(runbook(alert) if alert else "".join(f"{name}\n" for name in runbooks()), nl=False)
