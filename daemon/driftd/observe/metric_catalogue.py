"""Every metric that driftd exports: name, type, help and labels. The collector, the docs and the tests follow from here."""

from dataclasses import dataclass
from typing import Literal

Type = Literal["counter", "gauge", "histogram", "info"]
PROJECT = ("project",)


@dataclass(frozen=True)
class Metric:
    """One metric; `name` is the exported one, without the suffixes of a histogram."""

    name: str
    type: Type
    help: str
    labels: tuple[str, ...] = ()


METRICS = (
    Metric("driftd_build_info", "info", "Version of driftd and of Python.", ("version", "python")),
    Metric("driftd_config_last_reload_successful", "gauge", "Whether the last reload of the settings was taken over."),
    Metric("driftd_config_last_reload_success_timestamp_seconds", "gauge", "When settings were last taken over."),
    Metric("driftd_config_restart_pending", "gauge", "Whether settings were changed that only a restart takes over."),
    Metric("driftd_jobs_missed_total", "counter", "Periodic jobs that could not begin in time.", ("job",)),
    Metric("driftd_jobs_failed_total", "counter", "Periodic jobs that raised an error.", ("job",)),
    Metric("driftd_journal_up", "gauge", "Whether the journal could be read for this scrape."),
    Metric("driftd_journal_size_bytes", "gauge", "Size of the journal, without its write-ahead log."),
    Metric("driftd_journal_errors_total", "counter", "Reads and writes of the journal that failed, since the start."),
    Metric("driftd_state_disk_free_bytes", "gauge", "Free space where state_dir lies."),
    Metric("driftd_worker_tasks", "gauge", "Pieces of work that were given to worker processes and are not done."),
    Metric("driftd_worker_deaths_total", "counter", "Worker processes that died while they worked, since the start."),
    Metric("driftd_project_disk_free_bytes", "gauge", "Free space where a project's repository lies.", PROJECT),
    Metric(
        "driftd_project_ready",
        "gauge",
        "Whether a project's first scan is done and nothing keeps it from working.",
        PROJECT,
    ),
    Metric("driftd_project_problem", "gauge", "Whether something keeps a project from working right now.", PROJECT),
    Metric("driftd_project_heartbeat_timestamp_seconds", "gauge", "Last sign of life of a project's loop.", PROJECT),
    Metric("driftd_project_paused", "gauge", "Whether a person has paused a project.", PROJECT),
    Metric(
        "driftd_source_polling",
        "gauge",
        "Whether the source is polled because the system tells of no changes.",
        PROJECT,
    ),
    Metric("driftd_files", "gauge", "Files by what became of them.", ("project", "state")),
    Metric("driftd_files_ignored", "gauge", "Things in the source that are no files of data.", PROJECT),
    Metric(
        "driftd_rows_admitted_total",
        "counter",
        "Rows that were let in, also those that brought labels of rows before them.",
        PROJECT,
    ),
    Metric("driftd_rows_bad_total", "counter", "Rows that were set aside because they could not be read.", PROJECT),
    Metric("driftd_bytes_admitted_total", "counter", "Size of the files that were let in.", PROJECT),
    Metric("driftd_last_file_timestamp_seconds", "gauge", "When a file was last let in.", PROJECT),
    Metric("driftd_rows_waiting", "gauge", "Rows that wait for their window to be closed.", PROJECT),
    Metric("driftd_windows_closed_total", "counter", "Windows that were closed.", PROJECT),
    Metric(
        "driftd_windows", "gauge", "Windows by state; those in state closed wait to be judged.", ("project", "state")
    ),
    Metric("driftd_last_window_timestamp_seconds", "gauge", "When a window was last closed.", PROJECT),
    Metric("driftd_detection_armed", "gauge", "Whether the last judged window could have raised an alarm.", PROJECT),
    Metric(
        "driftd_season",
        "gauge",
        "Whether a season of the settings is on, by the last window that was looked at.",
        ("project", "season"),
    ),
    Metric("driftd_evidence", "gauge", "Accumulated evidence of drift after the last judged window.", PROJECT),
    Metric("driftd_evidence_threshold", "gauge", "Evidence at which an incident opens.", PROJECT),
    Metric("driftd_evidence_threshold_ratio", "gauge", "Evidence divided by its threshold; 1 is an alarm.", PROJECT),
    Metric(
        "driftd_column_effect_ratio", "gauge", "How far a column has moved, between 0 and 1.", ("project", "column")
    ),
    Metric("driftd_column_evidence", "gauge", "Evidence of drift in one column.", ("project", "column")),
    Metric(
        "driftd_column_p_value",
        "gauge",
        "Smallest p-value of a column's statistics in the last window.",
        ("project", "column"),
    ),
    Metric("driftd_columns_left_out", "gauge", "Columns that are not exported, because there are too many.", PROJECT),
    Metric(
        "driftd_scorings_total",
        "counter",
        "Times that the scorer was asked for the errors of the champion, by outcome.",
        ("project", "outcome"),
    ),
    Metric("driftd_loss", "gauge", "Mean loss of the champion on the newest window that it was scored on.", PROJECT),
    Metric("driftd_loss_accepted", "gauge", "Mean loss that its losses are held against.", PROJECT),
    Metric(
        "driftd_loss_evidence_threshold_ratio",
        "gauge",
        "Evidence of a rise of its losses divided by the threshold; 1 is an alarm.",
        PROJECT,
    ),
    Metric("driftd_incidents", "gauge", "Incidents by kind and state.", ("project", "kind", "state")),
    Metric("driftd_last_incident_timestamp_seconds", "gauge", "When an incident was last opened.", PROJECT),
    Metric("driftd_runs_total", "counter", "Runs that have ended, by outcome.", ("project", "outcome")),
    Metric("driftd_runs_active", "gauge", "Runs that have not ended, by state.", ("project", "state")),
    Metric("driftd_run_held", "gauge", "Whether a gate holds the next run back.", ("project", "gate")),
    Metric(
        "driftd_run_held_until_timestamp_seconds",
        "gauge",
        "When the gate that holds the next run opens, if a clock opens it.",
        PROJECT,
    ),
    Metric("driftd_last_run_timestamp_seconds", "gauge", "When a run last ended this way.", ("project", "outcome")),
    Metric("driftd_run_step_duration_seconds", "histogram", "How long the steps of runs took.", ("project", "step")),
    Metric("driftd_model_info", "info", "Version of the champion.", ("project", "version")),
    Metric("driftd_model_score", "gauge", "Scores of the champion when it was accepted.", ("project", "metric")),
    Metric("driftd_model_promoted_timestamp_seconds", "gauge", "When the champion was put into production.", PROJECT),
    Metric(
        "driftd_comparison_score",
        "gauge",
        "Scores of champion and candidate on the same rows, at the last comparison.",
        ("project", "model", "metric"),
    ),
    Metric(
        "driftd_comparison_gain",
        "gauge",
        "Gain of the candidate at the last comparison, positive where it is better.",
        PROJECT,
    ),
    Metric(
        "driftd_comparison_gain_lower_bound",
        "gauge",
        "Lower bound of that gain, where per-row results give one.",
        PROJECT,
    ),
    Metric(
        "driftd_comparison_timestamp_seconds",
        "gauge",
        "When the run of the last comparison ended or came to wait.",
        PROJECT,
    ),
    Metric("driftd_promotions_total", "counter", "Models that were put into production by a run.", PROJECT),
    Metric("driftd_rollbacks_total", "counter", "Returns to an earlier model.", PROJECT),
    Metric(
        "driftd_probation_rows",
        "gauge",
        "Labelled rows that the champion's probation takes; 0 where it is on none.",
        PROJECT,
    ),
    Metric(
        "driftd_probations_total",
        "counter",
        "Probations of new champions that have ended, by outcome.",
        ("project", "outcome"),
    ),
    Metric(
        "driftd_hooks",
        "gauge",
        "Hooks after promotions and rollbacks by state; failed ones were given up.",
        ("project", "state"),
    ),
    Metric("driftd_requests_waiting", "gauge", "What people asked for and the daemon has not answered yet.", PROJECT),
)


def table() -> str:
    """Return the catalogue as a table in Markdown; docs/metrics.md contains it."""
    lines = ["| metric | type | labels | meaning |", "| --- | --- | --- | --- |"]
    for metric in METRICS:
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        lines.append(f"| `{metric.name}` | {metric.type} | {labels} | {metric.help} |")
    return "\n".join(lines)
