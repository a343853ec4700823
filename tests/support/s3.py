"""An S3 server of the machine's own: moto's, in a process of its own."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path

from support.daemon import wait_until

KEYS = {"access_key_id": "testing", "secret_access_key": "testing", "region": "us-east-1"}


@contextmanager
def bucket(name: str) -> Iterator[str]:
    """Start a server with an empty bucket and yield its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", url.rpartition(":")[2]],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: _made(url, name), what="the S3 server has a bucket")
        yield url
    finally:
        server.kill()
        server.wait()


def _made(url: str, name: str) -> bool:
    server = HTTPConnection(url.removeprefix("http://"), timeout=5)
    with suppress(OSError), closing(server):
        server.request("PUT", f"/{name}")
        return server.getresponse().status == HTTPStatus.OK
    return False


def use(repository: Path, url: str) -> None:
    """Let a checkout know how to reach the remote `storage`, as a person keeps it out of git."""
    options = {"endpointurl": url, **KEYS}
    lines = ["['remote \"storage\"']", *(f"    {key} = {value}" for key, value in options.items()), ""]
    (repository / ".dvc" / "config.local").write_text("\n".join(lines))
