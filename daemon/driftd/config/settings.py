"""What can be set, with defaults and help. The annotated file, the JSON Schema and the docs follow from here."""

from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from driftd.config.season_calendar import Day, problems
from driftd.config.units import Budget, ChoiceOfRows, Crontab, Duration, Size

KindName = Literal["numeric", "categorical", "boolean", "datetime", "text", "vector", "entities"]
StatisticName = Literal[
    "ks",
    "rank",
    "g",
    "chi_squared",
    "cell",
    "psi",
    "jensen_shannon",
    "hellinger",
    "total_variation",
    "wasserstein",
    "cramer_von_mises",
]
ProjectName = Annotated[str, Field(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$")]


def _expanded(path: Path) -> Path:
    if "\0" in str(path):
        raise ValueError("a path has no character U+0000")
    try:
        return path.expanduser()
    except RuntimeError:
        raise ValueError(f"{path}: there is no user {path.parts[0][1:]!r} with a home folder") from None


Place = Annotated[Path, AfterValidator(_expanded)]
Whole = Annotated[int, Field(strict=True)]  # `yes` is not 1, and "5" is a text
Number = Annotated[float, Field(strict=True)]


class Section(BaseModel):
    """A part of the file: unknown keys are errors, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)


class Http(Section):
    """Status page, API and metrics."""

    listen: str = "127.0.0.1:9469"
    """Address and port that the daemon answers on; loopback only."""

    url: str | None = None
    """Address under which people reach the pages, such as that of a reverse proxy; links of webhooks and alerts begin with it."""

    token_file: Place | None = None
    """File with the bearer token of those who may ask for something, such as Alertmanager; null: nobody may."""

    @field_validator("url")
    @classmethod
    def _reachable(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError(f"{value!r} is no address of a page; write it like https://driftd.example.com")
        return value.rstrip("/")

    @field_validator("listen")
    @classmethod
    def _loopback(cls, value: str) -> str:
        host, _, port = value.rpartition(":")
        if not port.isdecimal() or int(port) > 65535:  # noqa: PLR2004  # the largest port
            raise ValueError(f"{value!r} is no address; write it like 127.0.0.1:9469")
        if host not in ("127.0.0.1", "localhost", "[::1]"):
            raise ValueError(
                f"{host!r} is not a loopback address; driftd has no login, so put a reverse proxy in front of 127.0.0.1"
            )
        return value


class Compute(Section):
    """Where heavy work is done."""

    workers: Whole = Field(2, ge=1, le=256)
    """Worker processes that read files and compute statistics; started when needed, ended after idling."""


class Log(Section):
    """What is said on stderr."""

    format: Literal["text", "json"] = "text"
    """One line an event: `key=value`, or a JSON object."""


class Source(Section):
    """Where data arrives."""

    path: Place
    """Folder that new files are moved or written into, also into sub-folders; dotfiles, `*.tmp` and `*.part` are not read."""
    after: Literal["move", "keep"] = "move"
    """`move` renames files into the folders `processed/` and `quarantine/` inside it; `keep` leaves them where they are."""
    duplicates: Literal["skip", "accept"] = "skip"
    """What happens to a file whose content was admitted before."""
    labels: Annotated[str, Field(pattern=r"^[^/.][^/]*$")] | None = None
    """Folder inside `path` whose files bring labels of rows that came before (docs/how-to/late-labels.md)."""
    labels_within: Duration | None = 90 * 86400.0
    """How long rows wait for labels that come later; null: for ever."""
    settle: Duration = 2.0
    """A file that was not moved in or closed is complete when it has not changed for this long."""
    scan_every: Duration = Field(30.0, gt=0)
    """The folder is scanned this often, and at once when the system hints at a change."""


class Intake(Section):
    """What is let in."""

    bad_rows: Number = Field(0.001, ge=0, lt=1)
    """Share of unreadable rows up to which a file is admitted without them; above, the file is quarantined."""
    volume_factor: Annotated[Number, Field(gt=1)] | None = 4.0
    """A file with this many times more or fewer rows than the files before it is broken data; null: a file may have any number."""


class Window(Section):
    """The unit of evidence."""

    rows: Whole = Field(500, ge=10)
    """Rows of a window."""
    max_age: Duration | None = 86400.0
    """A window that has waited this long for more rows is closed with what it has; null: never."""


class Reference(Section):
    """What windows are tested against."""

    rows: Whole = Field(10_000, ge=50)
    """A young reference grows with windows that are in control up to this many rows."""


class Score(Section):
    """Where the data bring the predictions of the model in production along."""

    label: str
    """Column with the truth; it may come later."""
    prediction: str
    """Column with what the model said."""


class Scorer(Section):
    """What scores the model in production on labelled rows as they arrive: exactly one of command and stages."""

    command: tuple[str, ...] | None = None
    """A program and its arguments, run in the project at the model's own commit; it reads the rows in `{rows}` and writes a result for each into `{results}`."""
    stages: tuple[str, ...] | None = None
    """Stages that are run there with the rows as the dataset; `promote.per_row` is their result."""
    against: Literal["accepted", "later"] = "accepted"
    """What the losses of a model that a run made are held against: those that it was `accepted` with, or those of the first two windows `later`, for rows that resemble their neighbours in time."""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if bool(self.command) == bool(self.stages):
            raise ValueError("a scorer is either a command or stages")
        for place in ("{rows}", "{results}") if self.command else ():
            if not any(place in word for word in self.command or ()):
                raise ValueError(f"the command has no {place}: where the file is that it reads or writes")
        return self

    def words(self, rows: Path, results: Path) -> list[str]:
        """Return the command for these files."""
        return [word.replace("{rows}", str(rows)).replace("{results}", str(results)) for word in self.command or ()]


class Season(Section):
    """Days of every year that people know to be different; the last one may come before the first, over the new year."""

    name: ProjectName
    """What it is called; last season's rows are found by it."""
    from_: Day = Field(alias="from")
    """Its first day, in UTC: `12-01`."""
    to: Day
    """Its last day: `12-31`."""


class Drift(Section):
    """When a change is a drift."""

    false_alarms: Budget = 5000.0
    """Budget for the whole project, all columns and kinds of evidence together: `1 per 5000 windows`."""
    min_effect: Number = Field(0.02, ge=0, le=1)
    """Shifts with a smaller effect (K-S distance, total variation) are not worth an incident."""
    ignore: tuple[str, ...] = ()
    """Columns that are never tested, such as ids and time stamps."""
    score: Score | None = None
    """`{label: approved, prediction: predicted}`: where these columns come with the data, a rise of the model's errors is an alarm."""
    scorer: Scorer | None = None
    """`{command: [python, score.py, "{rows}", "{results}"]}`: scores the model on labelled rows as they arrive; a rise of its errors is an alarm (docs/how-to/score-decay.md)."""
    columns: dict[str, dict[StatisticName, Annotated[Number, Field(gt=0)]]] = Field(default_factory=dict)
    """Fixed thresholds of a column or of a part of it: a window in which a statistic reaches one is an alarm, whatever the evidence."""
    seasons: tuple[Season, ...] = ()
    """`[{name: christmas, from: 12-01, to: 12-31}]`: windows of these days are held against those of the year before (docs/how-to/seasons.md)."""

    @field_validator("seasons")
    @classmethod
    def _apart(cls, value: tuple[Season, ...]) -> tuple[Season, ...]:
        if found := list(problems(value)):
            raise ValueError("; ".join(found))
        return value


class StageEnvironment(Section):
    """What stages see of the outside. Everything else is clean."""

    path: tuple[Place, ...] = ()
    """Folders put before PATH, such as the `bin` of the project's own virtual environment."""
    pass_: tuple[str, ...] = Field((), alias="pass")
    """Variables that are handed on, such as AWS_PROFILE."""


class Retrain(Section):
    """How a candidate is made."""

    base: str | None = None
    """Branch whose code is run; null: the branch that the repository's HEAD names."""
    dataset: str = "data"
    """The DVC-tracked folder or file that batches are added to, relative to the repository."""
    model: str = "model"
    """The DVC-tracked output that is served, relative to the repository."""
    rows: ChoiceOfRows = "all"
    """Which rows a candidate is made of: `all`, `last 20000 rows`, `last 30d`, or `regime + 20%` (docs/how-to/choose-rows.md)."""
    min_rows: Whole = Field(200, ge=1)
    """Rows of the new regime that a run waits for."""
    min_labels: Annotated[Whole, Field(ge=1)] | None = None
    """Labelled rows of the new regime that a run waits for, where the project has labels; null: as many as `min_rows`."""
    to_label: Whole = Field(500, ge=0, le=5000)
    """Rows most worth a label that are written to `to_label.jsonl` while a run waits for labels (docs/how-to/late-labels.md); 0: none."""
    schedule: Crontab | None = None
    """When to train whatever the data say, as five crontab fields in UTC: `0 3 * * sun`; not without new rows."""
    max_age: Annotated[Duration, Field(gt=0)] | None = None
    """Train when the last training is this long ago, and new rows are there."""
    every_rows: Annotated[Whole, Field(ge=1)] | None = None
    """Train when so many rows have come since the last training."""
    on_base: Annotated[bool, Field(strict=True)] = False
    """Train when the base has other commits than at the last run."""
    cooldown: Duration = 6 * 3600.0
    """Time between the end of a run and the start of the next."""
    max_per_day: Whole = Field(4, ge=1)
    """Runs in any 24 hours."""
    timeout: Duration = Field(2 * 3600.0, gt=0)
    """Time limit of one `dvc repro`."""
    memory: Annotated[Size, Field(gt=0)] | None = None
    """Memory that the processes of one `dvc repro` may hold together; null: what the machine has."""
    nice: Whole = Field(5, ge=0, le=19)
    """How far stages stand back for other processes, added to the daemon's own niceness."""
    free_disk: Size = 1e9
    """Free space below which no run starts, and one that has started is ended."""
    env: StageEnvironment = StageEnvironment()
    """The stages' environment."""


class Guard(Section):
    """A metric that must not fall by much, whatever else is gained."""

    metric: str
    """File and name with `*` as a wildcard: `scores.json:*.f`."""
    max_drop: Number = Field(ge=0)
    """The largest drop (or rise, where lower is better) from champion to candidate on the same rows."""
    better: Literal["higher", "lower"] = "higher"
    """Which way of the metric is the better one."""


class Probation(Section):
    """How long a new champion is held against the one that it replaced."""

    rows: Whole = Field(1000, ge=100)
    """Labelled rows after the promotion on which both are scored."""
    max_age: Duration = Field(30 * 86400.0, gt=0)
    """Time after which it ends, however many rows have come."""


class Promote(Section):
    """When a candidate replaces the champion."""

    metric: str = "scores.json:ents_f"
    """File and name of the metric that decides."""
    better: Literal["higher", "lower"] = "higher"
    """Which way of the metric is the better one: `lower` for errors and losses."""
    min_gain: Number = 0.0
    """The gain must exceed this, with `confidence`."""
    confidence: Number = Field(0.95, gt=0.5, lt=1)
    """Confidence that none of the candidates that are held against one champion replaces it without being better (docs/promotion.md)."""
    per_row: str | None = None
    """File of per-row results of the evaluate stage; without it the plain difference decides."""
    split: Literal["content_hash", "project"] = "content_hash"
    """How the project tells test rows: by row identity, so never trained on by any version, or in a way of its own."""
    score_stages: tuple[str, ...] = ("preprocess", "evaluate")
    """Stages that rerun to score the champion on the candidate's test rows; never the one that trains."""
    guards: tuple[Guard, ...] = ()
    """Conditions that every promotion meets."""
    recall_max_drop: Number = Field(0.01, ge=0)
    """How much worse than the champion the model of a regime that has come back may score on its rows (docs/promotion.md)."""
    probation: Probation | None = Probation()
    """How many labelled rows, for how long, a new champion is held against the one before; null: never. It takes `per_row`."""
    approval: Literal["auto", "manual"] | None = None
    """`manual` waits for `driftd approve`; null: auto, but manual with `split: project`."""
    keep_models: Whole = Field(3, ge=1)
    """Served copies that are kept for rollback."""

    @field_validator("metric")
    @classmethod
    def _file_and_name(cls, value: str) -> str:
        file, _, name = value.partition(":")
        if not file or not name:
            raise ValueError(f"{value!r} names no metric; write it like scores.json:ents_f")
        return value


class MlflowAlias(Section):
    """An alias in an MLflow model registry that names the version in production."""

    registry: str
    """Tracking URI of the registry."""
    model: str
    """Name of the registered model; made where there is none."""
    alias: str = "champion"
    """The alias that is moved."""
    source: str | None = None
    """Where the registry finds the model's files, with `{version}`; null: the served copy."""


class Hook(Section):
    """One thing to do after a promotion or rollback: exactly one of command, webhook, dvc_push, git_push and mlflow."""

    command: tuple[str, ...] | None = None
    """A program and its arguments, started in the repository."""
    webhook: str | None = None
    """An http or https address that a CloudEvent is posted to."""
    secret: str | None = None
    """File with the key that signs the webhook, or `credential:NAME` of the service."""
    dvc_push: str | None = None
    """DVC remote that data and model are pushed to."""
    git_push: str | None = None
    """Git remote that driftd's branch and tags are pushed to."""
    mlflow: MlflowAlias | None = None
    """Alias in an MLflow registry."""
    timeout: Duration = Field(600.0, gt=0)
    """Time limit of one attempt."""
    attempts: Whole = Field(8, ge=1)
    """Attempts before it is given up."""

    @property
    def kind(self) -> str:
        return next(name for name in HOOKS if getattr(self, name) is not None)

    @property
    def title(self) -> str:
        """What it is called where people see it; an address is shown without its path, which may be a secret."""
        if self.webhook:
            return urlsplit(self.webhook).hostname or self.webhook
        if self.mlflow:
            return f"{self.mlflow.model}@{self.mlflow.alias}"
        return self.dvc_push or self.git_push or " ".join(self.command or ())

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        given = [name for name in HOOKS if getattr(self, name) is not None]
        if len(given) != 1 or self.command == ():
            raise ValueError(f"a hook is exactly one of {', '.join(HOOKS)}; here it is {' and '.join(given) or 'none'}")
        if self.webhook and (
            urlsplit(self.webhook).scheme not in ("http", "https") or not urlsplit(self.webhook).hostname
        ):
            raise ValueError(f"{self.webhook!r} is no address of a webhook; write it like https://deploy.example/hook")
        if self.secret and not self.webhook:
            raise ValueError("only a webhook has a secret")
        return self


HOOKS = ("command", "webhook", "dvc_push", "git_push", "mlflow")


class Retention(Section):
    """What `driftd gc` leaves of the past, beside models and what people have."""

    runs: Whole = Field(100, ge=0)
    """Runs without a model whose logs and per-row results stay, the newest first."""
    events: Duration = 90 * 86400.0
    """How long events stay that every subscriber has heard."""


class Project(Section):
    """One DVC repository, one source of incoming data, and their settings."""

    repository: Place
    """The git + DVC repository."""
    source: Source
    """Where its data arrives."""
    columns: dict[str, KindName] = Field(default_factory=dict)
    """Kinds of columns where the inferred ones are wrong."""
    labels: tuple[str, ...] = ()
    """Columns that are labels: not part of a row's identity. Entities always are."""
    key: str | None = None
    """Column that names a row, by which the files in `source.labels` are joined; null: by all that is no label."""
    intake: Intake = Intake()
    """What is let in."""
    window: Window = Window()
    """The unit of evidence."""
    reference: Reference = Reference()
    """What windows are tested against."""
    drift: Drift = Drift()
    """When a change is a drift."""
    retrain: Retrain = Retrain()
    """How a candidate is made."""
    promote: Promote = Promote()
    """When a candidate replaces the champion."""
    hooks: tuple[Hook, ...] = ()
    """What is done after a promotion or rollback, in order (docs/how-to/hooks.md)."""
    retention: Retention = Retention()
    """What `driftd gc` leaves of the past."""

    @model_validator(mode="after")
    def _scorer_fits(self) -> Self:
        scorer = self.drift.scorer
        if scorer and self.drift.score:
            raise ValueError("drift.score and drift.scorer both tell of the model's errors; set one of them")
        if scorer and scorer.stages and not self.promote.per_row:
            raise ValueError("drift.scorer.stages needs promote.per_row, the file that the stages write")
        return self


class Settings(Section):
    """The whole file."""

    state_dir: Place = Path("/var/lib/driftd")
    """Where the journal, profiles and served models live; on a local disk."""
    http: Http = Http()
    """Status page, API and metrics."""
    compute: Compute = Compute()
    """Where heavy work is done."""
    log: Log = Log()
    """What is said on stderr."""
    projects: dict[ProjectName, Project] = Field(min_length=1, json_schema_extra={"additionalProperties": False})
    """The projects, by name."""
