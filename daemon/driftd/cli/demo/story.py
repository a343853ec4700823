"""The acts of the demo. Each does one thing, waits until the daemon has done its part, and tells what was seen."""

import gzip
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.status import Status
from rich.table import Table
from rich.text import Text

from driftd.cli import output
from driftd.cli.demo.commands import show_commands
from driftd.cli.demo.sandbox import Stage, incoming
from driftd.errors import OperationError
from driftd.observe import views
from driftd.observe.sanitize import clean
from driftd.observe.views import IncidentView, RunView, WindowView
from driftd.service.explanations import of_incident, told

BAR = 30  # characters of a bar that reaches its alarm
FEATURES = 5  # that the explanation names
LABELS = 8
WORDS = 4


def tell(stage: Stage, *, stay: bool) -> None:
    """Tell the story from the empty folder to the better model."""
    say = Teller(stage)
    say.title()
    with say.act(
        "A project", "1,500 labelled addresses from Iowa, a spaCy model that finds their parts, a DVC repository"
    ):
        stage.build(stay=stay)
        say.line(f"driftd init {stage.folder}")
    with say.act("The daemon", "starts, finds no model, and lets the project's own stages make the first one"):
        url = stage.start_daemon()
        first = say.follow(1)
        say.line(f"{first.version} is in production; status page at {url}")
    with say.act(
        "More of the same", "addresses from Iowa arrive, a file at a time, 100 rows each: nothing should happen"
    ):
        quiet = [say.window(file, number) for number, file in enumerate(incoming("iowa"), 1)]
        check(not any(alarmed(window) for window in quiet), "a quiet window raised an alarm")
        say.line(f"{len(quiet)} windows, no alarm")
    with say.act("The world changes", "now the addresses come from all over the country"):
        rest = iter(incoming("nationwide"))
        incident = until_alarm(say, rest, len(quiet) + 1)
        examples(say)
        explain(say, incident)
    with say.act("The answer", "enough rows, then: snapshot, the project's stages, both models on the same rows"):
        until_run(say, rest)
        run = say.follow(2)
        check(run.state == "promoted", f"run 2 was {run.state}: {run.sentence}")
    with say.act("Is it better?", "test rows that neither model has trained on"):
        compare(say, run)
        say.line(run.sentence or "")
    with say.act("And from here on", "the new kind is what is normal: the rest of it should raise no alarm"):
        later = [say.window(file, last_window(stage) + 1) for file in rest]
        check(not any(alarmed(window) for window in later), "the new regime raised an alarm")
        say.line(f"{len(later)} windows, no alarm")
    with say.act("Nothing of this is hidden", "git, DVC and GTO know all of it"):
        show_commands(say.console, stage, run)
    say.end(url, stay=stay)


class Teller:
    """Speaks to the terminal: what goes on moves, what is done stays."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.console = Console(highlight=False, emoji=False, markup=False)
        self.acts = 0

    def title(self) -> None:
        self.console.print(Text.assemble(("driftd demo", "bold"), "  real addresses, a real model, a real daemon"))

    @contextmanager
    def act(self, title: str, what: str) -> Iterator[None]:
        self.acts += 1
        began = time.monotonic()
        self.console.print()
        self.console.print(Text(f"{self.acts}  {title}", style="bold cyan"))
        self.console.print(Text(f"   {what}", style="dim"))
        yield
        if (took := time.monotonic() - began) >= 1:
            self.console.print(Text(f"   {output.duration(took)}", style="dim"))

    def line(self, text: str, sign: str = "✔", style: str = "green") -> None:
        self.console.print(Text.assemble((f"   {sign} ", style), clean(text)), soft_wrap=not self.console.is_terminal)

    def indented(self, table: Table) -> None:
        from rich.padding import Padding

        self.console.print(Padding(table, (0, 0, 0, 3)))

    def follow(self, number: int) -> RunView:
        """Show a run's steps until it has ended."""
        told: set[str] = set()
        with self.console.status("waiting for the run") as status:
            return self.stage.wait(partial(self._run, number, told, status), f"end of run {number}")

    def _run(self, number: int, told: set[str], status: Status) -> RunView | None:
        found = [run for run in views.runs(self.stage.journal, self.stage.project) if run.id == number]
        if not found:
            return None
        for step in found[0].steps:
            if step.seconds is not None and step.name not in told:
                told.add(step.name)
                self.line(f"{step.name:<10}{step.seconds:6.1f} s", "·", "dim")
            elif step.seconds is None:
                status.update(Text(f"{step.name}: {last_line(self.stage.layout.run(number) / 'log')}"))
        return found[0] if found[0].ended_at else None

    def window(self, file: Path, number: int) -> WindowView:
        """Drop a file, wait for its window and show what the window says."""
        self.stage.drop(file)
        with self.console.status(f"{file.name} has arrived"):
            window = self.stage.wait(partial(judged, self.stage, number), f"judgement of window {number}")
        self.console.print(picture(window, file.name))
        return window

    def end(self, url: str, *, stay: bool) -> None:
        took = output.duration(time.monotonic() - self.stage.began)
        self.console.print()
        self.console.print(Text.assemble(("Done", "bold green"), f" in {took}."))
        if not stay:
            self.console.print(
                "To look around, keep it: driftd demo --keep DIR. For a project of your own: driftd init --help"
            )
            return
        file = self.stage.settings_file
        for what in ("status", "show 2", f"history {self.stage.project}", f"rollback {self.stage.project}"):
            self.console.print(f"   driftd {what} -c {file}", soft_wrap=True)
        self.console.print(Text.assemble(("   " + url, "bold"), "  until Ctrl-C; the folder stays"))
        with suppress(KeyboardInterrupt):
            self.stage.stay()


