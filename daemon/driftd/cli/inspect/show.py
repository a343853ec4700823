"""`driftd show` and `driftd diff`: one run or model, and what differs between two models."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from driftd.cli.options import Config, Json, complete_model
from driftd.observe.sanitize import row_number

if TYPE_CHECKING:
    from driftd.observe.views import ModelView, RunView


def register(app: typer.Typer) -> None:
    app.command("show")(show)
    app.command("diff")(diff)


def show(
    what: Annotated[
        str,
        typer.Argument(
            metavar="RUN|MODEL", autocompletion=complete_model, help="Number of a run, or a model: PROJECT@v2.0.0."
        ),
    ],
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Show a run: its steps, scores and decision; or a model: where it comes from and when it was in production."""
    from driftd.cli import output
    from driftd.cli.state import looking
    from driftd.observe import views

    with looking(config) as state:
        number = row_number(what)
        if number is not None:
            found: RunView | ModelView = views.run(state.journal, number)
        else:
            found = views.model(state.journal, *state.model(what))
        if as_json:
            output.say_json(found)
        elif isinstance(found, views.RunView):
            _show_run(found)
        else:
            _show_model(found)


def diff(
    old: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", autocompletion=complete_model, help="PROJECT@v1.0.0, or v1.0.0 where one project has it."
        ),
    ],
    new: Annotated[
        str, typer.Argument(metavar="MODEL", autocompletion=complete_model, help="The model to compare it with.")
    ],
    config: Config = None,
    patch: Annotated[bool, typer.Option("--patch", help="Show the lines of code that changed.")] = False,
    as_json: Json = False,
) -> None:
    """Show what differs between two models of a project: scores, parameters, data and code."""
    from driftd.cli import output
    from driftd.cli.state import looking
    from driftd.errors import UsageError
    from driftd.journal.layout import Layout
    from driftd.retrain.evaluation.model_diff import diff_models

    with looking(config) as state:
        project, before = state.model(old)
        other, after = state.model(new)
        if project != other:
            raise UsageError(f"{old} and {new} are models of two projects", remedy="name two versions of one project")
        if project not in state.settings.projects:
            raise UsageError(f"the settings have no project {project}", remedy="its repository is not known without")
        layout = Layout(state.folder, project)
        found = diff_models(state.settings.projects[project], state.journal, layout, before, after)
        if as_json:
            output.say_json(found)
            return
        _show_diff(found)
        if patch and found["code"]["patch"]:
            output.say("")
            output.say(found["code"]["patch"])


def _show_run(run: "RunView") -> None:
    from driftd.cli import output

    took = (run.ended_at - run.created_at).total_seconds() if run.ended_at else None
    windows = run.windows and f"{run.windows[0]} to {run.windows[1]}"
    output.show_facts(
        {
            "run": f"{run.id} of {run.project}",
            "state": output.text(run.state),
            "cause": run.cause + (f", incident {run.incident}" if run.incident else ""),
            "began": output.clock(run.created_at),
            "took": output.duration(took),
            "windows": windows,
            "rows": (run.decision or {}).get("made_of", {}).get("sentence"),
            "models": " against ".join(filter(None, (run.candidate or "the candidate", run.champion))),
            "said": run.sentence,
        }
    )
    if run.steps:
        output.say("")
        output.show_table(
            ("step", "began", "seconds"),
            [(each.name, output.clock(each.started_at), output.duration(each.seconds) or "-") for each in run.steps],
        )
    if run.scores:
        output.say("")
        _show_scores(run)
    output.say("")
    output.say(f"`driftd logs {run.id}` prints what it did")


def _show_scores(run: "RunView") -> None:
    from driftd.cli import output

    numbers = (run.champion or "champion", run.candidate or "candidate", "change")
    rows = [
        (
            each.name,
            output.score(each.champion),
            output.score(each.candidate),
            output.change(each.champion, each.candidate, each.better),
            output.between(each.bounds["difference"] if each.bounds else None),
        )
        for each in run.scores
    ]
    bounded = any(each.bounds for each in run.scores)
    head = ("score", *numbers, *(["between"] if bounded else []))
    output.show_table(head, [row[: len(head)] for row in rows], right=numbers)
    if bounded and run.decision:
        output.say(f"each bound of a change holds with {run.decision['interval']['confidence']:.2%} confidence")


def _show_model(model: "ModelView") -> None:
    from driftd.cli import output

    output.show_facts(
        {
            "model": f"{model.project}@{model.version}" + (", in production" if model.champion else ""),
            "commit": model.revision,
            "made": output.clock(model.created_at) + (f" by run {model.run}" if model.run else ""),
            "digest": model.digest,
            "added data": ", ".join(model.batches),
            "loss": model.losses
            and f"{output.score(model.losses.loss)} on {model.losses.rows} labelled rows of {model.losses.windows} windows while in production",
        }
    )
    if model.assignments:
        output.say("")
        output.show_table(
            ("number", "in production since", "cause"),
            [(each.number, output.clock(each.assigned_at), each.cause) for each in model.assignments],
        )
    hooks = [(each.number, hook) for each in model.assignments for hook in each.hooks]
    if hooks:
        output.say("")
        output.show_table(
            ("number", "hook", "state", "attempts", ""),
            [
                (number, f"{hook.kind} {hook.title}", output.text(hook.state), hook.attempts, hook.error)
                for number, hook in hooks
            ],
            right=("number", "attempts"),
        )
    if model.scores:
        output.say("")
        output.show_table(
            ("score", "value"),
            [(name, output.score(value)) for name, value in model.scores.items()],
        )


def _show_diff(found: Mapping[str, Any]) -> None:
    from driftd.cli import output

    old, new = (found[side]["version"] for side in ("old", "new"))
    data = found["data"]
    output.show_facts(
        {
            "data": f"{data['files'][0]} to {data['files'][1]} files, {data['size'][0]} to {data['size'][1]} bytes",
            "added": ", ".join(data["batches"]),
            "code": ", ".join(
                f"{each['path']} +{_lines(each['added'])} -{_lines(each['removed'])}" for each in found["code"]["files"]
            )
            or "the same",
        }
    )
    if found["code"]["commits"]:
        output.say("")
        rows = [(each["revision"][:10], each["subject"]) for each in found["code"]["commits"]]
        output.show_table(("commit", "subject"), rows)
    for name in ("params", "scores"):
        if found[name]:
            output.say("")
            rows = [(each, *map(_value, pair)) for each, pair in found[name].items()]
            output.show_table((name, old, new), rows)


def _lines(count: int | None) -> str:
    return "?" if count is None else str(count)


def _value(value: object) -> str:
    return "-" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
