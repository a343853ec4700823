"""What the journal's rows are, as immutable records."""

from enum import StrEnum
from typing import Any

import msgspec


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A row of one table; each field is a column. Columns that are not plain values hold JSON."""


class ProjectState(StrEnum):
    NEW = "new"  # no champion and no reference yet
    ACTIVE = "active"
    PAUSED = "paused"


class ProjectRow(Record, frozen=True, kw_only=True):
    """What driftd knows of a project beside its settings."""

    name: str
    state: ProjectState
    columns: list[dict[str, Any]] | None  # the schema of its rows, as readers.Schema.to_json
    reference_id: int | None  # what the next window is judged against; None while a new regime is collected
    detail: dict[str, Any]


class FileState(StrEnum):
    ARRIVED = "arrived"  # has its number; the move or the inspection may not have happened
    ADMITTED = "admitted"  # its rows count
    EMPTY = "empty"  # whole and readable, without a row
    LABELS = "labels"  # its rows came before, and it brings their labels
    DUPLICATE = "duplicate"  # its content was admitted before
    QUARANTINED = "quarantined"
    DROPPED = (
        "dropped"  # its rows will never count: a person said so, or it changed or vanished first; `reason` says which
    )


class File(Record, frozen=True, kw_only=True):
    """One arrived object; `id` is its admission number."""

    id: int
    project: str
    name: str  # as shown: what is not UTF-8 is escaped
    location: bytes  # where it is now, as the system spells it
    sha256: str
    size: int
    mtime_ns: int
    state: FileState
    rows: int  # good rows
    bad_rows: int
    windowed: int  # how many of its rows stand in closed windows
    reason: str | None
    remedy: str | None
    arrived_at: float
    admitted_at: float | None
    unlabelled: int | None  # rows that came without a label; None while it may be a file that brings labels
    labels: str | None  # file name in labels/ of labels that came later
    came_at: float  # when it lay in the source, as far as is known: what seasons go by


class Ignored(Record, frozen=True, kw_only=True):
    """Something in a source folder that is no file of data; here while it lies there."""

    project: str
    location: bytes
    name: str
    reason: str
    remedy: str | None
    since: float


class Reference(Record, frozen=True, kw_only=True):
    """What windows are tested against."""

    id: int
    project: str
    profile: str  # file name in references/
    rows: int
    made_of: dict[str, Any]  # {"dataset": revision} or {"windows": [first, last]}
    first_window: int | None
    armed: bool
    reason: str | None
    created_at: float


class WindowState(StrEnum):
    CLOSED = "closed"  # to be judged
    JUDGED = "judged"
    COLLECTED = "collected"  # part of a new regime that is not watched yet
    HELD = "held"  # its data are broken: in no dataset and no reference, until a person says that they are right


class Window(Record, frozen=True, kw_only=True):
    """Consecutive admitted rows; `spans` lists [file id, first row, rows]."""

    id: int
    project: str
    number: int  # from 1, without gaps
    spans: list[tuple[int, int, int]]
    rows: int
    closed_at: float
    closed_by: str  # "rows", "age" or "season"
    state: WindowState
    reference_id: int | None
    profile: str | None  # file name in windows/
    detector: bytes | None  # the detector's state after this window
    verdict: dict[str, Any] | None
    evidence: float | None
    judged_at: float | None
    batch: str | None  # the batch that brought its rows into the dataset of a champion
    labelled: int | None  # how many of its rows have a label; None where nobody has counted


class Season(Record, frozen=True, kw_only=True):
    """One time that a named season came: from a window to a window."""

    id: int
    project: str
    name: str
    year: int  # in which it began
    first_window: int
    last_window: int | None  # None while it goes on
    usual_id: int | None  # the reference outside of it; None where a new regime is collected
    reference_id: int | None  # what its windows are held against: left the last time; None the first time
    left_id: int | None  # what its own windows leave
    reason: str | None  # why they leave nothing
    before_id: int | None  # the champion when it began
    champion_id: int | None  # the champion when it ended
    began_at: float
    ended_at: float | None


class IncidentState(StrEnum):
    OPEN = "open"  # waits for rows, a gate or a run
    RUNNING = "running"
    UNRESOLVED = "unresolved"  # a candidate was kept out; retried when `retry_rows` are there
    CLOSED = "closed"


class Incident(Record, frozen=True, kw_only=True):
    id: int
    project: str
    kind: str  # drift, label-drift, score, schema, quality, request
    state: IncidentState
    summary: str
    detail: dict[str, Any]
    window: int | None
    onset_window: int | None
    reference_id: int | None  # what the windows had left
    retry_rows: int | None
    resolution: str | None  # promotion, recovery, person
    opened_at: float
    closed_at: float | None


class RunState(StrEnum):
    RUNNING = "running"
    WAITING = "waiting"  # for a person's approval
    PROMOTED = "promoted"
    KEPT = "kept"  # the champion was kept
    ROLLED_BACK = "rolled-back"  # the champion failed its probation
    FAILED = "failed"
    STOPPED = "stopped"


class Run(Record, frozen=True, kw_only=True):
    """One attempt to answer an incident."""

    id: int
    project: str
    incident_id: int | None
    cause: str  # first-model, recall, probation, drift, person, ...
    state: RunState
    step: str | None
    plan: dict[str, Any]
    decision: dict[str, Any] | None
    error: str | None
    created_at: float
    ended_at: float | None


class Step(Record, frozen=True, kw_only=True):
    """One step of a run; ended once its result is known."""

    run_id: int
    name: str
    started_at: float
    ended_at: float | None
    result: dict[str, Any] | None


class Model(Record, frozen=True, kw_only=True):
    """A version that was in production."""

    id: int
    project: str
    version: str  # v1.0.0, as in its tag
    revision: str  # git commit
    run_id: int | None
    reference_id: int | None
    scores: dict[str, Any]
    digest: str  # SHA-256 over the served copy
    created_at: float


class Assignment(Record, frozen=True, kw_only=True):
    """Which model became champion when, and why; the last one of a project is in production."""

    id: int
    project: str
    number: int
    model_id: int
    cause: str  # first-model, promotion, recall, rollback
    run_id: int | None
    assigned_at: float


class Scoring(Record, frozen=True, kw_only=True):
    """What the champion of one assignment scored on the labelled rows of a window; window 0 is what it was accepted with."""

    id: int
    project: str
    assignment_id: int
    window: int
    rows: int
    loss: float | None  # their mean
    losses: list[float] | None  # of each row; forgotten once they are of no use
    error: str | None  # why there are none
    reference: bytes | None  # losses that the next windows are held against, if it is another than before
    detector: bytes | None
    verdict: dict[str, Any] | None
    onset: int | None  # at an alarm, the scoring with which the rise began
    scored_at: float


class ProbationState(StrEnum):
    ON = "on"
    PASSED = "passed"
    ROLLED_BACK = "rolled-back"
    EXPIRED = "expired"  # too few labelled rows came in time
    SUPERSEDED = "superseded"  # another model went into production first


class Probation(Record, frozen=True, kw_only=True):
    """A new champion that is held against the one before, on rows that neither has seen."""

    id: int
    project: str
    model_id: int
    before_id: int
    first_window: int  # fresh rows begin here
    rows: int  # labelled rows that it takes
    until: float
    state: ProbationState
    labelled: int  # labelled rows that have come
    seen: int  # labelled rows at the last look
    sentence: str | None  # how it stands, or how it ended
    began_at: float
    ended_at: float | None


class HookState(StrEnum):
    WAITING = "waiting"  # for its turn, or to be tried again
    DONE = "done"
    FAILED = "failed"  # given up
    SUPERSEDED = "superseded"  # another model went into production first


class HookRow(Record, frozen=True, kw_only=True):
    """One hook of one assignment."""

    id: int
    project: str
    assignment_id: int
    position: int  # from 1, as in the settings
    kind: str
    title: str
    spec: dict[str, Any]  # the settings of the hook as they were
    state: HookState
    attempts: int
    error: str | None
    due_at: float
    ended_at: float | None


class RequestState(StrEnum):
    WAITING = "waiting"
    DONE = "done"
    REFUSED = "refused"


class Request(Record, frozen=True, kw_only=True):
    """Something a person asked for with a command; the daemon answers in the row."""

    id: int
    project: str
    kind: str
    arguments: dict[str, Any]
    state: RequestState
    answer: dict[str, Any] | None
    created_at: float
    answered_at: float | None


class Event(Record, frozen=True, kw_only=True):
    """Something that happened, said once to every subscriber."""

    id: int
    at: float
    project: str | None
    kind: str
    subject: int | None
    data: dict[str, Any]
