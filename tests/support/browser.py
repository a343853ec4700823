"""Chromium, told what to do through a pipe (the DevTools protocol, without a further library)."""

import base64
import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

from support.parts import require

FLAGS = (
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
)
PATIENCE = 60.0
DESKTOP, PHONE = (1280, 900), (390, 844)


@dataclass
class Page:
    """What loading a page did."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(
        default_factory=list
    )  # errors and warnings of the console, exceptions, broken policies


class Browser:
    """One tab of a headless Chromium with a profile of its own."""

    def __init__(self) -> None:
        self._folder = TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True)
        to_read, self._to = os.pipe()
        self._from, to_write = os.pipe()
        self._process = subprocess.Popen(
            [
                "bash",
                "-c",
                f'exec "$@" 3<&{to_read} 4>&{to_write}',
                "-",
                require("chromium"),
                *FLAGS,
                f"--user-data-dir={self._folder.name}",
            ],
            pass_fds=(to_read, to_write),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_read)
        os.close(to_write)
        self._buffer = b""
        self._calls = 0
        self._session: str | None = None
        self._heard: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._to)
        self._process.terminate()
        self._process.wait(PATIENCE)
        os.close(self._from)
        self._folder.cleanup()

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._calls += 1
        message = {"id": self._calls, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        answer = self._wait(lambda said: said.get("id") == message["id"])
        if "error" in answer:
            raise AssertionError(f"{method}: {answer['error']}")
        return answer["result"]

    def open(self, url: str) -> Page:
        """Load a page and all that it asks for."""
        self._heard.clear()
        self.call("Page.navigate", url=url)
        self._wait(lambda said: said.get("method") == "Page.loadEventFired")
        self.ask("1")  # what was said before this answer has been heard
        return _page(self._heard)

    def ask(self, expression: str) -> Any:
        """Return what a line of JavaScript says of the page."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def look(self, *, size: tuple[int, int] = DESKTOP, dark: bool = False, script: bool = True) -> None:
        """Choose how the next pages are looked at."""
        width, height = size
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=size == PHONE
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Emulation.setScriptExecutionDisabled", value=not script)

    def picture(self, path: Path, height: int) -> None:
        """Save the page as it looks, from its top to a height."""
        width = self.ask("document.documentElement.clientWidth")
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        path.write_bytes(base64.b64decode(shot["data"]))

    def _wait(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        while True:
            while b"\0" not in self._buffer:
                block = os.read(self._from, 1 << 16)
                if not block:
                    raise AssertionError(f"chromium ended with {self._process.wait(PATIENCE)}")
                self._buffer += block
            line, _, self._buffer = self._buffer.partition(b"\0")
            said = json.loads(line)
            self._heard.append(said)
            if wanted(said):
                return said


def _page(heard: list[dict[str, Any]]) -> Page:
    page = Page()
    for said in heard:
        told = said.get("params", {})
        match said.get("method"):
            case "Network.requestWillBeSent":
                page.requests.append(told["request"]["url"])
            case "Network.responseReceived" if told["type"] == "Document":
                page.status, page.headers = told["response"]["status"], told["response"]["headers"]
            case "Runtime.exceptionThrown":
                page.complaints.append(told["exceptionDetails"]["text"])
            case "Log.entryAdded":
                page.complaints.append(told["entry"]["text"])
            case "Runtime.consoleAPICalled" if told["type"] in ("error", "warning", "assert"):
                page.complaints.append(str(told["args"]))
    return page
