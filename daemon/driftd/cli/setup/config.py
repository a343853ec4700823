"""`driftd config`: is the settings file right, what does it amount to, what can be set?"""

from typing import TYPE_CHECKING

import typer

from driftd.cli.options import Config, Json

if TYPE_CHECKING:
    from driftd.config import Settings


def register(app: typer.Typer) -> None:
    group = typer.Typer(no_args_is_help=True, help="Check and show the settings.")
    group.command("check")(check)
    group.command("show")(show)
    group.command("example")(example)
    group.command("schema")(schema)
    app.add_typer(group, name="config")


def check(config: Config = None, as_json: Json = False) -> None:
    """Check the settings file, and that repositories and folders are there. Ends with 3 if something is wrong."""
    from driftd import config as settings_of
    from driftd.cli import output
    from driftd.cli.setup.config_check import problems
    from driftd.errors import ConfigError

    path = settings_of.find_file(config)
    settings = settings_of.load(path)
    pending = waits_for_restart(settings)
    found = [problem for name, project in settings.projects.items() for problem in problems(name, project, settings)]
    lines = settings_of.located(path, [(problem.at, problem.message) for problem in found]).splitlines()
    if as_json:
        output.say_json({"file": str(path), "ok": not found, "problems": lines, "needs_restart": pending})
    elif not found:
        names = ", ".join(settings.projects)
        output.say(f"{path} is right; projects: {names}")
    if pending and not as_json:
        output.say(
            f"the running daemon takes {' and '.join(pending)} over when it is restarted; all else when it is reloaded"
        )
    if found:
        raise ConfigError("\n".join(lines), remedy="correct them, then check again")


def waits_for_restart(settings: "Settings") -> list[str]:
    """Name the settings in which the daemon that runs over this state folder differs, and which only a restart takes over."""
    from driftd.service.daemon_lock import owner

    running = owner(settings.state_dir)
    chosen = not settings.http.listen.endswith(":0")  # else the system chose the port
    return (
        ["http.listen"]
        if running and chosen and running.listen != settings.http.listen.replace("localhost", "127.0.0.1")
        else []
    )


def show(config: Config = None, as_json: Json = False) -> None:
    """Print the settings with all defaults and absolute paths."""
    from driftd.cli import output
    from driftd.cli.state import load_settings

    document = load_settings(config).model_dump(mode="json", by_alias=True)
    if as_json:
        output.say_json(document)
        return
    import yaml

    typer.echo(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), nl=False)


def example() -> None:
    """Print a settings file with every setting, its default and what it means."""
    from driftd.resources import share_dir

    typer.echo((share_dir() / "config" / "driftd.yaml").read_text(encoding="utf-8"), nl=False)


def schema() -> None:
    """Print the JSON Schema of the settings file, for editors."""
    from driftd.cli import output
    from driftd.config import Settings

    output.say_json(Settings.model_json_schema(by_alias=True))
