"""`POST /api/v1/alerts`: Alertmanager's webhook, version 4. Each alert becomes a request in the journal before it is answered."""

from pathlib import Path
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from driftd.errors import ConfigError
from driftd.journal import Journal, tables
from driftd.journal.records import RequestState
from driftd.observe import views
from driftd.web import access
from driftd.web.api import answer

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


def read_token(path: Path | None) -> str | None:
    """Return the token that lets others ask for something."""
    if path is None:
        return None
    try:
        token = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"http.token_file: {path} cannot be read: {error}", remedy="correct the path, or its owner") from error  # fmt: skip
    if not token:
        raise ConfigError(f"http.token_file: {path} is empty", remedy="write a long random word into it")
    return token


async def alerts(request: Request) -> Response:
    access.bearer(request)
    notification = _read(await access.body(request))
    journal: Journal = request.app.state.journal
    asked = []
    for alert in notification.alerts:
        project = request.query_params.get("project") or alert.labels.get("project")
        if not project:
            raise HTTPException(400, "an alert names no project: add ?project=NAME to the URL, or a label `project`")
        asked.append((views.project(journal, project).name, _arguments(notification.groupKey, alert)))
    return answer({"accepted": len(asked), "requests": _write(journal.path, asked)})


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


def _write(path: Path, asked: list[tuple[str, dict[str, Any]]]) -> list[int]:
    """Write all or none; the daemon answers in the rows."""
    journal = Journal.open(path)
    try:
        with journal.write():
            return [
                tables.requests.add(
                    journal, project=project, kind="alert", arguments=arguments, state=RequestState.WAITING,
                    created_at=journal.clock(),
                )
                for project, arguments in asked
            ]  # fmt: skip
    finally:
        journal.close()


ROUTES = [Route("/alerts", alerts, methods=["POST"])]
