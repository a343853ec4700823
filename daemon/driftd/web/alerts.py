"""`POST /api/v1/alerts`: Alertmanager's webhook, version 4. Each alert becomes a request in the journal before it is answered."""

from typing import TYPE_CHECKING, Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from driftd.journal.requests import ask
from driftd.observe import views
from driftd.web import auth
from driftd.web.api import answer

if TYPE_CHECKING:
    from driftd.journal import Journal

NAME = "alertname"


class Alert(msgspec.Struct):
    """What driftd needs to know of an alert; other fields may come and go."""

    status: str
    fingerprint: str
    startsAt: str  # noqa: N815  # Alertmanager's name
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class Notification(msgspec.Struct):
    """A group of alerts."""

    version: str
    groupKey: str  # noqa: N815  # Alertmanager's name
    alerts: list[Alert]


async def alerts(request: Request) -> Response:
    auth.bearer(request)
    notification = _read(await auth.body(request))
    journal: Journal = request.app.state.journal
    asked = []
    for alert in notification.alerts:
        project = request.query_params.get("project") or alert.labels.get("project")
        if not project:
            raise HTTPException(400, "an alert names no project: add ?project=NAME to the URL, or a label `project`")
        asked.append((views.project(journal, project).name, _arguments(notification.groupKey, alert)))
    return answer({"accepted": len(asked), "requests": ask(journal.path, "alert", asked)})


def _read(body: bytes) -> Notification:
    try:
        notification = msgspec.json.decode(body, type=Notification)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise HTTPException(400, f"this is no notification of Alertmanager: {error}") from error
    if notification.version != "4":
        raise HTTPException(400, f"version 4 is read, this is version {notification.version!r}")
    return notification


def _arguments(group: str, alert: Alert) -> dict[str, Any]:
    name = alert.labels.get(NAME, "an alert")
    summary = alert.annotations.get("summary")
    return {
        "group": group,
        "fingerprint": alert.fingerprint,
        "firing": alert.status != "resolved",
        "since": alert.startsAt,
        "summary": f"{name}: {summary}" if summary else name,
    }


ROUTES = [Route("/alerts", alerts, methods=["POST"])]
