"""`driftd quarantine`: files that were refused, and what to do with them."""

from typing import Annotated

import typer

from driftd.cli.options import AnyProject, Config, Json, Limit, Wait
from driftd.observe.sanitize import LARGEST

File = Annotated[int, typer.Argument(metavar="FILE", max=LARGEST, help="Number of a file in quarantine.")]


def register(app: typer.Typer) -> None:
    group = typer.Typer(no_args_is_help=True, help="List refused files, try them again, or drop them.")
    group.command("list")(listed)
    group.command("retry")(retry)
    group.command("drop")(drop)
    app.add_typer(group, name="quarantine")


def listed(project: AnyProject = None, config: Config = None, limit: Limit = 50, as_json: Json = False) -> None:
    """List refused files with the reason and the remedy."""
    from driftd.cli import output
    from driftd.cli.state import looking
    from driftd.observe import views

    with looking(config) as state:
        names = [state.project(project)] if project else sorted(state.settings.projects)
        found = [file for name in names for file in views.files(state.journal, name, "quarantined", limit)]
    if as_json:
        output.say_json(found)
        return
    if not found:
        output.say("nothing is in quarantine")
        return
    rows = [(f.id, f.project, f.name, f"{f.reason}" + (f" ({f.remedy})" if f.remedy else "")) for f in found]
    output.show_table(("file", "project", "name", "reason"), rows, right=("file",))
    for file in found[:1]:
        output.say(output.text(f"\n`driftd quarantine retry {file.id}` takes it as it is now: mend {file.location}"))


def retry(file: File, config: Config = None, wait: Wait = True, as_json: Json = False) -> None:
    """Try a refused file again, as it is now."""
    _ask(file, "quarantine-retry", config, wait=wait, as_json=as_json)


def drop(file: File, config: Config = None, wait: Wait = True, as_json: Json = False) -> None:
    """Give a refused file up: its rows will never count."""
    _ask(file, "quarantine-drop", config, wait=wait, as_json=as_json)


def _ask(file: int, kind: str, config: Config, *, wait: bool, as_json: bool) -> None:
    from driftd.cli.request_client import ask
    from driftd.cli.state import State
    from driftd.errors import UsageError
    from driftd.journal import tables

    def find(state: State) -> str:
        row = tables.files.first(state.journal, "id = ?", file)
        if row is None:
            raise UsageError(f"there is no file {file}", remedy="see `driftd quarantine list`")
        return row.project

    ask(config, find, kind, wait=wait, as_json=as_json, file=file)
