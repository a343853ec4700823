"""A web application over a seeded state folder, and a real Chromium that looks at it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from driftd.config import Project
from driftd.journal.layout import journal_path
from driftd.service.health import Check
from driftd.service.http_server import WebServer, address, bind
from driftd.web.app import create_app
from support.browser import Browser
from support.daemon import wait_until
from support.seeded import seed
from support.versions import two_versions


@pytest.fixture(scope="session")
def state(tmp_path_factory) -> Path:
    return seed(tmp_path_factory.mktemp("state"))


@pytest.fixture(scope="session")
def projects(state: Path, tmp_path_factory) -> dict[str, Project]:
    folder = two_versions(state, "addresses", tmp_path_factory.mktemp("repository"))
    return {"addresses": Project.model_validate({"repository": folder, "source": {"path": folder / "incoming"}})}


@pytest.fixture(scope="session")
def site(state: Path, projects: dict[str, Project]) -> Iterator[str]:
    pool = ThreadPoolExecutor(1)
    socket = bind("127.0.0.1:0")
    checks = [Check("journal", True, "answers")]
    app = create_app(journal_path(state), CollectorRegistry(), lambda: checks, pool, projects=lambda: projects)
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
