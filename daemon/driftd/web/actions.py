"""What can be asked for with the token: the same requests as those of commands, answered by the daemon in their rows."""

from typing import Any
from urllib.parse import parse_qs

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from driftd.errors import UsageError
from driftd.journal import Journal, tables
from driftd.journal.requests import ask
from driftd.observe import views
from driftd.observe.sanitize import LARGEST, row_number
from driftd.web import auth, pages
from driftd.web.api import answer

SUBJECTS = {
    "trigger": None,
    "pause": None,
    "resume": None,
    "rollback": None,
    "approve": "run",
    "reject": "run",
    "dismiss": "incident",
    "quarantine-retry": "file",
}
BY = "somebody with the token"


async def asked_by_program(request: Request) -> Response:
    """`POST /api/v1/projects/NAME/actions/approve/7` with the bearer token."""
    auth.bearer(request)
    written = _write(request, request.path_params["action"], request.path_params.get("subject"))
    return answer({"request": written}, 202)


async def asked_by_person(request: Request) -> Response:
    """Take a form's token and the button that was pressed, `approve:7`; the request has a page of its own."""
    form = parse_qs((await auth.body(request)).decode("utf-8", "replace"))
    auth.check(request, form.get("token", [""])[0].strip().encode())
    action, _, subject = form.get("action", [""])[0].partition(":")
    number = row_number(subject)
    if subject and number is None:
        raise HTTPException(400, f"{subject[:40]!r} is no number of anything")
    return RedirectResponse(f"/requests/{_write(request, action, number)}", 303)


def request_page(request: Request) -> Response:
    return pages.render(request, "request.html", asked=_request(request))


def request_json(request: Request) -> Response:
    row = _request(request)
    return answer({"id": row.id, "project": row.project, "kind": row.kind, "state": row.state, "answer": row.answer})


def _request(request: Request) -> Any:
    journal: Journal = request.app.state.journal
    row = tables.requests.first(journal, "id = ?", request.path_params["id"])
    if row is None:
        raise UsageError(f"there is no request {request.path_params['id']}", remedy="see `driftd status`")
    return row


def _write(request: Request, action: str, subject: int | None) -> int:
    if action not in SUBJECTS:
        raise HTTPException(400, f"what can be asked for is: {', '.join(SUBJECTS)}")
    name = SUBJECTS[action]
    if (name is None) != (subject is None):
        raise HTTPException(400, f"{action} takes {'the number of a ' + name if name else 'no number'}")
    if subject is not None and subject > LARGEST:
        raise HTTPException(400, f"there is no {name} of this number")
    readable: Journal = request.app.state.journal
    project = views.project(readable, request.path_params["project"]).name
    arguments = {"by": BY} | ({name: subject} if name else {})
    [number] = ask(readable.path, action, [(project, arguments)])
    return number


PAGES = [
    Route("/projects/{project}/actions", asked_by_person, methods=["POST"]),
    Route("/requests/{id:int}", request_page),
]
ROUTES = [
    Route("/projects/{project}/actions/{action}", asked_by_program, methods=["POST"]),
    Route("/projects/{project}/actions/{action}/{subject:int}", asked_by_program, methods=["POST"]),
    Route("/requests/{id:int}", request_json),
]
