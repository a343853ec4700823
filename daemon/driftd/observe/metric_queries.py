"""What the journal says in numbers: one function a subject, each a few queries that an index answers."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import msgspec

from driftd.journal import Journal
from driftd.journal.records import FileState, HookState, IncidentState, ProbationState, RunState, WindowState

COLUMNS = 200  # columns of a project that are exported
SCORES = 50  # scores of a champion that are exported
LABEL = 64  # characters of a label that names something of the user's
KINDS = ("drift", "label-drift", "score", "schema", "quality", "request", "schedule", "age", "rows", "base", "alert")
GATES = ("paused", "quality", "rows", "labels", "disk", "cooldown", "max_per_day", "backoff", "approval")
OUTCOMES = (RunState.PROMOTED, RunState.KEPT, RunState.ROLLED_BACK, RunState.FAILED, RunState.STOPPED)
ACTIVE = (RunState.RUNNING, RunState.WAITING)
BUCKETS = (1, 5, 15, 60, 300, 900, 1800, 3600, 7200)  # seconds of a step


class Reading(NamedTuple):
    """One sample: a metric of the catalogue, its labels, its value; for a histogram the sum, and its buckets."""

    metric: str
    labels: Sequence[str]
    value: float
    buckets: Sequence[tuple[str, float]] = ()


Judged: TypeAlias = dict[str, tuple[object, list[Reading]]]
"""What the last judged window of each project said, by what tells it from others: most commits are about something else."""


def read(journal: Journal, projects: Sequence[str], judged: Judged) -> Iterator[Reading]:
    """Read everything; each project has every known label, at 0 if nothing has happened."""
    size = journal.rows("SELECT page_count * page_size AS size FROM pragma_page_count(), pragma_page_size()")
    yield Reading("driftd_journal_size_bytes", (), size[0]["size"])
    for project in projects:
        for part in (
            _project,
            _files,
            _windows,
            _seasons,
            _scorings,
            _incidents,
            _runs,
            _steps,
            _model,
            _comparison,
            _probation,
            _hooks,
        ):
            yield from part(journal, project)
        yield from _last_judged(journal, project, judged)


def _project(journal: Journal, project: str) -> Iterator[Reading]:
    state = journal.rows(
        "SELECT state, detail ->> '$.held.gate' AS gate, detail ->> '$.held.until' AS at FROM projects WHERE name = ?",
        project,
    )
    yield Reading("driftd_project_paused", (project,), bool(state) and state[0]["state"] == "paused")
    for gate in GATES:
        yield Reading("driftd_run_held", (project, gate), bool(state) and state[0]["gate"] == gate)
    yield from _when("driftd_run_held_until_timestamp_seconds", (project,), state)
    query = "SELECT count(*) AS n FROM requests WHERE state = 'waiting' AND project = ?"
    yield Reading("driftd_requests_waiting", (project,), journal.rows(query, project)[0]["n"])
    query = (
        "SELECT data ->> 'mode' AS mode FROM events WHERE kind = 'watching' AND project = ? ORDER BY id DESC LIMIT 1"
    )
    mode = journal.rows(query, project)
    yield Reading("driftd_source_polling", (project,), bool(mode) and mode[0]["mode"] == "polling")


def _files(journal: Journal, project: str) -> Iterator[Reading]:
    query = "SELECT state, files, rows, bad_rows AS bad, size FROM file_totals WHERE project = ?"
    found = {row["state"]: row for row in journal.rows(query, project)}
    for state in FileState:
        yield Reading("driftd_files", (project, state), found[state]["files"] if state in found else 0)
    let_in = [found[state] for state in (FileState.ADMITTED, FileState.LABELS) if state in found]
    yield Reading("driftd_rows_admitted_total", (project,), sum(row["rows"] for row in let_in))
    yield Reading("driftd_rows_bad_total", (project,), sum(row["bad"] for row in let_in))
    yield Reading("driftd_bytes_admitted_total", (project,), sum(row["size"] for row in let_in))
    query = "SELECT count(*) AS n FROM ignored WHERE project = ?"
    yield Reading("driftd_files_ignored", (project,), journal.rows(query, project)[0]["n"])
    query = "SELECT admitted_at AS at FROM files WHERE project = ? AND state = 'admitted' ORDER BY id DESC LIMIT 1"
    yield from _when("driftd_last_file_timestamp_seconds", (project,), journal.rows(query, project))
    query = """
        SELECT coalesce(sum(rows - windowed), 0) AS n FROM files INDEXED BY files_open
        WHERE project = ? AND state = 'admitted' AND windowed < rows
    """
    yield Reading("driftd_rows_waiting", (project,), journal.rows(query, project)[0]["n"])


def _windows(journal: Journal, project: str) -> Iterator[Reading]:
    query = "SELECT state, count(*) AS n FROM windows INDEXED BY windows_by_state WHERE project = ? GROUP BY state"
    found = {row["state"]: row["n"] for row in journal.rows(query, project)}
    for state in WindowState:
        yield Reading("driftd_windows", (project, state), found.get(state, 0))
    yield Reading("driftd_windows_closed_total", (project,), sum(found.values()))
    query = "SELECT closed_at AS at FROM windows WHERE project = ? ORDER BY number DESC LIMIT 1"
    yield from _when("driftd_last_window_timestamp_seconds", (project,), journal.rows(query, project))


def _seasons(journal: Journal, project: str) -> Iterator[Reading]:
    query = "SELECT name, max(last_window IS NULL) AS now FROM seasons WHERE project = ? GROUP BY name"
    for row in journal.rows(query, project):
        yield Reading("driftd_season", (project, row["name"]), row["now"])


def _last_judged(journal: Journal, project: str, judged: Judged) -> list[Reading]:
    query = """
        SELECT id, judged_at FROM windows INDEXED BY windows_by_state
        WHERE project = ? AND state = 'judged' ORDER BY number DESC LIMIT 1
    """
    found = journal.rows(query, project)
    window = (found[0]["id"], found[0]["judged_at"]) if found else None
    if project not in judged or judged[project][0] != window:
        said = journal.rows("SELECT verdict FROM windows WHERE id = ?", window[0])[0]["verdict"] if window else None
        judged[project] = window, list(_evidence(project, msgspec.json.decode(said) if said else None))
    return judged[project][1]


def _evidence(project: str, verdict: dict[str, Any] | None) -> Iterator[Reading]:
    yield Reading("driftd_detection_armed", (project,), bool(verdict and verdict["armed"]))
    if verdict is None:
        return
    yield Reading("driftd_evidence", (project,), verdict["evidence"])
    yield Reading("driftd_evidence_threshold", (project,), verdict["threshold"])
    if verdict["threshold"] > 0:
        yield Reading("driftd_evidence_threshold_ratio", (project,), verdict["evidence"] / verdict["threshold"])
    columns = verdict["columns"]
    yield Reading("driftd_columns_left_out", (project,), max(0, len(columns) - COLUMNS))
    for column, label in zip(columns, labels(column["name"] for column in columns[:COLUMNS]), strict=False):
        yield from _column((project, label), column)


def _column(where: tuple[str, str], column: Mapping[str, Any]) -> Iterator[Reading]:
    if column["effect"] is not None:
        yield Reading("driftd_column_effect_ratio", where, column["effect"])
    if column.get("evidence") is not None:
        yield Reading("driftd_column_evidence", where, column["evidence"])
    p_values = [s["p_value"] for s in column["statistics"] if s["p_value"] is not None]
    if p_values:
        yield Reading("driftd_column_p_value", where, min(p_values))


def _scorings(journal: Journal, project: str) -> Iterator[Reading]:
    query = "SELECT count(*) AS n FROM scorings WHERE project = ?"
    every = journal.rows(query, project)[0]["n"]
    failed = journal.rows(f"{query} AND error IS NOT NULL", project)[0]["n"]
    yield Reading("driftd_scorings_total", (project, "scored"), every - failed)
    yield Reading("driftd_scorings_total", (project, "failed"), failed)
    query = """
        SELECT loss, verdict FROM scorings
        WHERE project = ? AND window > 0 AND loss IS NOT NULL AND verdict IS NOT NULL ORDER BY id DESC LIMIT 1
    """
    for row in journal.rows(query, project):
        yield Reading("driftd_loss", (project,), row["loss"])
        verdict = msgspec.json.decode(row["verdict"])
        if verdict["armed"]:
            yield Reading("driftd_loss_accepted", (project,), verdict["decay"]["before"])
            ratio = verdict["evidence"] / verdict["threshold"]
            yield Reading("driftd_loss_evidence_threshold_ratio", (project,), ratio)


def _incidents(journal: Journal, project: str) -> Iterator[Reading]:
    query = "SELECT kind, state, count(*) AS n FROM incidents WHERE project = ? GROUP BY kind, state"
    found = {(row["kind"], row["state"]): row["n"] for row in journal.rows(query, project)}
    known = {(kind, str(state)): 0 for kind in KINDS for state in IncidentState}
    for (kind, state), count in (known | found).items():
        yield Reading("driftd_incidents", (project, kind, state), count)
    query = "SELECT opened_at AS at FROM incidents WHERE project = ? ORDER BY id DESC LIMIT 1"
    yield from _when("driftd_last_incident_timestamp_seconds", (project,), journal.rows(query, project))


def _runs(journal: Journal, project: str) -> Iterator[Reading]:
    query = "SELECT state, count(*) AS n, max(ended_at) AS at FROM runs WHERE project = ? GROUP BY state"
    found = {row["state"]: row for row in journal.rows(query, project)}
    for outcome in OUTCOMES:
        yield Reading("driftd_runs_total", (project, outcome), found[outcome]["n"] if outcome in found else 0)
        if outcome in found:
            yield from _when("driftd_last_run_timestamp_seconds", (project, outcome), [found[outcome]])
    for state in ACTIVE:
        yield Reading("driftd_runs_active", (project, state), found[state]["n"] if state in found else 0)


def _steps(journal: Journal, project: str) -> Iterator[Reading]:
    within = ", ".join(f"sum(ended_at - started_at <= {bound}) AS le_{bound}" for bound in BUCKETS)
    query = f"""
        SELECT steps.name, count(*) AS n, sum(steps.ended_at - started_at) AS seconds, {within}
        FROM (SELECT id FROM runs WHERE project = ?) AS run JOIN steps ON run_id = run.id
        WHERE steps.ended_at IS NOT NULL GROUP BY steps.name
    """  # noqa: S608  # numbers from above
    for row in journal.rows(query, project):
        buckets = [(f"{bound:.1f}", row[f"le_{bound}"]) for bound in BUCKETS]
        where = (project, row["name"])
        yield Reading("driftd_run_step_duration_seconds", where, row["seconds"], [*buckets, ("+Inf", row["n"])])


def _model(journal: Journal, project: str) -> Iterator[Reading]:
    query = "SELECT cause, count(*) AS n FROM assignments WHERE project = ? GROUP BY cause"
    found = {row["cause"]: row["n"] for row in journal.rows(query, project)}
    yield Reading("driftd_promotions_total", (project,), found.get("promotion", 0) + found.get("recall", 0))
    yield Reading("driftd_rollbacks_total", (project,), found.get("rollback", 0))
    query = """
        SELECT version, scores, assigned_at AS at FROM assignments JOIN models ON models.id = model_id
        WHERE assignments.project = ? ORDER BY number DESC LIMIT 1
    """
    for champion in journal.rows(query, project):
        yield Reading("driftd_model_info", (project, champion["version"]), 1)
        yield from _when("driftd_model_promoted_timestamp_seconds", (project,), [champion])
        for label, value in _scores(msgspec.json.decode(champion["scores"])):
            yield Reading("driftd_model_score", (project, label), value)


def _comparison(journal: Journal, project: str) -> Iterator[Reading]:
    query = """
        SELECT decision, steps.ended_at AS at FROM runs JOIN steps ON run_id = runs.id AND steps.name = 'decide'
        WHERE project = ? AND cause <> 'probation' AND decision IS NOT NULL ORDER BY runs.id DESC LIMIT 1
    """
    for run in journal.rows(query, project):
        decision = msgspec.json.decode(run["decision"])
        yield from _when("driftd_comparison_timestamp_seconds", (project,), [run])
        yield Reading("driftd_comparison_gain", (project,), decision["gain"])
        if decision["interval"]:
            yield Reading("driftd_comparison_gain_lower_bound", (project,), decision["interval"]["lower"])
        for model in ("champion", "candidate"):
            for label, value in _scores(decision["scores"][model]):
                yield Reading("driftd_comparison_score", (project, model, label), value)


def _probation(journal: Journal, project: str) -> Iterator[Reading]:
    query = "SELECT state, count(*) AS n, sum(rows) AS rows FROM probations WHERE project = ? GROUP BY state"
    found = {row["state"]: row for row in journal.rows(query, project)}
    on = found.pop(ProbationState.ON, None)
    yield Reading("driftd_probation_rows", (project,), on["rows"] if on else 0)
    for state in ProbationState:
        if state is not ProbationState.ON:
            yield Reading("driftd_probations_total", (project, state), found[state]["n"] if state in found else 0)


def _scores(document: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    scores = list(_numbers(document))[:SCORES]
    for (_, value), label in zip(scores, labels(name for name, _ in scores), strict=True):
        yield label, value


def _hooks(journal: Journal, project: str) -> Iterator[Reading]:
    query = "SELECT state, count(*) AS n FROM hooks WHERE project = ? GROUP BY state"
    found = {row["state"]: row["n"] for row in journal.rows(query, project)}
    for state in HookState:
        yield Reading("driftd_hooks", (project, state), found.get(state, 0))


def _when(metric: str, where: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> Iterator[Reading]:
    if rows and rows[0]["at"] is not None:
        yield Reading(metric, where, rows[0]["at"])


def _numbers(scores: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """Yield numbers by dotted name, those of the upper level first."""
    for name, value in scores.items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield prefix + name, value
    for name, value in scores.items():
        if isinstance(value, dict):
            yield from _numbers(value, f"{prefix}{name}.")


def labels(names: Iterable[str]) -> list[str]:
    """Shorten names for labels; different names stay different."""
    return [_label(name) for name in names]


def _label(name: str) -> str:
    if len(name) <= LABEL:
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{name[: LABEL - 9]}~{digest}"
