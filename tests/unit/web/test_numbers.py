"""Numbers that no row can have are answered as what they are, and nothing is asked of the daemon with them."""

import urllib.error
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest
from prometheus_client import CollectorRegistry

from driftd.journal import Journal, tables
from driftd.service.http_server import WebServer, address, bind
from driftd.web.app import create_app
from support.daemon import wait_until


@pytest.fixture
def journal(tmp_path):
    journal = Journal.open(tmp_path / "journal.db")
    with journal.write():
        tables.projects.add(journal, name="a", state="active", columns=[], detail={})
    yield journal
    journal.close()


@pytest.fixture
def site(journal):
    with ThreadPoolExecutor(1) as pool:
        socket = bind("127.0.0.1:0")
        server = WebServer(create_app(journal.path, CollectorRegistry(), list, pool, token=lambda: "word"), socket)
        server.start()
        wait_until(lambda: server.started, what="the web server runs")
        yield f"http://{address(socket)}"
        server.stop()


def status(url, fields=None):
    """Return the status of an answer; with fields, of one to a form that is sent with the token."""
    body = None if fields is None else urllib.parse.urlencode(fields).encode()
    request = urllib.request.Request(url, body, {"Authorization": "Bearer word"} if body is not None else {})  # noqa: S310
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.parametrize("path", ["/runs/{}", "/requests/{}", "/api/v1/incidents/{}", "/incidents/{}/report"])
def test_there_is_nothing_of_a_number_that_is_too_large(site, path):
    assert status(site + path.format(2**63)) == 404


@pytest.mark.parametrize("number", [2**63, 10**30])
def test_nothing_is_asked_about_a_number_that_is_too_large(site, journal, number):
    assert status(f"{site}/api/v1/projects/a/actions/approve/{number}", {}) == 400
    assert status(f"{site}/projects/a/actions", {"token": "word", "action": f"approve:{number}"}) == 400
    assert tables.requests.all(journal) == []
