"""A webhook: a CloudEvent 1.0 in structured mode, signed as Standard Webhooks has it.

The signature is base64(HMAC-SHA256(secret, "ID.TIMESTAMP.BODY")) in `webhook-signature: v1,...`, where ID and TIMESTAMP are the headers
`webhook-id` and `webhook-timestamp` (https://www.standardwebhooks.com). The id stays the same when a delivery is tried again.
"""

import base64
import binascii
import hashlib
import hmac
import json
import os
import urllib.error
import urllib.request
from datetime import UTC, datetime
from http.client import HTTPException
from pathlib import Path
from typing import Any

from driftd.config.settings import Hook
from driftd.errors import OperationError
from driftd.retrain.context import Context
from driftd.retrain.hooks.payload import Notice

CREDENTIAL = "credential:"
PREFIX = "whsec_"  # Standard Webhooks writes secrets in base64 behind it
TYPES = {"promotion": "promoted", "first-model": "promoted", "recall": "promoted", "rollback": "rolled-back"}
READ = 2000  # bytes of an answer that are looked at


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        """A signed message goes where the settings say, and nowhere else."""


def call(ctx: Context, hook: Hook, notice: Notice) -> None:
    url = str(hook.webhook)
    body = json.dumps(event(notice), separators=(",", ":")).encode()
    headers = {"Content-Type": "application/cloudevents+json; charset=utf-8", "User-Agent": "driftd"}
    if hook.secret:
        headers |= signature(secret(hook.secret), notice.id, int(ctx.clock()), body)
    request = urllib.request.Request(url, body, headers, method="POST")  # noqa: S310  # settings let in http and https only
    try:
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=hook.timeout) as answer:
            ctx.log.line(f"  the server answered {answer.status}")
    except urllib.error.HTTPError as error:
        with error:
            said = error.read(READ).decode(errors="replace").strip()
        raise OperationError(f"the server answered {error.code} {error.reason}: {said[:200]}") from error
    except (OSError, HTTPException) as error:
        raise OperationError(f"the webhook could not be delivered: {getattr(error, 'reason', error)}") from error


def event(notice: Notice) -> dict[str, Any]:
    """Return the CloudEvent."""
    return {
        "specversion": "1.0",
        "id": notice.id,
        "source": f"/driftd/{notice.data['project']}",
        "type": f"driftd.model.{TYPES.get(notice.cause, notice.cause)}",
        "subject": f"{notice.data['project']}@{notice.version}",
        "time": datetime.fromtimestamp(notice.at, UTC).isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "data": notice.data,
    }


def signature(key: bytes, name: str, at: int, body: bytes) -> dict[str, str]:
    """Return the headers that prove who sent a body, and when."""
    signed = hmac.new(key, f"{name}.{at}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": name,
        "webhook-timestamp": str(at),
        "webhook-signature": f"v1,{base64.b64encode(signed).decode()}",
    }


def secret(where: str) -> bytes:
    """Read a key from a file or from a credential of the service; the settings never hold it."""
    path = Path(where).expanduser()
    if where.startswith(CREDENTIAL):
        path = Path(os.environ.get("CREDENTIALS_DIRECTORY", "/run/credentials"), where.removeprefix(CREDENTIAL))
    try:
        text = path.read_text().strip()
        key = base64.b64decode(text.removeprefix(PREFIX), validate=True) if text.startswith(PREFIX) else text.encode()
    except (OSError, UnicodeDecodeError, binascii.Error) as error:
        raise OperationError(
            f"{path}: the webhook's secret cannot be read: {error}", remedy="correct hooks.secret"
        ) from error
    if not key:
        raise OperationError(
            f"{path}: the webhook's secret is empty", remedy="write one, such as `openssl rand -hex 32` gives"
        )
    return key
