"""`driftd replay`: what detection would have said about a recorded stream."""

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from driftd.cli.options import Ignore, Threshold, thresholds, watched

if TYPE_CHECKING:
    from driftd.detect.settings import DriftSettings


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
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a window.")] = False,
) -> None:
    """Back-test detection on a recorded stream; no line depends on later rows."""
    from driftd.detect.settings import DriftSettings

    grown = max(DriftSettings().reference_rows, reference_rows)
    settings = DriftSettings(batch_rows, grown, false_alarms, min_effect, tuple(ignore or ()), thresholds(threshold))
    lines = judge(stream, settings, reference_rows, reset)
    if as_json:
        import msgspec

        for line in lines:
            typer.echo(msgspec.json.encode(line).decode())
    else:
        show(lines)


def judge(stream: Path, settings: "DriftSettings", reference_rows: int, reset: Reset) -> Iterator[dict[str, Any]]:
    from driftd.detect.replay import replay_daemon, replay_rows
    from driftd.readers import read

    schema = watched(stream, settings)
    batches = (batch.rows for batch in read(str(stream), schema))
    way = replay_rows if reset is Reset.ROWS else replay_daemon
    return way(batches, schema.columns, settings, reference_rows=reference_rows)


def show(lines: Iterator[dict[str, Any]]) -> None:
    from rich.console import Console

    console = Console()
    windows = unarmed = alarms = 0
    for line in lines:
        windows += 1
        unarmed += not line["armed"]
        alarms += line["drift"]
        if line["drift"]:
            moved = ", ".join(f"{c['name']} {c['effect']:.2f}" for c in line["columns"] if c["drift"])
            console.print(f"row {line['row_end']}: [bold red]drift[/] in {moved}; evidence {line['evidence']:.3g}")
        elif line["quality"]:
            console.print(f"row {line['row_end']}: [bold yellow]broken data[/]: {'; '.join(line['problems'])}")
    console.print(f"{windows} windows, {alarms} alarms, {unarmed} windows not judged")
