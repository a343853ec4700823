"""What a hook is told: which model is in production now, why, and how the hooks before it ended."""

from dataclasses import dataclass
from typing import Any

from driftd.journal import Journal, tables
from driftd.journal.layout import Layout
from driftd.journal.records import HookRow, Run


@dataclass(frozen=True)
class Notice:
    """One assignment, as plain values; the same at every attempt but for `hooks`."""

    id: str  # ADDRESSES#prod#4, the assignment's tag
    at: float
    cause: str  # first-model, promotion, recall, rollback
    version: str
    revision: str
    data: dict[str, Any]


def notice(journal: Journal, layout: Layout, row: HookRow, url: str | None) -> Notice:
    """Return what a hook is told; `url` is where people reach the pages."""
    assignment = tables.assignments.get(journal, row.assignment_id)
    model = tables.models.get(journal, assignment.model_id)
    run = tables.runs.get(journal, assignment.run_id) if assignment.run_id else None
    before = tables.assignments.first(
        journal, "project = ? AND number < ?", row.project, assignment.number, order="number DESC"
    )
    others = tables.hooks.all(
        journal, "assignment_id = ? AND position < ?", assignment.id, row.position, order="position"
    )
    data = {
        "project": row.project,
        "version": model.version,
        "revision": model.revision,
        "cause": assignment.cause,
        "number": assignment.number,
        "before": tables.models.get(journal, before.model_id).version if before else None,
        "path": str(layout.models / model.version),
        "digest": model.digest,
        "scores": model.scores,
        "run": assignment.run_id,
        "sentence": ((run.decision or {}) if run else {}).get("sentence"),
        "links": links(url, row.project, run) if url else {},
        "hooks": [{"kind": each.kind, "title": each.title, "state": each.state} for each in others],
    }
    name = f"{row.project}#prod#{assignment.number}"
    return Notice(name, assignment.assigned_at, assignment.cause, model.version, model.revision, data)


def links(url: str, project: str, run: Run | None) -> dict[str, str]:
    """Return the addresses of the pages that tell about an assignment, and of the report that can be handed on."""
    links = {"project": f"{url}/projects/{project}", "models": f"{url}/projects/{project}/models"}
    if run is not None:
        links["run"] = f"{url}/runs/{run.id}"
        if run.incident_id is not None:
            links["incident"] = f"{url}/incidents/{run.incident_id}"
        links["report"] = f"{links.get('incident', links['run'])}/report"
    return links
