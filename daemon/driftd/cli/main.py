"""The `driftd` command: wires the command modules together and turns errors into messages and exit codes."""

import os
import pwd
import shlex
import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from driftd import __version__
from driftd.errors import DriftdError, ExitCode, OperationError

# One module a group of commands, in the order of `--help`; each has `register(app)` and imports what it needs when it is called.
COMMANDS = (
    "setup.init",
    "demo",
    "control.run",
    "offline.check",
    "offline.replay",
    "offline.backtest",
    "inspect.status",
    "inspect.show",
    "inspect.report",
    "inspect.logs",
    "control.actions",
    "control.incidents",
    "control.quarantine",
    "inspect.verify",
    "inspect.runbook",
    "setup.config",
    "setup.install",
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
    except PermissionError as error:
        report(_forbidden(error))
        sys.exit(ExitCode.FAILED)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(ExitCode.DONE)


def _forbidden(error: PermissionError) -> DriftdError:
    """Say whose a file is that this user may not use: most often the state of a service."""
    path = Path(os.fsdecode(error.filename or ".")).absolute()
    user = next(uid for uid in map(_user, (path, *path.parents)) if uid is not None)
    if user == os.geteuid():
        return OperationError(f"{path}: permission denied", remedy=f"see `namei -l {shlex.quote(str(path))}`")
    try:
        name = pwd.getpwuid(user).pw_name
    except KeyError:
        name = f"'#{user}'"
    command = shlex.join([str(Path(sys.argv[0]).absolute()), *sys.argv[1:]])
    return OperationError(
        f"{path}: this user may not use it; it belongs to {name}", remedy=f"as its user: sudo -u {name} {command}"
    )


def _user(path: Path) -> int | None:
    """Return whose a file or folder is, as far as it can be seen."""
    try:
        return path.stat().st_uid
    except OSError:
        return None


def report(error: DriftdError) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True)
    console.print(Text.assemble(("error: ", "bold red"), error.message), soft_wrap=True)
    if error.remedy:
        console.print(Text.assemble(("  fix: ", "bold"), error.remedy), soft_wrap=True)
