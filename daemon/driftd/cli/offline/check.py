"""`driftd check`: has one file drifted from another?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from driftd.cli.options import Ignore, Threshold, thresholds, watched
from driftd.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyarrow import RecordBatch

    from driftd.detect.offline.two_sample import Check
    from driftd.detect.settings import DriftSettings


def register(app: typer.Typer) -> None:
    app.command("check")(check)


def check(
    reference: Annotated[Path, typer.Argument(help="File with the rows that are accepted.")],
    current: Annotated[Path, typer.Argument(help="File with the rows to judge.")],
    alpha: Annotated[float, typer.Option(min=0, max=1, help="Family-wise level over all columns and tests.")] = 0.001,
    min_effect: Annotated[float, typer.Option(min=0, max=1, help="Smaller shifts are no drift.")] = 0.02,
    ignore: Ignore = None,
    threshold: Threshold = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a report that explains the answer, as one HTML file.")
    ] = None,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="End with 1 if there is drift.")] = False,
) -> None:
    """Compare the rows of two files: which columns moved, how much, and how sure that is."""
    from driftd.cli import output
    from driftd.detect.settings import DriftSettings

    settings = DriftSettings(min_effect=min_effect, ignore=tuple(ignore or ()), thresholds=thresholds(threshold))
    with output.busy("comparing", quiet=as_json):
        found = compare(reference, current, alpha, settings)
        report = _report(reference, current, settings, found) if html else ""
    if html:
        output.write_file(html, report)
    if as_json:
        import msgspec

        typer.echo(msgspec.json.encode(found.to_json()).decode())
    else:
        show(found.to_json())
    if exit_code and found.drift:
        raise typer.Exit(ExitCode.DRIFT)


def compare(reference: Path, current: Path, alpha: float, settings: "DriftSettings") -> "Check":
    from driftd.detect.offline.two_sample import check as compare_rows
    from driftd.readers import read

    schema = watched(reference, settings)
    return compare_rows(
        lambda: (batch.rows for batch in read(str(reference), schema)),
        (batch.rows for batch in read(str(current), schema)),
        schema.columns,
        settings,
        alpha,
    )


def _report(reference: Path, current: Path, settings: "DriftSettings", found: "Check") -> str:
    from driftd.detect.explanation.distributions import common_layout, explain
    from driftd.detect.explanation.term_changes import MOST, changed_terms
    from driftd.profile import Profile, systematic
    from driftd.readers import read
    from driftd.web.report import write_report

    schema = watched(reference, settings)

    def rows(file: Path) -> "Iterator[RecordBatch]":
        return (batch.rows for batch in read(str(file), schema))

    samples = [sample for file in (reference, current) if (sample := systematic(rows(file))) is not None]
    layout = common_layout(samples, schema.columns)
    before, now = Profile.of_reference(layout, lambda: rows(reference)), Profile.of(layout, rows(current))
    evenly = [[] if (few := systematic(rows(file), MOST)) is None else [few] for file in (reference, current)]
    terms = changed_terms(schema.columns, *evenly)
    explained = explain(layout, before, now, found.columns, terms)
    return write_report(check=found, explained=explained, names=(reference.name, current.name))


def show(said: dict[str, Any]) -> None:
    from rich.text import Text

    from driftd.cli import output

    rows = []
    for column in sorted(said["columns"], key=lambda each: (not each["drift"], -each["effect"])):
        tested = [each for each in column["statistics"] if each["p_value"] is not None]
        best = min(tested, key=lambda each: each["p_value"], default=None)
        why = f"{best['name']} {best['value']:.3g}, p {best['p_value']:.2g}" if best else "not tested"
        mark = output.text("yes", "bold red") if column["drift"] else "no"
        rows.append((column["name"], column["kind"], mark, f"{column['effect']:.3f}", why))
    output.show_table(("column", "kind", "drift", "effect", "strongest evidence"), rows, right=("effect",))
    for note in (*said["problems"], *said["notes"]):
        output.say(output.text(f"  {note}", "dim"))
    word = ("drift", "bold red") if said["drift"] else ("no drift", "")
    held = said["rows"]
    output.say(
        Text.assemble(word, f": p {said['p_value']:.2g} over all, {held['current']} rows against {held['reference']}")
    )
