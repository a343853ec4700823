"""The pages: made on the server, complete without a script."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from driftd import __version__
from driftd.observe import views
from driftd.observe.views.overview import PHASES
from driftd.web import charts, words

WINDOWS = 120  # windows that a chart shows

templates = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
templates.globals |= {"version": __version__, "phases": PHASES}
templates.filters |= words.FILTERS


def render(request: Request, name: str, status: int = 200, /, **values: Any) -> Response:
    checks = request.app.state.checks()
    html = templates.get_template(name).render(failing=[check for check in checks if not check.ok], **values)
    return HTMLResponse(html, status)


def message(request: Request, status: int, text: str) -> Response:
    """Say in a page what went wrong."""
    return render(request, "message.html", status, status=status, text=text)


def overview(request: Request) -> Response:
    journal = request.app.state.journal
    projects = views.projects(journal)
    bars = {view.name: charts.bars(views.windows(journal, view.name, WINDOWS // 2)) for view in projects}
    return render(request, "overview.html", projects=projects, bars=bars)


def project(request: Request) -> Response:
    journal = request.app.state.journal
    view = views.project(journal, request.path_params["project"])
    windows = views.windows(journal, view.name, WINDOWS)
    return render(
        request,
        "project.html",
        project=view,
        chart=charts.bars(windows),
        windows=windows[:10],
        columns=[column for each in view.incidents for column in each.columns],
        timeline=views.timeline(journal, view.name, 25),
        models=views.models(journal, view.name, 10),
        quarantine=views.files(journal, view.name, "quarantined", 20),
    )


def run(request: Request) -> Response:
    return render(request, "run.html", run=views.run(request.app.state.journal, request.path_params["id"]))


def incident(request: Request) -> Response:
    view = views.incident(request.app.state.journal, request.path_params["id"])
    return render(request, "incident.html", incident=view)


ROUTES = [
    Route("/", overview),
    Route("/projects/{project}", project),
    Route("/incidents/{id:int}", incident),
    Route("/runs/{id:int}", run),
]
