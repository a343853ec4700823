"""What happened in an incident, from the file that brought it to the model that answered it."""

from collections.abc import Iterator
from datetime import datetime

from driftd.journal import Journal, tables
from driftd.observe.views.base import View, when
from driftd.observe.views.incidents import IncidentView
from driftd.observe.views.runs import RunView, run


class Moment(View, frozen=True, kw_only=True):
    """One thing that happened; `run` is the run that it belongs to."""

    at: datetime
    kind: str  # file, window, incident, run, step, or how a run or an incident ended
    text: str
    run: int | None = None


class Story(View, frozen=True, kw_only=True):
    moments: list[Moment]  # in order of time
    runs: list[RunView]  # the newest first


def story(journal: Journal, incident: IncidentView) -> Story:
    """Return the moments of an incident, and the runs that answered it."""
    runs = [run(journal, number) for number in reversed(incident.runs)]
    moments = [
        *_arrival(journal, incident),
        Moment(at=incident.opened_at, kind="incident", text=f"the incident opened: {incident.summary}"),
        *(moment for each in runs for moment in _of_run(each)),
    ]
    if incident.closed_at is not None:
        moments.append(Moment(at=incident.closed_at, kind="closed", text=f"closed by {incident.resolution}"))
    return Story(moments=sorted(moments, key=lambda moment: moment.at), runs=runs)


def _arrival(journal: Journal, incident: IncidentView) -> Iterator[Moment]:
    for number in sorted({each for each in (incident.onset_window, incident.window) if each is not None}):
        window = tables.windows.first(journal, "project = ? AND number = ?", incident.project, number)
        if window is None:
            continue
        if file := tables.files.first(journal, "id = ?", window.spans[-1][0]):
            yield Moment(at=when(file.arrived_at), kind="file", text=f"{file.name} arrived with {file.rows} rows")
        text = f"window {number} closed with {window.rows} rows: {CLOSED[window.closed_by]}"
        if number == incident.onset_window:
            text += "; what moved began here"
        yield Moment(at=when(window.closed_at), kind="window", text=text)
        if window.judged_at is not None and number == incident.window:
            yield Moment(at=when(window.judged_at), kind="alarm", text=f"window {number} was judged: an alarm")


def _of_run(run: RunView) -> Iterator[Moment]:
    yield Moment(at=run.created_at, kind="running", text=f"run {run.id} began: {run.cause}", run=run.id)
    for step in run.steps:
        if step.ended_at is not None and step.name in ("snapshot", "reproduce", "score", "decide"):
            yield Moment(
                at=step.ended_at, kind="step", text=(RECALL if run.cause == "recall" else STEPS)[step.name], run=run.id
            )
    if run.ended_at is not None:
        yield Moment(at=run.ended_at, kind=run.state, text=run.sentence or f"run {run.id} ended", run=run.id)


CLOSED = {"rows": "the rows were there", "age": "its time was over", "season": "a season began or ended"}
STEPS = {
    "snapshot": "the new rows were added to the dataset, as a version of their own",
    "reproduce": "the stages ran and made a candidate",
    "score": "both models were scored on the same rows",
    "decide": "the decision was made",
}
RECALL = STEPS | {
    "snapshot": "the rows of the regime that has come back were written as a dataset of their own",
    "reproduce": "its earlier champion was scored on them, without a training",
}