def judged(stage: Stage, number: int) -> WindowView | None:
    last = views.windows(stage.journal, stage.project, 1)
    return last[0] if last and last[0].number >= number and last[0].state != "closed" else None


def last_window(stage: Stage) -> int:
    return views.windows(stage.journal, stage.project, 1)[0].number


def alarmed(window: WindowView) -> bool:
    return bool(window.evidence and window.evidence.alarm)


def picture(window: WindowView, file: str) -> Text:
    """Return a window as a bar on its way to an alarm."""
    said = window.evidence
    name = f"   window {window.number:>2}  {file:<24}"
    if said is None:
        return Text.assemble(name, ("collected as the new regime", "dim"))
    length = round(BAR * min(1.0, said.level))
    style = "red" if said.alarm else "yellow" if said.warn else "green"
    bar = Text.assemble(("━" * length, style), ("─" * (BAR - length), "dim"))
    return Text.assemble(name, bar, (" ALARM", "bold red") if said.alarm else f" {said.level:4.0%}")


def until_alarm(say: Teller, files: Iterator[Path], number: int) -> IncidentView:
    """Drop files until the alarm, which comes within two windows of the change."""
    for late, file in zip(range(2), files, strict=False):
        if alarmed(say.window(file, number + late)):
            return views.incidents(say.stage.journal, say.stage.project)[0]
    raise OperationError("two windows of another kind raised no alarm", remedy="see `driftd status`")


def examples(say: Teller) -> None:
    """Show rows of both kinds: nothing explains as well."""
    table = Table.grid(padding=(0, 2))
    for segment in ("iowa", "nationwide"):
        for number, text in enumerate(texts(incoming(segment)[1], 3)):
            table.add_row(Text(segment if not number else "", style="dim"), Text(text))
    say.indented(table)


def texts(file: Path, count: int) -> list[str]:
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        return [json.loads(line)["text"] for line, _ in zip(lines, range(count), strict=False)]


def explain(say: Teller, incident: IncidentView) -> None:
    """Name the features that moved most."""
    moved = [
        (column.name, statistic["name"].removesuffix(".ks"), statistic["value"], statistic["p_value"])
        for column in incident.columns
        for statistic in column.statistics
        if statistic["name"].endswith(".ks")
    ]
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("what moved", "", "distance", "p-value"):
        table.add_column(name, justify="right" if name in ("distance", "p-value") else "left")
    for column, feature, distance, p_value in sorted(moved, key=lambda row: -row[2])[:FEATURES]:
        table.add_row(column, feature.replace(".", " "), f"{distance:.2f}", f"{p_value:.0e}")
    say.indented(table)
    came_and_went(say, incident)
    say.line(f"incident {incident.id}: {incident.kind}, since window {incident.onset_window}", "!", "bold red")


def came_and_went(say: Teller, incident: IncidentView) -> None:
    """Name the words that the texts did not have before, and those that they have no more."""
    material = of_incident(say.stage.journal, say.stage.layout.state_dir, incident)
    terms = (
        [term for column in told(material) if column["name"] == "text" for term in column["terms"]] if material else []
    )
    table = Table.grid(padding=(0, 2))
    for what, rising in (("words that came", True), ("words that went", False)):
        words = [term for term in terms if (term["current"] > term["reference"]) is rising][:WORDS]
        shares = (f"{term['term']} {term['reference']:.0%} to {term['current']:.0%}" for term in words)
        table.add_row(Text(what, style="bold"), Text(", ".join(shares)))
    say.indented(table)


def until_run(say: Teller, files: Iterator[Path]) -> None:
    """Go on dropping files, as a feed would, until there are enough rows for a run."""
    while len(views.runs(say.stage.journal, say.stage.project)) == 1 and (file := next(files, None)):
        say.window(file, last_window(say.stage) + 1)


def compare(say: Teller, run: RunView) -> None:
    """Show both models side by side: in all, on each regime's rows, and on the new regime for each label."""
    decision = run.decision or {}
    regimes = decision["by_regime"]
    parts = [("all", decision["rows"]["shared"], decision)]
    parts += [
        (where, regimes[name]["rows"], regimes[name]) for name, where in (("older", "Iowa"), ("new", "nationwide"))
    ]
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("F1", "rows", run.champion or "champion", run.version or "candidate", ""):
        table.add_column(name, justify="left" if name == "F1" else "right")
    for name, rows, scores in parts:
        add(table, name, str(rows), scores)
    table.add_section()
    labels: Sequence[tuple[str, dict[str, Any]]] = sorted(
        regimes["new"]["by_label"].items(), key=lambda item: item[1]["champion"] - item[1]["candidate"]
    )
    for name, scores in labels[:LABELS]:
        add(table, f"  {name}", "", scores)
    say.indented(table)


def add(table: Table, name: str, rows: str, scores: Mapping[str, Any]) -> None:
    before, after = scores["champion"], scores["candidate"]
    table.add_row(name, rows, output.score(before), output.score(after), output.change(before, after))


def last_line(log: Path) -> str:
    """Return what a run's commands said last."""
    try:
        lines = log.read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return next((clean(line.strip())[:60] for line in reversed(lines) if line.strip()), "")


def check(holds: bool, otherwise: str) -> None:
    if not holds:
        raise OperationError(f"the demo did not go as it should: {otherwise}", remedy="please report it with the log")
