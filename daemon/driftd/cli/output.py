"""How commands speak: tables that fit a terminal of 80 columns and are plain text in a pipe, or one JSON document."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from driftd.errors import OperationError
from driftd.observe.sanitize import clean, short

T = TypeVar("T")
STYLES = {
    "watching": "green",
    "promoted": "green",
    "closed": "green",
    "done": "green",
    "active": "green",
    "warning": "yellow",
    "incident": "yellow",
    "open": "yellow",
    "unresolved": "yellow",
    "waiting": "yellow",
    "approval": "yellow",
    "rolled-back": "yellow",
    "paused": "yellow",
    "unarmed": "yellow",
    "collecting": "cyan",
    "training": "cyan",
    "running": "cyan",
    "failed": "red",
    "quarantined": "red",
    "refused": "red",
}
LONGEST = 400  # characters of one cell; `--json` has the whole
MINUTE, HOUR, DAY = 60, 3600, 86400


def console() -> Console:
    """Return a console that takes every text as it is: no markup, no guesses at numbers."""
    return Console(markup=False, highlight=False, emoji=False)


def say_json(document: object) -> None:
    typer.echo(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())


def text(value: object, style: str = "") -> Text:
    return Text(short(value, LONGEST), style=style or STYLES.get(str(value), ""))


def show_table(head: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[str] = ()) -> None:
    """Print a table; `right` names the columns of numbers. The last column takes what room is left."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in head:
        last = name == head[-1]
        table.add_column(
            Text(name),
            justify="right" if name in right else "left",
            overflow="fold",
            no_wrap=not last and name in right,
        )
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else text("" if cell is None else cell) for cell in row))
    console().print(table)


def show_facts(facts: Mapping[str, object]) -> None:
    """Print names and values; what is not known is left out."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in facts.items():
        if value not in (None, "", []):
            grid.add_row(Text(name), value if isinstance(value, Text) else text(value))
    console().print(grid)


def watched(lines: Console, *, quiet: bool = False) -> Console | None:
    """Return where progress is shown: nowhere in pipes or beside `--json`, and between the lines where these are on the terminal too."""
    errors = Console(stderr=True, markup=False)
    if quiet or not errors.is_terminal:
        return None
    return lines if lines.is_terminal else errors


def busy(what: str, *, quiet: bool = False) -> AbstractContextManager[object]:
    """Show that something goes on, where a person looks at it."""
    place = watched(console(), quiet=quiet)
    return place.status(what) if place else nullcontext()


def track(
    items: Iterable[T],
    what: str,
    place: Console | None,
    *,
    total: int | None = None,
    done: Callable[[T], int | None] | None = None,
) -> Iterator[T]:
    """Yield items and show how far it is; `done` tells that of an item (None: not), otherwise each counts one."""
    if place is None:
        yield from items
        return
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    number = TextColumn("{task.completed:,.0f}" + (f" of {total:,}" if total else ""))
    bar = [BarColumn()] if total else []
    columns = (SpinnerColumn(), TextColumn("{task.description}"), *bar, number, TimeElapsedColumn())
    with Progress(*columns, console=place, transient=True) as progress:
        task = progress.add_task(what, total=total)
        for number_of, item in enumerate(items, 1):
            yield item
            if (far := done(item) if done else number_of) is not None:
                progress.update(task, completed=far)


def write_file(path: Path, content: str) -> None:
    """Write a file that a person named."""
    try:
        path.write_text(content, encoding="utf-8")
    except OSError as error:
        raise OperationError(
            f"{path} cannot be written: {error.strerror}", remedy="name a file in a folder that you may write to"
        ) from error


def say(line: str | Text) -> None:
    console().print(line if isinstance(line, Text) else Text(clean(line)), soft_wrap=True)


def ago(at: datetime | None) -> str:
    """Say how long ago something was."""
    if at is None:
        return "never"
    seconds = (datetime.now(UTC) - at).total_seconds()
    for unit, name in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
        if seconds >= unit:
            return f"{int(seconds // unit)} {name} ago"
    return f"{max(0, int(seconds))} s ago"


def clock(at: datetime) -> str:
    """Return a time as the person's clock shows it."""
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds < MINUTE:
        return f"{seconds:.1f} s"
    if seconds < HOUR:
        return f"{int(seconds // MINUTE)} min {int(seconds % MINUTE)} s"
    return f"{int(seconds // HOUR)} h {int(seconds % HOUR // MINUTE)} min"


def score(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, int | float) else ""


def between(bounds: Sequence[float] | None) -> str:
    return f"{bounds[0]:+.3f} and {bounds[1]:+.3f}" if bounds else ""


def change(before: float | None, after: float | None, better: str = "higher") -> Text:
    """Show a change, in green where it is for the better."""
    if before is None or after is None:
        return Text("")
    gain = before - after if better == "lower" else after - before
    return Text(f"{after - before:+.3f}", style="green" if gain > 0 else "red" if gain < 0 else "dim")
