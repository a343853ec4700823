"""Options and arguments that several commands share."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from driftd.errors import DriftdError, UsageError

if TYPE_CHECKING:
    from driftd.detect.offline.season_replay import Calendar
    from driftd.detect.settings import DriftSettings
    from driftd.readers import Schema


def complete_project(ctx: typer.Context, incomplete: str) -> list[str]:
    """Offer the names of the settings' projects to the shell."""
    from driftd import config

    try:
        settings = config.load(config.find_file(ctx.params.get("config")))
    except DriftdError:
        return []
    return [name for name in settings.projects if name.startswith(incomplete)]


def complete_model(ctx: typer.Context, incomplete: str) -> list[str]:
    """Offer the models that the journal knows, as PROJECT@v2.0.0."""
    from driftd.cli.state import looking
    from driftd.journal import tables

    try:
        with looking(ctx.params.get("config")) as state:
            names = [f"{model.project}@{model.version}" for model in tables.models.all(state.journal, order="id DESC")]
    except DriftdError:
        return []
    return [name for name in names if name.startswith(incomplete)]


Config = Annotated[
    Path | None,
    typer.Option(
        "-c",
        "--config",
        metavar="FILE",
        readable=False,  # reading it says why not, and ends with the exit code of invalid settings
        help="Settings; or $DRIFTD_CONFIG, ./driftd.yaml, /etc/driftd/driftd.yaml.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
Project = Annotated[str, typer.Argument(metavar="PROJECT", autocompletion=complete_project, help="Name of a project.")]
AnyProject = Annotated[
    str | None,
    typer.Argument(metavar="[PROJECT]", autocompletion=complete_project, help="Name of a project; all if left out."),
]
Limit = Annotated[int, typer.Option("-n", "--limit", min=1, max=10_000, help="How many, the newest first.")]
Wait = Annotated[bool, typer.Option(help="Wait for the daemon's answer.")]
Ignore = Annotated[list[str] | None, typer.Option(metavar="COLUMN", help="Column to leave out; may be given again.")]
Threshold = Annotated[
    list[str] | None,
    typer.Option(
        metavar="COLUMN.STATISTIC=VALUE",
        help="Fixed threshold, such as text.length.psi=0.2, from which a column drifts; may be given again.",
    ),
]
Seasons = Annotated[
    list[str] | None,
    typer.Option(
        "--season",
        metavar="NAME=FROM..TO",
        help="With --timestamp: a season as in drift.seasons, such as christmas=12-01..12-31; may be given again.",
    ),
]
Timestamp = Annotated[
    str | None,
    typer.Option(metavar="COLUMN", help="With --season: the column with the time of a row; it is not tested."),
]
Truth = Annotated[
    str | None, typer.Option("--label", metavar="COLUMN", help="With --prediction: the column with the truth.")
]
Prediction = Annotated[
    str | None, typer.Option(metavar="COLUMN", help="With --label: what a model said; its errors are judged, too.")
]


def score(label: str | None, prediction: str | None) -> tuple[str, str] | None:
    """Return the columns of which losses are made; one of them alone is a wrong usage."""
    if label and prediction:
        return label, prediction
    if label or prediction:
        raise UsageError("--label and --prediction belong together", remedy="give both, or none")
    return None


def calendar(words: list[str] | None, column: str | None) -> "Calendar | None":
    """Return the seasons of `--season`, with the column that tells when a row came."""
    if not words and not column:
        return None
    if not words or not column:
        raise UsageError("--season and --timestamp belong together", remedy="give both, or none")
    from pydantic import ValidationError

    from driftd.config.settings import Drift
    from driftd.config.validation_messages import words as said
    from driftd.detect.offline.season_replay import Calendar

    parts = [(name, *span.partition("..")) for name, _, span in (word.partition("=") for word in words)]
    try:
        drift = Drift.model_validate(
            {"seasons": [{"name": name, "from": first, "to": last} for name, first, _, last in parts]}
        )
    except ValidationError as error:
        why = "; ".join(said(problem) for problem in error.errors(include_url=False))
        raise UsageError(f"--season: {why}", remedy="write it like christmas=12-01..12-31") from error
    return Calendar(drift.seasons, column)


def thresholds(words: list[str] | None) -> dict[str, dict[str, float]]:
    """Return the thresholds of `--threshold` by column and statistic."""
    from driftd.stats import STATISTICS

    found: dict[str, dict[str, float]] = {}
    for word in words or ():
        place, _, value = word.rpartition("=")
        column, _, name = place.rpartition(".")
        try:
            number = float(value)
        except ValueError:
            number = 0.0
        if not column or not number > 0:
            raise UsageError(f"--threshold {word}: this is no threshold", remedy="write it like text.length.psi=0.2")
        if name not in STATISTICS:
            raise UsageError(
                f"--threshold {word}: there is no statistic {name!r}",
                remedy=f"the statistics are: {', '.join(STATISTICS)}",
            )
        found.setdefault(column, {})[name] = number
    return found


def watched(file: Path, settings: "DriftSettings") -> "Schema":
    """Return the schema of a file without the ignored columns; a name that means nothing there is a wrong usage."""
    from driftd.detect.column_settings import misfits
    from driftd.detect.tasks.worker import watched_schema
    from driftd.readers import infer

    schema = infer([str(file)])
    options = {"ignore": "--ignore", "columns": "--threshold"}
    if wrong := [f"{options[name]}: {why}" for name, why in misfits(settings, schema.columns)]:
        raise UsageError("\n".join(wrong))
    return watched_schema(schema, settings)
