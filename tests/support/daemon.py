"""A real `driftd run` for tests: started as a process, watched through its own doors, always stopped.

with Daemon(write_settings(tmp_path, {"addresses": project})) as daemon:
    assert daemon.get("/readyz").status == 200
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar

import yaml

T = TypeVar("T")
LOCK = "daemon.lock"  # in state_dir; holds {"pid", "listen"} of the daemon that runs


def wait_until(condition: Callable[[], T], timeout: float = 30.0, what: str = "", every: float = 0.05) -> T:
    """Return the first truthy value of `condition`; fail with `what` when it does not come in time."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"after {timeout:g} s still not: {what or condition}")
        time.sleep(every)
    return value


def write_settings(folder: Path, projects: Mapping[str, Mapping[str, Any]], **top: Any) -> Path:
    """Write folder/driftd.yaml with a state folder beside it and a port that the system chooses."""
    document = {
        "state_dir": str(folder / "state"),
        "http": {"listen": "127.0.0.1:0"},
        "compute": {"workers": 1},
        **top,
        "projects": {name: dict(project) for name, project in projects.items()},
    }
    path = folder / "driftd.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return path


@dataclass(frozen=True)
class Response:
    status: int
    headers: Mapping[str, str]
    text: str

    def json(self) -> Any:
        return json.loads(self.text)


def http_get(url: str, timeout: float = 10.0, headers: Mapping[str, str] | None = None) -> Response:
    """GET a page; an error status is an answer, no connection is an OSError."""
    request = urllib.request.Request(url, headers=dict(headers or {}))  # noqa: S310  # http to loopback
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=timeout) as answer:
            return Response(answer.status, dict(answer.headers), answer.read().decode())
    except urllib.error.HTTPError as error:
        return Response(error.code, dict(error.headers), error.read().decode())


class NotifySocket:
    """What systemd would hear: every datagram sent to NOTIFY_SOCKET, in order."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.messages: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while message := self._socket.recv(4096):
            self.messages.append(message.decode())

    def lines(self) -> list[str]:
        return [line for message in list(self.messages) for line in message.splitlines()]

    def has(self, line: str) -> bool:
        return line in self.lines()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


@dataclass
class Daemon:
    """`driftd run -c settings` as a process of its own. `log` is all it printed."""

    settings: Path
    env: Mapping[str, str] = field(default_factory=dict)
    module: str = "driftd"
    process: subprocess.Popen[bytes] | None = None

    @property
    def state_dir(self) -> Path:
        return self.settings.parent / yaml.safe_load(self.settings.read_text())["state_dir"]

    @property
    def log_path(self) -> Path:
        return self.settings.with_suffix(".log")

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    @property
    def pid(self) -> int:
        assert self.process
        return self.process.pid

    @property
    def url(self) -> str:
        return "http://" + json.loads((self.state_dir / LOCK).read_text())["listen"]

    def start(self, *, ready: bool = True, timeout: float = 60.0) -> Self:
        """Start it; with `ready`, return once /readyz says 200."""
        clean = {k: v for k, v in os.environ.items() if k not in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "DRIFTD_CONFIG")}
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", self.module, "run", "-c", str(self.settings)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**clean, **self.env},
                start_new_session=True,
            )
        if ready:
            try:
                wait_until(self.is_ready, timeout, "the daemon is ready")
            except AssertionError as error:
                self.kill()
                raise AssertionError(f"{error}\n{self.log}") from None
        return self

    def is_ready(self) -> bool:
        assert self.process
        if self.process.poll() is not None:
            raise AssertionError(f"the daemon ended with {self.process.returncode}:\n{self.log}")
        try:
            lock = json.loads((self.state_dir / LOCK).read_text())
            return lock["pid"] == self.process.pid and self.get("/readyz").status == 200
        except (OSError, ValueError, KeyError):
            return False

    def get(self, path: str, **headers: str) -> Response:
        return http_get(self.url + path, headers=headers)

    def send(self, number: signal.Signals) -> None:
        assert self.process
        self.process.send_signal(number)

    def wait(self, timeout: float = 60.0) -> int:
        assert self.process
        return self.process.wait(timeout)

    def stop(self, timeout: float = 60.0) -> int:
        """Stop in order; return the exit code."""
        self.send(signal.SIGTERM)
        return self.wait(timeout)

    def kill(self) -> int:
        """SIGKILL, as a power cut would: the process alone, what it started lives on."""
        self.send(signal.SIGKILL)
        return self.wait()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self.process and self.process.poll() is None:
            try:
                self.stop()
            except subprocess.TimeoutExpired:
                self.kill()
                raise
