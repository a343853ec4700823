"""`driftd init`: a new project with its settings, or settings for a repository that exists."""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from driftd.adopt.proposal import Proposal


def register(app: typer.Typer) -> None:
    app.command("init")(init)


def init(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="[DIR]", help="A new or empty folder; with --repository, where driftd.yaml goes."),
    ] = None,
    repository: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH", help="A DVC repository that exists: write settings for it, and leave it as it is."
        ),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--output", metavar="FILE", help="With --repository, the file to write; else DIR/driftd.yaml."),
    ] = None,
    remote: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Of a new project: where `dvc push` keeps data and models."),
    ] = None,
) -> None:
    """Make a project (a DVC repository with a spaCy pipeline, sample data and driftd.yaml), or settings for a repository."""
    from driftd.errors import UsageError

    if repository is not None:
        if remote is not None:
            raise UsageError(
                "--remote is for new projects: driftd changes nothing in a repository that exists",
                remedy=f"`dvc remote add --default storage {remote}` there, and commit .dvc/config",
            )
        if folder is not None and file is not None:
            raise UsageError("DIR and --output both name the file to write", remedy="give one of them")
        _adopt(repository, file or (folder or Path()) / "driftd.yaml")
    elif folder is None or file is not None:
        raise UsageError(
            "--output goes with --repository" if file else "no folder is named to make the project in",
            remedy="driftd init DIR makes a new project; driftd init --repository PATH settings for an existing one",
        )
    else:
        _create(folder, remote)


def _create(folder: Path, remote: str | None) -> None:
    from driftd import adopt
    from driftd.cli import output

    with output.busy("making the project"):
        adopt.create(folder, remote)
    output.show_facts(
        {
            "project": f"{folder}: a DVC repository with the stages preprocess, train, evaluate; committed",
            "settings": folder / "driftd.yaml",
            "first data": folder / "data",
            "new data goes to": folder / "incoming",
            "to try it with": f"{folder / 'sample' / 'incoming'}: more of the same, then another kind",
            "remote": remote and f"storage, {remote}",
        }
    )
    own = shlex.quote(str(Path(sys.executable).parent))
    _next(
        *([(f"cd {shlex.quote(str(folder))}", "")] if folder != Path() else []),
        *([] if _has_tools() else [(f"export PATH={own}:$PATH", "dvc, and a python with spaCy: driftd's own")]),
        ("driftd run", "makes the first model, then watches incoming/"),
        ("dvc repro", "the pipeline alone, without the daemon"),
    )


def _has_tools() -> bool:
    """Return whether the person's PATH has what the stages and the README's commands need."""
    python = shutil.which("python")
    look = "import importlib.util, sys; sys.exit(importlib.util.find_spec('spacy') is None)"
    return (
        bool(shutil.which("dvc") and python) and not subprocess.run([str(python), "-c", look], check=False).returncode
    )


def _adopt(repository: Path, file: Path) -> None:
    from driftd import adopt, config
    from driftd.cli import output
    from driftd.cli.setup.config_check import problems

    if file.exists():
        from driftd.errors import UsageError

        raise UsageError(f"{file} exists already", remedy="move it away, or name another file with --output")
    with output.busy("looking at the repository"):
        proposal = adopt.propose(repository)
    adopt.write(proposal, file)
    _tell(proposal, file)
    settings = config.load(file)
    found = list(problems(proposal.name, settings.projects[proposal.name], settings))
    for problem in found:
        output.say(output.text(f"\n! {problem}", "red"))
    if not found:
        output.say("\nThe programs of all stages are found.")
    shown = shlex.quote(str(file))
    _next(
        (f"$EDITOR {shown}", "correct what was assumed wrongly"),
        (f"driftd config check -c {shown}", "is it right?"),
        (f"driftd run -c {shown}", "takes the model of the base branch, or makes the first one, and watches"),
    )


def _tell(proposal: "Proposal", file: Path) -> None:
    from driftd.adopt.settings_file import flow
    from driftd.cli import output

    output.show_facts(
        {
            "repository": proposal.repository,
            "project": proposal.name,
            "settings": file,
            "new data goes to": file.parent / "incoming",
        }
    )
    output.say("\nAssumed, each to be corrected in the file:")
    rows = []
    for setting in proposal.settings:
        others = f" (or: {', '.join(setting.others)})" if setting.others else ""
        rows.append((setting.key, output.text(flow(setting.value), "bold"), f"{setting.why}{others}"))
    output.show_table(("setting", "value", "because"), rows)
    for warning in proposal.warnings:
        output.say(output.text(f"\n! {warning}", "yellow"))


def _next(*commands: tuple[str, str]) -> None:
    from driftd.cli import output

    output.say("\nWhat comes next:")
    width = max(len(command) for command, _ in commands) + 3
    for command, what in commands:
        output.say(f"    {command:<{width}}{what}".rstrip())
