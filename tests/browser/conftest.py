"""A web application over a seeded state folder, and a real Chromium that looks at it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from driftd.journal.layout import journal_path
from driftd.service.health import Check
from driftd.service.http import WebServer, address, bind
from driftd.web.app import create_app
from support.browser import Browser
from support.daemon import wait_until
from support.seeded import seed


@pytest.fixture(scope="session")
def state(tmp_path_factory) -> Path:
    return seed(tmp_path_factory.mktemp("state"))


@pytest.fixture(scope="session")
def site(state: Path) -> Iterator[str]:
    pool = ThreadPoolExecutor(1)
    socket = bind("127.0.0.1:0")
    app = create_app(journal_path(state), CollectorRegistry(), lambda: [Check("journal", True, "answers")], pool)
    server = WebServer(app, socket)
    url = f"http://{address(socket)}"
    server.start()
    try:
        wait_until(lambda: server.started, what="the web server runs")
        yield url
    finally:
        server.stop()
        pool.shutdown()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with Browser() as chromium:
        yield chromium
