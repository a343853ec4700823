"""What opens, answers and closes an incident. Every function is called inside one journal write."""

from collections.abc import Sequence
from typing import Any

from driftd.journal import Journal, references, season_references, tables
from driftd.journal.records import Incident, IncidentState, Run, RunState

LIVE = "project = ? AND state <> 'closed'"
NAMED = 3  # columns that a summary names
ALARMS = ("drift", "label-drift", "score")  # opened by windows; the first that holds is the kind
ASKED = (
    "request",
    "schedule",
    "age",
    "rows",
    "base",
    "alert",
)  # opened by somebody who wants a run; over when it has ended


def drifting(journal: Journal, project: str) -> Incident | None:
    """Return the project's incident that a run can answer, if one is open."""
    return tables.incidents.first(
        journal, f"{LIVE} AND kind IN ({', '.join('?' * len(ALARMS + ASKED))})", project, *ALARMS, *ASKED
    )


def alarm(
    journal: Journal,
    project: str,
    kind: str,
    window: int,
    onset: int,
    verdict: dict[str, Any],
    reference_id: int | None,
) -> int:
    """Open an incident for an alarm, or add it to the one that is open: one drift is one incident.

    Its kind is drift, or score where only the model's losses have risen. Windows before a season's turn are of no regime after it.
    """
    turned = season_references.began(journal, project)
    if window >= turned:
        onset = max(onset, turned)
    collect = {**tables.projects.get(journal, project).detail, "collecting": {"from": max(onset, turned)}}
    tables.projects.update(journal, project, reference_id=None, detail=collect)
    summary = summarise(verdict)
    found = drifting(journal, project)
    if found is None:
        incident_id = tables.incidents.add(
            journal,
            project=project,
            kind=kind,
            state=IncidentState.OPEN,
            summary=summary,
            detail={"verdict": verdict, "alarms": [window]},
            window=window,
            onset_window=onset,
            reference_id=reference_id,
            opened_at=journal.clock(),
        )
        journal.emit(
            "incident-opened", project=project, subject=incident_id, window=window, onset=onset, summary=summary
        )
        return incident_id
    detail = {**found.detail, "verdict": verdict, "alarms": [*found.detail.get("alarms", []), window]}
    detail.pop("pattern", None)  # it was the first alarm's
    state = found.state if found.state is IncidentState.RUNNING else IncidentState.OPEN
    tables.incidents.update(
        journal,
        found.id,
        kind=leading(kind, found.kind),
        state=state,
        detail=detail,
        summary=summary,
        window=window,
        onset_window=onset,
        retry_rows=None,
        reference_id=found.reference_id or reference_id,
    )
    journal.emit("incident-moved", project=project, subject=found.id, window=window, onset=onset, summary=summary)
    return found.id


def leading(kind: str, other: str) -> str:
    """Return the kind of an incident with two reasons."""
    return next((each for each in ALARMS if each in (kind, other)), kind)


def harmed(journal: Journal, project: str, window: int, onset: int, verdict: dict[str, Any]) -> int:
    """Open an incident for a score that has decayed; where one is open for a change that this may come from, add it there."""
    found = drifting(journal, project)
    if found is None or found.window is None or onset > found.window:
        reference = tables.projects.get(journal, project).reference_id
        return alarm(journal, project, "score", window, onset, verdict, reference)
    detail = {**found.detail, "decay": verdict["decay"], "harmed": window}
    tables.incidents.update(journal, found.id, detail=detail)
    journal.emit(
        "incident-moved", project=project, subject=found.id, window=window, onset=onset, summary=summarise(verdict)
    )
    return found.id


def kind_of(change: str, verdict: dict[str, Any], labels: Sequence[str]) -> str:
    """Return the kind of an alarm: drift is label-drift where nothing but labels has moved."""
    moved = [column["name"] for column in verdict["columns"] if column["drift"]]
    only = all(any(name == label or name.startswith(f"{label}.") for label in labels) for name in moved)
    return "label-drift" if change == "drift" and moved and only else change


def explain(journal: Journal, incident: Incident, pattern: dict[str, Any]) -> None:
    """Keep what kind of change an incident was, and since when."""
    detail = {**tables.incidents.get(journal, incident.id).detail, "pattern": pattern}
    tables.incidents.update(journal, incident.id, detail=detail)
    journal.emit("incident-explained", project=incident.project, subject=incident.id, **pattern)


def wants_labels(journal: Journal, incident_id: int, found: dict[str, Any]) -> None:
    """Remember which rows are most worth a label, and when that was chosen; the rows themselves are in the file."""
    incident = tables.incidents.get(journal, incident_id)
    tables.incidents.update(journal, incident_id, detail={**incident.detail, "to_label": found})
    journal.emit("labels-wanted", project=incident.project, subject=incident_id, file=found["file"], rows=found["rows"])


def summarise(verdict: dict[str, Any]) -> str:
    """Say in a line what moved: the drifted columns, the largest effect first; or that the model's losses rose."""
    decay = verdict.get("decay")
    if not verdict["alarm"] and decay:
        return (
            f"the model's loss rose from {decay['before']:.3f} to {decay['now']:.3f} on {decay['rows']} labelled rows"
        )
    moved = sorted((c for c in verdict["columns"] if c["drift"]), key=lambda c: -c["effect"])
    if not moved:
        return "the columns moved together"
    names = ", ".join(f"{c['name']} ({c['effect']:.2f})" for c in moved[:NAMED])
    more = len(moved) - NAMED
    return names + (f" and {more} more" if more > 0 else "")


