"""The `driftd` command: wires the command modules together and turns errors into messages and exit codes."""

import sys
from importlib import import_module
from typing import Annotated

import typer

from driftd import __version__
from driftd.errors import DriftdError, ExitCode

# One module a group of commands, in the order of `--help`; each has `register(app)` and imports what it needs when it is called.
COMMANDS = (
    "init",
    "demo",
    "run",
    "check",
    "replay",
    "backtest",
    "status",
    "show",
    "report",
    "logs",
    "control",
    "incidents",
    "quarantine",
    "verify",
    "runbook",
    "config",
    "install",
)


def build_app() -> typer.Typer:
    app = typer.Typer(
        name="driftd",
        help="The missing daemon for DVC projects: detects real drift, retrains, compares and promotes.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    for name in COMMANDS:
        import_module(f"driftd.cli.{name}").register(app)
    return app


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"driftd {__version__}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line; a DriftdError becomes one message with its remedy, and its exit code."""
    try:
        build_app()()
    except DriftdError as error:
        report(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(ExitCode.DONE)


def report(error: DriftdError) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True)
    console.print(Text.assemble(("error: ", "bold red"), error.message), soft_wrap=True)
    if error.remedy:
        console.print(Text.assemble(("  fix: ", "bold"), error.remedy), soft_wrap=True)
