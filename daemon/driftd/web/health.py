"""Whether the daemon lives, whether it can work, and its metrics."""

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from driftd.observe import exposition


async def live(_request: Request) -> Response:
    """Answer while the process can answer at all: no disk, no remote, no stage is asked."""
    return PlainTextResponse("ok\n")


def ready(request: Request) -> Response:
    """Answer 200 when every check holds, otherwise 503; list the checks if asked or if one fails."""
    checks = request.app.state.checks()
    good = all(check.ok for check in checks)
    lines = [f"[{'+' if check.ok else '-'}] {check.name}: {check.detail}" for check in checks]
    shown = lines if not good or "verbose" in request.query_params else []
    return PlainTextResponse("\n".join([*shown, "ok" if good else "not ready", ""]), 200 if good else 503)


def metrics(request: Request) -> Response:
    return Response(exposition.text(request.app.state.registry), headers={"content-type": exposition.CONTENT_TYPE})


ROUTES = [
    Route("/livez", live),
    Route("/-/healthy", live),
    Route("/readyz", ready),
    Route("/-/ready", ready),
    Route("/metrics", metrics),
]