def watch(journal: Journal, project: str, reference_id: int) -> None:
    """Judge the next windows against a reference; a champion without a reference of its own is bound to it."""
    detail = {k: v for k, v in tables.projects.get(journal, project).detail.items() if k != "collecting"}
    tables.projects.update(journal, project, reference_id=reference_id, detail=detail)
    _bind(journal, project, reference_id)


def _bind(journal: Journal, project: str, reference_id: int) -> None:
    champion = tables.assignments.newest(journal, project, by="number")
    model = tables.models.get(journal, champion.model_id) if champion else None
    if model is None or model.reference_id is not None:
        return
    if model.run_id is None or references.known(journal, reference_id, tables.runs.get(journal, model.run_id)):
        tables.models.update(journal, model.id, reference_id=reference_id)


def watch_again(journal: Journal, project: str, reference_id: int, incident: Incident) -> None:
    """Judge the next windows against an earlier reference, because that answers an incident; a season that came between is left alone."""
    if not season_references.set_aside(journal, project, reference_id, incident.onset_window):
        watch(journal, project, reference_id)


def subside(journal: Journal, project: str, first: int) -> None:
    """Close the incident whose change began in a season that is over, if no candidate was good enough: it is no matter any more."""
    found = drifting(journal, project)
    if found is not None and found.state is IncidentState.UNRESOLVED and (found.onset_window or 0) >= first:
        close(journal, found, "recovery")


def request_run(journal: Journal, project: str, by: str) -> int:
    """Open an incident because a person asked for a run, or hurry the one that is open."""
    found = drifting(journal, project)
    if found is not None:
        tables.incidents.update(journal, found.id, detail={**found.detail, "hurried_by": by})
        return found.id
    return ask(journal, project, "request", f"{by} asked for a run", {"hurried_by": by})


def ask(journal: Journal, project: str, kind: str, summary: str, detail: dict[str, Any]) -> int:
    """Open an incident of which no window is the reason; none of those that a run can answer may be open."""
    incident_id = tables.incidents.add(
        journal,
        project=project,
        kind=kind,
        state=IncidentState.OPEN,
        summary=summary,
        detail=detail,
        opened_at=journal.clock(),
    )
    journal.emit("incident-opened", project=project, subject=incident_id, incident=kind, summary=summary)
    return incident_id


def settle(journal: Journal, run: Run, regime_rows: int) -> None:
    """Take the outcome of a run that has ended over into its incident."""
    if run.incident_id is None:
        return
    incident = tables.incidents.get(journal, run.incident_id)
    if incident.state is not IncidentState.RUNNING:
        return
    decided = run.state in (RunState.PROMOTED, RunState.KEPT)
    if decided and run.plan.get("alarm", incident.window) != incident.window:
        if run.state is RunState.PROMOTED:  # what the first alarm left is no champion's any more
            left = references.left(journal, incident)
            tables.incidents.update(journal, incident.id, reference_id=left)
        _wait(journal, run, incident, IncidentState.OPEN, None)  # the run knew nothing of a regime that has begun since
    elif run.cause == "recall":
        _recalled(journal, run, incident)
    else:
        _trained(journal, run, incident, regime_rows)


def _recalled(journal: Journal, run: Run, incident: Incident) -> None:
    """Bring the reference of the earlier champion back, or leave the incident to the training that follows."""
    if run.state is not RunState.PROMOTED:
        tables.incidents.update(journal, incident.id, state=IncidentState.OPEN)
        return
    close(journal, incident, "promotion")
    if reference := tables.models.get(journal, run.plan["recall"]).reference_id:
        watch_again(journal, run.project, reference, incident)


def _trained(journal: Journal, run: Run, incident: Incident, regime_rows: int) -> None:
    if run.state is RunState.PROMOTED or (run.state is RunState.KEPT and incident.kind in ASKED):
        close(journal, incident, "promotion" if run.state is RunState.PROMOTED else "kept")
        if reference := season_references.reference_of(journal, run.project, incident.onset_window):
            _bind(journal, run.project, reference)
    elif run.state is RunState.KEPT and season_references.over(journal, run.project, incident.onset_window or 0):
        close(journal, incident, "recovery")
    elif run.state is RunState.STOPPED and incident.kind in ASKED:
        close(journal, incident, "person")
    elif run.state is RunState.KEPT:
        _wait(journal, run, incident, IncidentState.UNRESOLVED, 2 * regime_rows)
    else:
        _wait(journal, run, incident, IncidentState.OPEN, incident.retry_rows)


def _wait(journal: Journal, run: Run, incident: Incident, state: IncidentState, retry_rows: int | None) -> None:
    """Leave an incident to the next run, which waits for so many rows of the regime."""
    detail = incident.detail
    if run.cause != "recall":
        detail = {name: value for name, value in detail.items() if name != "hurried_by"}
        detail["failures"] = detail.get("failures", 0) + 1 if run.state is RunState.FAILED else 0
    tables.incidents.update(journal, incident.id, state=state, retry_rows=retry_rows, detail=detail)
    journal.emit("incident-unresolved", project=run.project, subject=incident.id, run=run.id, retry_rows=retry_rows)


def close(journal: Journal, incident: Incident, resolution: str) -> None:
    """End an incident."""
    tables.incidents.update(
        journal, incident.id, state=IncidentState.CLOSED, resolution=resolution, closed_at=journal.clock()
    )
    journal.emit("incident-closed", project=incident.project, subject=incident.id, resolution=resolution)


def dismiss(journal: Journal, incident: Incident) -> None:
    """A person says that it was nothing: watch against what the windows had left."""
    close(journal, incident, "person")
    if incident.kind in ALARMS and incident.reference_id is not None:
        watch_again(journal, incident.project, incident.reference_id, incident)
