"""`driftd backtest`: what driftd would have done with a recorded stream, and other policies beside it."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from driftd.cli.options import Config, Json
from driftd.errors import DataError, UsageError

if TYPE_CHECKING:
    from driftd.backtest.result import Result
    from driftd.backtest.stream import Recorded
    from driftd.config import Project

DAY = 86400.0
LEAST = 2  # windows without which nothing is shown


def register(app: typer.Typer) -> None:
    app.command("backtest")(backtest)


def backtest(
    stream: Annotated[Path, typer.Argument(help="File with the recorded, labelled rows, in order of time.")],
    config: Config = None,
    project: Annotated[str | None, typer.Option(help="The project; needed where the settings have several.")] = None,
    first_rows: Annotated[
        int | None,
        typer.Option(min=10, help="Rows at the start that the first model is made of; 8 windows if left out."),
    ] = None,
    pace: Annotated[
        str, typer.Option(metavar="DURATION", help="Time from a window to the next, for cooldowns and schedules.")
    ] = "1d",
    every: Annotated[
        list[int] | None, typer.Option(min=1, help="Compare with a training every so many windows; may be given again.")
    ] = None,
    with_oracle: Annotated[
        bool, typer.Option("--oracle/--no-oracle", help="Compare with the best times, known afterwards.")
    ] = True,
    keep: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Keep models and scores there, so that the next backtest need not make them again."
        ),
    ] = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a chart and the tables as one HTML file.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Run the whole loop over a recorded stream, with the project's own stages, and compare it with fixed schedules."""
    from driftd import config as settings
    from driftd.backtest.result import Backtest
    from driftd.backtest.stream_rows import parts
    from driftd.cli import output

    name, found = _project(settings.load(settings.find_file(config)), project)
    recorded = _recorded(stream, found, first_rows)
    step, rule = _seconds(pace), settings.choice(found.retrain.rows)
    with _lab(name, found, recorded, keep) as lab, _progress(quiet=as_json) as progress:
        done = Backtest(
            found,
            recorded,
            lab,
            lambda window, onset: parts(recorded, rule, step, window, onset),
            step,
            workers=os.cpu_count() or 1,
            every=tuple(every or (1,)),
            with_oracle=with_oracle,
        ).run(progress)
    if html:
        from driftd.web.report import write_backtest

        output.write_file(html, write_backtest(done))
    if as_json:
        output.say_json(done.to_json())
    else:
        show(done)


def _project(settings: Any, name: str | None) -> "tuple[str, Project]":
    projects: dict[str, Project] = settings.projects
    if name is None and len(projects) == 1:
        return next(iter(projects.items()))
    if name is None or name not in projects:
        raise UsageError(
            f"there is no project {name!r}" if name else "the settings have several projects",
            remedy=f"name one: --project {' | '.join(projects)}",
        )
    return name, projects[name]


def _recorded(stream: Path, settings: "Project", first: int | None) -> "Recorded":
    from driftd.backtest.stream import Recorded
    from driftd.detect.settings import DriftSettings
    from driftd.readers import Kind, infer, inspect, label_columns

    schema = infer([str(stream)], {name: Kind(kind) for name, kind in settings.columns.items()})
    labels = label_columns(schema, settings.labels)
    schema = schema.with_optional(labels)
    rows = inspect(str(stream), schema, max_bad_ratio=settings.intake.bad_rows).rows
    first = first or DriftSettings.of(settings).rows_to_watch
    found = Recorded(stream, schema, labels, first, settings.window.rows, rows)
    if found.windows < LEAST:
        raise DataError(
            f"{stream}: {rows} rows are {first} for the first model and {found.windows} windows of {settings.window.rows}",
            remedy="record more rows, or lower --first-rows or window.rows",
        )
    return found


def _seconds(text: str) -> float:
    from driftd.config.units import seconds

    try:
        return seconds(text)
    except ValueError as error:
        raise UsageError(f"--pace {text}: {error}", remedy="write it like 6h or 1d") from error


@contextmanager
def _lab(name: str, settings: "Project", stream: "Recorded", keep: Path | None) -> Iterator[Any]:
    from driftd.backtest.stage_models import StagesLab, place
    from driftd.backtest.worktree_pool import Benches

    with ExitStack() as stack:
        if keep:
            folder = place(keep.absolute(), settings, stream)
        else:
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="driftd-backtest-")))
        folder.mkdir(parents=True, exist_ok=True)
        benches = Benches(name, settings, folder, os.cpu_count() or 1)
        stack.callback(benches.close)
        yield StagesLab(settings, stream, benches, folder)


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """Show on a terminal how far each part is."""
    from rich.console import Console
    from rich.progress import Progress, TaskID

    console = Console(stderr=True, markup=False)
    with Progress(console=console, transient=True, disable=quiet or not console.is_terminal) as shown:
        tasks: dict[str, TaskID] = {}

        def progress(what: str, done: int, whole: int) -> None:
            if what not in tasks:
                tasks[what] = shown.add_task(what, total=whole)
            shown.update(tasks[what], completed=done)

        yield progress


def show(done: "Result") -> None:
    from driftd.cli import output

    head = ["policy", "trainings", "promoted", "score", "to driftd", "stages took"]
    mine, promoted = done.policies[0], sum(run.outcome == "promoted" for run in done.runs)
    rows: list[list[object]] = [
        [
            each.name,
            len(each.trained),
            promoted if each is mine else len(each.trained),
            f"{each.score:.4f}",
            "" if each is mine else f"{each.score - mine.score:+.4f}",
            output.duration(each.seconds),
        ]
        for each in done.policies
    ]
    output.show_table(head, rows, right=head[1:5])
    for incident in done.incidents:
        until = f"to {incident.closed}, {incident.resolution}" if incident.closed else "still open"
        output.say(f"incident at window {incident.opened} {until}: {incident.kind}: {incident.summary}")
    for run in done.runs:
        output.say(f"run after window {run.window}, {run.cause}: {run.outcome}. {run.sentence}")
    less = "; less is better" if done.better == "lower" else ""
    output.say(
        f"score: of {len(mine.windows)} windows of {done.window} rows, each scored before anything was learnt from it{less}"
    )
