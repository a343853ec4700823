"""`driftd replay`: what detection would have said about a recorded stream."""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from driftd.cli.options import (
    Ignore,
    Prediction,
    Seasons,
    Threshold,
    Timestamp,
    Truth,
    calendar,
    score,
    thresholds,
    watched,
)
from driftd.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa
    from rich.console import Console

    from driftd.detect.offline.season_replay import Calendar
    from driftd.detect.offline.tuning import Tried
    from driftd.detect.settings import DriftSettings
    from driftd.readers import Schema

ROWS_SHOWN = 4  # alarms whose rows a table of settings names


class Reset(StrEnum):
    """What the next reference is after an alarm."""

    ROWS = "rows"
    DAEMON = "daemon"


def register(app: typer.Typer) -> None:
    app.command("replay")(replay)


def replay(
    stream: Annotated[Path, typer.Argument(help="File with the recorded rows, in order of time.")],
    reference_rows: Annotated[int, typer.Option(min=1, help="Rows at the start that are the first reference.")],
    batch_rows: Annotated[int, typer.Option(min=1, help="Rows of a window.")],
    reset: Annotated[
        Reset, typer.Option(help="After an alarm: the next rows, or what the daemon does.")
    ] = Reset.DAEMON,
    false_alarms: Annotated[float, typer.Option(min=1, help="Budget: windows to a false alarm.")] = 5000.0,
    min_effect: Annotated[float, typer.Option(min=0, max=1, help="Smaller shifts are no drift.")] = 0.02,
    ignore: Ignore = None,
    threshold: Threshold = None,
    label: Truth = None,
    prediction: Prediction = None,
    season: Seasons = None,
    timestamp: Timestamp = None,
    tune: Annotated[bool, typer.Option("--tune", help="Try several budgets and floors, and compare them.")] = False,
    change: Annotated[
        list[int] | None, typer.Option(help="With --tune: a row at which the stream is known to change; repeatable.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a window, or a setting.")] = False,
) -> None:
    """Back-test detection on a recorded stream; no line depends on later rows."""
    from driftd.cli import output
    from driftd.detect.settings import DriftSettings

    settings = DriftSettings(
        batch_rows,
        max(DriftSettings().reference_rows, reference_rows),
        false_alarms,
        min_effect,
        tuple(ignore or ()),
        thresholds(threshold),
        score(label, prediction),
    )
    seasons = calendar(season, timestamp)
    if seasons and reset is Reset.ROWS:
        raise UsageError("--season is for --reset daemon", remedy="leave --reset out")
    console = output.console()
    place = output.watched(console, quiet=as_json)
    if tune:
        from driftd.detect.offline.tuning import BUDGETS, FLOORS
        from driftd.detect.offline.tuning import tune as try_all

        tried = try_all(lambda each: judge(stream, each, reference_rows, reset, seasons), settings, change or ())
        tried = output.track(tried, "settings tried", place, total=len(BUDGETS) * len(FLOORS))
        say_json(each.to_json() for each in tried) if as_json else show_tried(tried, known=len(change or ()))
        return
    lines = judge(stream, settings, reference_rows, reset, seasons)
    lines = output.track(lines, "rows judged", place, done=lambda line: line.get("row_end"))
    say_json(lines) if as_json else show(lines, console)


def say_json(lines: Iterable[dict[str, Any]]) -> None:
    import msgspec

    for line in lines:
        typer.echo(msgspec.json.encode(line).decode())


def judge(
    stream: Path, settings: "DriftSettings", reference_rows: int, reset: Reset, seasons: "Calendar | None" = None
) -> Iterator[dict[str, Any]]:
    from driftd.concurrency import prefetched
    from driftd.detect.offline.replay import replay_daemon, replay_rows
    from driftd.readers import Span, read, read_spans

    schema = watched(stream, settings)
    columns = schema.columns
    if seasons is not None:
        columns = tuple(column for column in columns if column.name != seasons.column)
        schema = timed(stream, schema, seasons.column)
    batches = (batch.rows for batch in prefetched(read(str(stream), schema)))
    if reset is Reset.ROWS:
        return replay_rows(batches, schema.columns, settings, reference_rows=reference_rows)

    def again(first: int, rows: int) -> Iterator["pa.RecordBatch"]:
        return read_spans([Span(str(stream), first, rows)], schema)

    return replay_daemon(batches, columns, settings, reference_rows=reference_rows, again=again, calendar=seasons)


