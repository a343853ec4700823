"""The pages: made on the server, complete without a script."""

from typing import Any

from markdown_it import MarkdownIt
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from driftd import resources
from driftd.observe import views
from driftd.service.explanations import report_of
from driftd.web import auth
from driftd.web.charts import series
from driftd.web.rendering import templates
from driftd.web.report import answer_report, policy

WINDOWS = 60  # windows that a chart shows
PART = 50  # entries of a list that is a page of its own


def render(request: Request, name: str, status: int = 200, /, **values: Any) -> Response:
    checks = request.app.state.checks()
    failing = [check for check in checks if not check.ok]
    html = templates.get_template(name).render(failing=failing, acting=auth.open_to_some(request), **values)
    return HTMLResponse(html, status)


def message(request: Request, status: int, text: str) -> Response:
    """Say in a page what went wrong."""
    return render(request, "message.html", status, status=status, text=text)


def overview(request: Request) -> Response:
    journal = request.app.state.journal
    projects = views.projects(journal)
    bars = {view.name: series.bars(views.windows(journal, view.name, WINDOWS)) for view in projects}
    return render(request, "overview.html", projects=projects, bars=bars)


def project(request: Request) -> Response:
    journal = request.app.state.journal
    view = views.project(journal, request.path_params["project"])
    heat = views.heat(journal, view.name, WINDOWS)
    return render(
        request,
        "project.html",
        project=view,
        chart=series.bars(views.windows(journal, view.name, WINDOWS)),
        heat=heat,
        strips=series.strips(heat),
        incidents=views.incidents(journal, view.name, limit=8),
        timeline=views.timeline(journal, view.name, 20),
    )


def models(request: Request) -> Response:
    """Show the lineage; `?old=v1.0.0&new=v2.0.0` holds any two against each other."""
    journal = request.app.state.journal
    view = views.project(journal, request.path_params["project"])
    chosen = [request.query_params.get(side) for side in ("old", "new")]
    pair = [views.model(journal, view.name, version) for version in chosen if version]
    found = views.models(journal, view.name, PART)
    differs = request.app.state.differences.between(journal, *pair) if len(pair) > 1 else None
    return render(request, "models.html", project=view, models=found, pair=pair, differs=differs)


def intake(request: Request) -> Response:
    journal = request.app.state.journal
    view = views.project(journal, request.path_params["project"])
    return render(
        request,
        "intake.html",
        project=view,
        quarantine=views.files(journal, view.name, "quarantined", PART),
        files=views.files(journal, view.name, limit=30),
    )


def distributions(request: Request) -> Response:
    journal = request.app.state.journal
    name = views.project(journal, request.path_params["project"]).name
    return render(
        request,
        "why.html",
        project=name,
        incident=None,
        heading=f"Distributions of {name}",
        explained=request.app.state.explainer.project(journal, name),
        names=("reference", "last window"),
        missing="no window has been held against a reference yet",
    )


def explanation(request: Request) -> Response:
    journal = request.app.state.journal
    view = views.incident(journal, request.path_params["id"])
    return render(
        request,
        "why.html",
        project=view.project,
        incident=view,
        heading=f"Why incident {view.id} opened",
        explained=request.app.state.explainer.incident(journal, view.id),
        names=("reference", "from the onset to the alarm"),
        missing="it is not about counted columns, or their counts were removed",
    )


def runbook(request: Request) -> Response:
    """Show what to do about an alert; the link in the alert leads here."""
    alert = request.path_params["alert"]
    text = MarkdownIt("commonmark", {"html": False}).render(resources.runbook(alert))
    return render(request, "runbook.html", alert=alert, text=Markup(text))  # noqa: S704  # made of a file that ships, without HTML


def run(request: Request) -> Response:
    return render(request, "run.html", run=views.run(request.app.state.journal, request.path_params["id"]))


def report(request: Request) -> Response:
    """Answer with an incident's or a run's report, which carries its style; it can be saved and handed on as it is."""
    journal = request.app.state.journal
    about, answer = report_of(journal, "", **request.path_params)
    explained = request.app.state.explainer.incident(journal, about.id) if about else []
    html = answer_report(journal, about, answer, explained)
    return HTMLResponse(html, headers={"content-security-policy": f"{policy()}; frame-ancestors 'none'"})


def incident(request: Request) -> Response:
    journal = request.app.state.journal
    view = views.incident(journal, request.path_params["id"])
    return render(request, "incident.html", incident=view, story=views.story(journal, view))


ROUTES = [
    Route("/", overview),
    Route("/projects/{project}", project),
    Route("/projects/{project}/models", models),
    Route("/projects/{project}/intake", intake),
    Route("/projects/{project}/distributions", distributions),
    Route("/incidents/{id:int}", incident),
    Route("/incidents/{id:int}/explanation", explanation),
    Route("/runs/{id:int}", run),
    Route("/runbooks/{alert}", runbook),
    Route("/incidents/{incident:int}/report", report),
    Route("/runs/{run:int}/report", report),
]
