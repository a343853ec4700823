"""The web application: routes, and what every answer carries."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path

import anyio
import anyio.to_thread
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from driftd.config import Project
from driftd.errors import UsageError
from driftd.journal import Journal
from driftd.service.health import Check
from driftd.web import actions, alerts, api, health, pages
from driftd.web.caches.explanation_cache import Explainer
from driftd.web.caches.model_diff_cache import Differences
from driftd.web.rendering import compile_templates
from driftd.web.security import Guard

STATIC = Path(__file__).with_name("static")


def create_app(
    journal: Path,
    registry: CollectorRegistry,
    checks: Callable[[], Sequence[Check]],
    executor: Executor,
    *,
    token: Callable[[], str | None] = lambda: None,
    projects: Callable[[], Mapping[str, Project]] = dict,
) -> Starlette:
    """Make the application of a daemon: it reads the journal, asks for the daemon's checks, and lets its workers explain.

    Who has the token, which is read anew each time, may ask for something. The projects are those of the settings in force.
    """
    app = Starlette(
        routes=[
            *health.ROUTES,
            Mount("/api/v1", routes=[*api.ROUTES, *alerts.ROUTES, *actions.ROUTES]),
            Mount("/static", StaticFiles(directory=STATIC)),
            *pages.ROUTES,
            *actions.PAGES,
        ],
        middleware=[Middleware(Guard)],
        exception_handlers={
            HTTPException: _failed,
            UsageError: _unknown,
            OverflowError: _too_large,
            Exception: _broken,
        },
    )
    app.state.journal = Journal.read_only(journal)
    app.state.registry = registry
    app.state.token = token
    app.state.checks = checks
    app.state.explainer = Explainer(executor)
    anyio.run(
        anyio.to_thread.run_sync, compile_templates
    )  # in a thread as pages are made, which loads what threads need
    app.state.differences = Differences(projects)
    return app


def routes(app: Starlette) -> list[str]:
    """Return every path that the application answers."""
    found = []
    for route in app.routes:
        if isinstance(route, Route):
            found.append(route.path)
        elif isinstance(route, Mount):
            found += [route.path + child.path for child in route.routes if isinstance(child, Route)]
    return found


def _failed(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    detail = error.detail if isinstance(error, HTTPException) else "something went wrong"
    return _say(request, status, detail)


def _unknown(request: Request, error: Exception) -> Response:
    return _say(request, 404, str(error))


def _too_large(request: Request, error: Exception) -> Response:  # noqa: ARG001  # SQLite's words tell nobody anything
    return _say(request, 404, "there is nothing of so large a number")


def _broken(request: Request, error: Exception) -> Response:
    return _say(request, 500, f"{type(error).__name__}; the daemon's log says more")


def _say(request: Request, status: int, message: str) -> Response:
    if request.url.path.startswith("/api/"):
        return api.answer({"error": message}, status)
    return pages.message(request, status, message)
