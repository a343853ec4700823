"""Alerts of somebody else's monitoring. Every function is called inside one journal write."""

from typing import Any

from driftd.incidents import lifecycle
from driftd.journal import Journal, tables
from driftd.journal.records import Incident, IncidentState

# An alert is known by its group and fingerprint; `since` tells one firing from the next.
HOLDS = (
    "project = ? AND EXISTS (SELECT 1 FROM json_each(detail, '$.alerts')"
    " WHERE value ->> 'group' = ? AND value ->> 'fingerprint' = ?)"
)


def heard(journal: Journal, project: str, alert: dict[str, Any]) -> str:
    """Take a notification in, which may be a repetition; return what came of it."""
    key = (alert["group"], alert["fingerprint"])
    holder = tables.incidents.first(journal, HOLDS, project, *key, order="id DESC")
    if not alert["firing"]:
        return _resolved(journal, holder, key)
    if holder is not None and any(
        _is(each, key) and each["since"] == alert["since"] for each in holder.detail["alerts"]
    ):
        return f"known already: incident {holder.id}"
    found = lifecycle.drifting(journal, project)
    if found is None:
        return f"incident {lifecycle.ask(journal, project, 'alert', alert['summary'], {'alerts': [alert]})}"
    others = [each for each in found.detail.get("alerts", []) if not _is(each, key)]
    tables.incidents.update(journal, found.id, detail={**found.detail, "alerts": [*others, alert]})
    return f"joins incident {found.id}"


def _resolved(journal: Journal, holder: Incident | None, key: tuple[str, str]) -> str:
    """Note the end of an alert; an incident that only alerts have opened is over with the last of them, unless a run answers it."""
    if holder is None or holder.state is IncidentState.CLOSED:
        return "no incident waits for it"
    alerts = [{**each, "firing": each["firing"] and not _is(each, key)} for each in holder.detail["alerts"]]
    tables.incidents.update(journal, holder.id, detail={**holder.detail, "alerts": alerts})
    if holder.kind != "alert" or holder.state is IncidentState.RUNNING or any(each["firing"] for each in alerts):
        return f"noted with incident {holder.id}"
    lifecycle.close(journal, tables.incidents.get(journal, holder.id), "recovery")
    return f"incident {holder.id} is over"


def _is(alert: dict[str, Any], key: tuple[str, str]) -> bool:
    return (alert["group"], alert["fingerprint"]) == key
