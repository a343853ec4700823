"""Whether the windows of an incident are like an earlier regime, whose champion is then tried before any training."""

from typing import Any

import msgspec

from driftd.incidents import lifecycle
from driftd.journal import Journal, references, tables
from driftd.journal.records import Incident, Model
from driftd.projects import incident_diagnosis
from driftd.readers import Schema
from driftd.retrain.context import champion
from driftd.retrain.runner import Runner

CHAMPIONS = """
    SELECT reference_id, models.id FROM models JOIN assignments ON models.id = model_id
    WHERE models.project = ? AND reference_id IS NOT NULL ORDER BY number
"""
OF_SEASONS = "SELECT left_id AS reference_id, champion_id AS id FROM seasons WHERE project = ? AND left_id IS NOT NULL"


def find(runner: Runner, incident: Incident) -> Model | None:
    """Return the champion of the regime that has come back, once for each alarm."""
    journal = runner.journal
    if (left := references.left(journal, incident)) != incident.reference_id:
        incident = msgspec.structs.replace(incident, reference_id=left)
    if (
        incident.kind not in lifecycle.ALARMS
        or None in (incident.window, incident.reference_id)
        or _tried(journal, incident)
    ):
        return None
    rows = [*journal.rows(OF_SEASONS, runner.name), *journal.rows(CHAMPIONS, runner.name)]
    known = {row["reference_id"]: row["id"] for row in rows}
    _, now = champion(journal, runner.name) or (None, None)
    if now is None or all(model == now.id or regime == incident.reference_id for regime, model in known.items()):
        return None
    found = known.get(_regime(runner, incident))
    return tables.models.get(journal, found) if found is not None and found != now.id else None


def _tried(journal: Journal, incident: Incident) -> bool:
    where = "incident_id = ? AND cause = 'recall' AND plan ->> '$.alarm' = ?"
    return tables.runs.first(journal, where, incident.id, incident.window) is not None


def _regime(runner: Runner, incident: Incident) -> int | None:
    """Return the number of the reference that the windows are like; what is found is kept with the incident."""
    once = len(incident.detail.get("alarms", ())) <= 1
    pattern: dict[str, Any] | None = incident.detail.get("pattern") if once else None
    if pattern is None:
        columns = tables.projects.get(runner.journal, runner.name).columns or []
        schema = Schema.from_json(columns)
        pattern = incident_diagnosis.pattern(runner.journal, runner.layout, runner.executor, schema, incident)
        if pattern is None:
            return None
        if once and pattern["regime"] is not None:  # what it is otherwise is told by more windows
            with runner.journal.write():
                lifecycle.explain(runner.journal, incident, pattern)
    regime: int | None = pattern["regime"]
    return regime
