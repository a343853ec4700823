"""Who may ask for something: whoever sends the token along, in a header or in the form itself.

Nothing is remembered in a cookie, so that a page of another origin has nothing to ride on.
"""

import hmac
import logging
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request

from driftd.errors import ConfigError

logger = logging.getLogger(__name__)

LARGEST = 1024 * 1024  # bytes of what is asked


def read_token(path: Path | None) -> str | None:
    """Return the token that lets others ask for something."""
    if path is None:
        return None
    try:
        token = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"http.token_file: {path} cannot be read: {error}", remedy="correct the path, or its owner"
        ) from error
    if not token:
        raise ConfigError(f"http.token_file: {path} is empty", remedy="write a long random word into it")
    return token


def open_to_some(request: Request) -> bool:
    """Say whether there is a token with which something can be asked for."""
    try:
        return request.app.state.token() is not None
    except ConfigError:
        return False


def bearer(request: Request) -> None:
    """Refuse a request without the token in its header."""
    kind, _, given = request.headers.get("authorization", "").partition(" ")
    check(request, given.strip().encode("latin-1") if kind.lower() == "bearer" else b"")


def check(request: Request, given: bytes) -> None:
    """Refuse a wrong token, and a form that another site has sent."""
    try:
        token: str | None = request.app.state.token()
    except ConfigError as error:
        logger.error("%s", error)  # noqa: TRY400  # the trace would say nothing more
        raise HTTPException(503, "the token cannot be read; the daemon's log says why") from error
    if token is None:
        raise HTTPException(403, "nothing can be asked for here: set http.token_file")
    if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        raise HTTPException(403, "another site has sent this")
    if not hmac.compare_digest(given, token.encode()):
        raise HTTPException(401, "the token is missing or wrong", {"www-authenticate": "Bearer"})


async def body(request: Request) -> bytes:
    """Read what is asked, up to a limit."""
    found = bytearray()
    async for block in request.stream():
        found += block
        if len(found) > LARGEST:
            raise HTTPException(413, f"at most {LARGEST} bytes are read")
    return bytes(found)
