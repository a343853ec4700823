"""`driftd verify`: do journal, files, tags and pointer agree?"""

import typer

from driftd.cli.options import Config, Json
from driftd.errors import ExitCode


def register(app: typer.Typer) -> None:
    app.command("verify")(verify)


def verify(config: Config = None, as_json: Json = False) -> None:
    """Prove that nothing is lost or counted twice: journal, files, git tags and the pointer agree. Ends with 5 if not."""
    from driftd.cli import output
    from driftd.cli.state import looking
    from driftd.projects.verification import verify as check

    with looking(config) as state:
        place = output.watched(output.console(), quiet=as_json)
        findings = check(
            state.settings, state.journal, lambda files: output.track(files, "files read", place, total=len(files))
        )
    if as_json:
        output.say_json({"ok": not findings, "findings": findings})
    elif findings:
        output.show_table(
            ("project", "finding"), [(each.project, output.text(each.message, "red")) for each in findings]
        )
    else:
        output.say("everything agrees: journal, files, windows, profiles, tags, served models, pointer")
    if findings:
        raise typer.Exit(ExitCode.FAILED)
