"""`driftd status` and `driftd history`: how the projects are, and what happened in them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import typer

from driftd.cli.options import AnyProject, Config, Json, Limit, Project

if TYPE_CHECKING:
    from rich.text import Text

    from driftd.cli.state import State
    from driftd.observe.views import ModelView, ProjectView
    from driftd.observe.views.champion_losses import LossView
    from driftd.observe.views.overview import HeldView, ProbationView, SeasonView

PATIENCE = 2.0  # seconds that the daemon has to say what troubles it


def register(app: typer.Typer) -> None:
    app.command("status")(status)
    app.command("history")(history)


def status(project: AnyProject = None, config: Config = None, as_json: Json = False) -> None:
    """Show the daemon and its projects: state, evidence, model, what waits."""
    from driftd.cli import output
    from driftd.cli.state import looking
    from driftd.observe import views

    with looking(config) as state:
        names = [state.project(project)] if project else sorted(state.settings.projects)
        known = {view.name: view for view in views.projects(state.journal) if view.name in names}
        daemon = _daemon(state)
        if as_json:
            document = {"daemon": daemon, "projects": list(known.values())}
            output.say_json(document)
            return
        output.say(_daemon_line(daemon))
        problems = {check["name"].removeprefix("project "): check["detail"] for check in daemon.get("failing", [])}
        for name in names:
            output.say("")
            if (view := known.get(name)) is None:
                output.say(f"{name}: not started yet")
            else:
                _show(view, problems.get(name))


def history(project: Project, config: Config = None, limit: Limit = 20, as_json: Json = False) -> None:
    """Show incidents, runs and models of a project, the newest first."""
    from driftd.cli import output
    from driftd.cli.state import looking
    from driftd.observe import views

    with looking(config) as state:
        entries = views.timeline(state.journal, state.project(project), limit)
        if as_json:
            output.say_json(entries)
            return
        rows = [
            (output.clock(entry.at), output.text(entry.kind), entry.id, entry.version, entry.text) for entry in entries
        ]
        output.show_table(("time", "what", "id", "model", ""), rows, right=("id",))


def _daemon(state: "State") -> dict[str, Any]:
    """Ask who holds the state folder, and the daemon itself what it is not content with."""
    import json
    from urllib.request import ProxyHandler, build_opener

    from driftd.service.daemon_lock import owner

    found = owner(state.folder)
    if found is None:
        return {"running": False}
    daemon: dict[str, Any] = {"running": True, "pid": found.pid, "url": f"http://{found.listen}/"}
    try:
        with build_opener(ProxyHandler({})).open(f"{daemon['url']}api/v1/health", timeout=PATIENCE) as answer:
            checks = json.load(answer)["checks"]
    except (OSError, ValueError, KeyError):
        return daemon | {"ready": None, "failing": []}
    failing = [check for check in checks if not check["ok"]]
    return daemon | {"ready": not failing, "failing": failing}


def _daemon_line(daemon: Mapping[str, Any]) -> "Text":
    from rich.text import Text

    if not daemon["running"]:
        return Text.assemble(("no daemon runs", "yellow"), "; `driftd run` or the service starts it")
    word = {True: ("ready", "green"), False: ("not ready", "red"), None: ("does not answer", "red")}[daemon["ready"]]
    return Text.assemble("daemon ", word, f", process {daemon['pid']}, {daemon['url']}")


def _show(view: "ProjectView", problem: str | None) -> None:
    from rich.text import Text

    from driftd.cli import output
    from driftd.observe.views.overview import PHASES

    style = output.STYLES.get(view.phase, "")
    output.say(Text.assemble((view.name, "bold"), "  ", (view.phase, style), ("  " + PHASES[view.phase], "dim")))
    champion = view.champion
    refused = view.files.get("quarantined", 0)
    output.show_facts(
        {
            "  problem": output.text(problem, "red") if problem else None,
            "  model": champion and f"{champion.version}, since {output.ago(champion.assignments[-1].assigned_at)}",
            "  probation": view.probation and _probation(view.probation),
            "  hooks": champion and _hooks(champion),
            "  season": view.season and _season(view.season),
            "  evidence": _evidence(view),
            "  loss": view.loss and _loss(view.loss),
            "  data": f"{view.files.get('admitted', 0)} files, {view.rows} rows, {view.windows} windows; last {output.ago(view.last_file_at)}",
            "  waiting": f"{view.windows_waiting} windows" if view.windows_waiting else None,
            "  quarantine": output.text(
                f"{refused} {'file' if refused == 1 else 'files'}; see `driftd quarantine list`", "yellow"
            )
            if refused
            else None,
            "  incident": "; ".join(
                f"{each.id} ({each.kind}, {each.state}): {each.summary}" for each in view.incidents
            ),
            "  held": view.held and output.text(_held(view.held), "yellow"),
            "  last run": view.run
            and f"{view.run.id} {view.run.state}" + (f": {view.run.sentence}" if view.run.sentence else ""),
        }
    )


def _probation(on: "ProbationView") -> str:
    return f"{on.labelled} of {on.rows} labelled rows, against {on.before}, until {on.until:%Y-%m-%d}"


def _season(on: "SeasonView") -> str:
    return f"{on.name} since window {on.first_window}, {against(on)}"


def against(on: "SeasonView") -> str:
    """Say what the windows of a season are held against."""
    return (
        f"held against that of {on.left_in}"
        if on.left_in
        else "held against the usual reference, as nothing of it is kept yet"
    )


def _loss(loss: "LossView") -> str:
    from driftd.cli import output

    said = f"{output.score(loss.loss)} on {loss.rows} labelled rows of window {loss.window}"
    if loss.level is None:
        return f"{said}; {loss.reason}"
    way = "an alarm" if loss.level >= 1 else f"{loss.level:.0%} of the way to an alarm"
    return f"{said}, against {output.score(loss.before)}: {way}"


def _held(held: "HeldView") -> str:
    until = f", until {held.until:%Y-%m-%d %H:%M:%S} UTC" if held.until else ""
    return f"by the gate {held.gate}: {held.reason}{until}"


def _hooks(champion: "ModelView") -> "str | Text | None":
    """Say which hooks of the last promotion or rollback have not done their work."""
    from driftd.cli import output

    left = [each for each in champion.assignments[-1].hooks if each.state != "done"]
    said = "; ".join(
        f"{each.kind} {each.title} {each.state}" + (f": {each.error}" if each.error else "") for each in left
    )
    return output.text(said, "red" if any(each.state == "failed" for each in left) else "yellow") if said else None


def _evidence(view: "ProjectView") -> str | None:
    if view.reference is not None and not view.reference.armed:
        return f"not armed: {view.reference.reason}"
    said = view.window and view.window.evidence
    if not said or view.window is None:
        return None
    way = "an alarm" if said.level >= 1 else f"{said.level:.0%} of the way to an alarm"
    where = f"window {view.window.number}: {way}"
    return where + (f" ({', '.join(said.columns)})" if said.columns else "")
