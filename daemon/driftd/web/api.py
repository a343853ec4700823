"""The API: the same objects as the CLI's `--json`, read-only."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from driftd.journal.records import FileState
from driftd.observe import views
from driftd.observe.views.base import LIMIT

if TYPE_CHECKING:
    from driftd.journal import Journal

MOST = 1000  # entries of one answer


def answer(document: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(document), status, media_type="application/json")


def number(parameters: Mapping[str, str], name: str) -> int | None:
    """Return a positive number of the query, or None where it has none."""
    text = parameters.get(name)
    if text is None:
        return None
    if not text.isdecimal() or not 0 < int(text) < 2**62:
        raise HTTPException(400, f"{name} must be a positive number")
    return int(text)


def page(request: Request) -> dict[str, Any]:
    """Return which part of a list is asked for: `limit` entries before the one with the number `before`."""
    limit = number(request.query_params, "limit") or LIMIT
    return {"limit": min(limit, MOST), "before": number(request.query_params, "before")}


def project_of(request: Request) -> str:
    """Return the project of the path, which must be there."""
    return views.project(request.app.state.journal, request.path_params["project"]).name


def health(request: Request) -> Response:
    checks = request.app.state.checks()
    return answer({"ready": all(check.ok for check in checks), "checks": checks})


def projects(request: Request) -> Response:
    return answer(views.projects(request.app.state.journal))


def project(request: Request) -> Response:
    return answer(views.project(request.app.state.journal, request.path_params["project"]))


def history(request: Request) -> Response:
    return answer(views.timeline(request.app.state.journal, project_of(request), page(request)["limit"]))


def windows(request: Request) -> Response:
    return answer(views.windows(request.app.state.journal, project_of(request), **page(request)))


def incidents(request: Request) -> Response:
    opened = request.query_params.get("open") in ("", "1", "true")
    return answer(views.incidents(request.app.state.journal, project_of(request), opened=opened, **page(request)))


def incident(request: Request) -> Response:
    return answer(views.incident(request.app.state.journal, request.path_params["id"]))


def explanation(request: Request) -> Response:
    return answer(request.app.state.explainer.incident(request.app.state.journal, request.path_params["id"]))


def runs(request: Request) -> Response:
    return answer(views.runs(request.app.state.journal, project_of(request), **page(request)))


def run(request: Request) -> Response:
    return answer(views.run(request.app.state.journal, request.path_params["id"]))


def models(request: Request) -> Response:
    return answer(views.models(request.app.state.journal, project_of(request), **page(request)))


def model(request: Request) -> Response:
    journal: Journal = request.app.state.journal
    return answer(views.model(journal, project_of(request), request.path_params["version"]))


def files(request: Request) -> Response:
    state = request.query_params.get("state")
    if state is not None and state not in set(FileState):
        raise HTTPException(400, f"state is one of: {', '.join(FileState)}")
    return answer(views.files(request.app.state.journal, project_of(request), state, **page(request)))


ROUTES = [
    Route("/health", health),
    Route("/projects", projects),
    Route("/projects/{project}", project),
    Route("/projects/{project}/history", history),
    Route("/projects/{project}/windows", windows),
    Route("/projects/{project}/incidents", incidents),
    Route("/projects/{project}/runs", runs),
    Route("/projects/{project}/models", models),
    Route("/projects/{project}/models/{version}", model),
    Route("/projects/{project}/files", files),
    Route("/incidents/{id:int}", incident),
    Route("/incidents/{id:int}/explanation", explanation),
    Route("/runs/{id:int}", run),
]