def timed(stream: Path, schema: "Schema", name: str) -> "Schema":
    """Return a schema with the column of times in it."""
    from driftd.readers import Kind, infer

    whole = infer([str(stream)])
    found = next((column for column in whole.columns if column.name == name), None)
    if found is None or found.kind is not Kind.DATETIME:
        what = f"is {found.kind}, no time" if found else "is not in the stream"
        raise UsageError(f"--timestamp {name}: this column {what}")
    return whole.subset([*schema.names, name])


def show(lines: Iterable[dict[str, Any]], console: "Console") -> None:
    from rich.text import Text

    from driftd.observe.sanitize import clean

    windows = unarmed = alarms = 0
    for line in lines:
        if "incident" in line:
            console.print(f"  incident {line['incident']}: {told(line)}")
            continue
        if "turn" in line:
            console.print(f"  row {line['row']}: {turned(line)}")
            continue
        windows += 1
        unarmed += not line["armed"]
        alarms += line["drift"]
        if said := alarm(line):
            what, style, why = said
            console.print(Text.assemble(f"row {line['row_end']}: ", (what, f"bold {style}"), f" {clean(why)}"))
    console.print(f"{windows} windows, {alarms} alarms, {unarmed} windows not judged")


def alarm(line: dict[str, Any]) -> tuple[str, str, str] | None:
    """Return what a window raised, its colour, and why."""
    if line["drift"]:
        moved = ", ".join(f"{c['name']} {c['effect']:.2f}" for c in line["columns"] if c["drift"])
        return "drift", "red", f"in {moved}; evidence {line['evidence']:.3g}"
    if (decay := line.get("decay")) and decay["alarm"]:
        return "the model's loss rose", "red", f"from {decay['before']:.3f} to {decay['now']:.3f}"
    return ("broken data", "yellow", "; ".join(line["problems"])) if line["quality"] else None


def turned(line: dict[str, Any]) -> str:
    """Say what a season's begin or end changes."""
    name = f"{line['season']} of {line['year']}"
    if line["turn"] == "end":
        return f"{name} has ended; " + (
            "its rows are kept for the next time" if line["kept"] else "its rows are too few to keep"
        )
    against = f"that of {line['against']}" if line["against"] else "the usual reference, as nothing of it is kept yet"
    return f"{name} has begun, held against {against}"


def told(incident: dict[str, Any]) -> str:
    """Say what an incident was."""
    if incident["regime"] is not None:
        return f"recurring, regime {incident['regime']} has come back, since row {incident['onset_row']}"
    return f"{incident['pattern']}, since row {incident['onset_row']}"


def show_tried(tried: Iterable["Tried"], known: int) -> None:
    """Print a table of settings; the changes that they found only where some are known."""
    from driftd.cli import output

    done = list(tried)
    head = ["floor", "budget", *(["found", "delay", "others"] if known else []), "alarms", "at row"]
    rows: list[list[object]] = []
    for each in done:
        delay = "-" if each.delay is None else f"{each.delay:g}"
        found: list[object] = [f"{each.found} of {known}", delay, each.others] if known else []
        more = ", ..." if len(each.alarms) > ROWS_SHOWN else ""
        at = ", ".join(map(str, each.alarms[:ROWS_SHOWN])) + more
        rows.append([each.min_effect, f"1 per {each.false_alarms:.0f}", *found, len(each.alarms), at])
    output.show_table(head, rows, right=head[:-1])
    judged = max(each.windows for each in done)
    output.say(f"floor: drift.min_effect; budget: drift.false_alarms, in windows; {judged} windows were judged")
