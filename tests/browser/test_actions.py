"""Buttons: a person with the token asks for something on a page, without a script; nobody else can."""

import json
import urllib.error
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest
from prometheus_client import CollectorRegistry

from driftd.journal import Journal, tables
from driftd.journal.layout import journal_path
from driftd.service.http_server import WebServer, address, bind
from driftd.web.app import create_app
from support.browser import DESKTOP, PHONE
from support.daemon import wait_until
from support.parts import axe
from support.seeded import seed

pytestmark = pytest.mark.slow
WORD = "a long wörd"
PAGES = ["/projects/orders", "/runs/7", "/incidents/4", "/projects/invoices/intake"]


@pytest.fixture(scope="module")
def journal(tmp_path_factory):
    path = journal_path(seed(tmp_path_factory.mktemp("acting")))
    return Journal.read_only(path)


@pytest.fixture(scope="module")
def site(journal):
    with ThreadPoolExecutor(1) as pool:
        socket = bind("127.0.0.1:0")
        server = WebServer(create_app(journal.path, CollectorRegistry(), list, pool, token=lambda: WORD), socket)
        server.start()
        wait_until(lambda: server.started, what="the web server runs")
        yield f"http://{address(socket)}"
        server.stop()


def post(url, fields=None, **headers):
    body = urllib.parse.urlencode(fields or {}).encode()
    request = urllib.request.Request(url, data=body, headers={k.replace("_", "-"): v for k, v in headers.items()})  # noqa: S310
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def asked(journal):
    return [(row.project, row.kind, row.arguments) for row in tables.requests.all(journal, "1", order="id")]


@pytest.mark.parametrize(
    ("page", "button", "wanted"),
    [
        ("/runs/7", "approve:7", ("orders", "approve", {"run": 7})),
        ("/projects/orders", "reject:7", ("orders", "reject", {"run": 7})),
        ("/projects/orders", "pause", ("orders", "pause", {})),
        ("/projects/orders", "trigger", ("orders", "trigger", {})),
        ("/projects/orders", "rollback", ("orders", "rollback", {})),
        ("/incidents/4", "dismiss:4", ("invoices", "dismiss", {"incident": 4})),
    ],
)
def test_a_button_becomes_a_request(browser, site, journal, page, button, wanted):
    browser.look(size=DESKTOP)
    browser.open(site + page)
    browser.ask(f"pressed = document.querySelector('button[value=\"{button}\"]'); 0")
    browser.ask(f"pressed.form.token.value = '{WORD}'; pressed.click()")
    wait_until(lambda: browser.ask("location.pathname").startswith("/requests/"), what="the request's page")
    project, kind, arguments = asked(journal)[-1]
    assert (project, kind) == wanted[:2]
    assert arguments == wanted[2] | {"by": "somebody with the token"}


def test_a_page_asks_for_the_token_once(browser, site):
    browser.look(size=DESKTOP)
    for page in ("/projects/orders", "/projects/invoices", "/runs/7", "/incidents/4"):
        browser.open(site + page)
        assert browser.ask("document.querySelectorAll('[name=token]').length") == 1, page


def test_a_refused_file_is_tried_again(browser, site, journal):
    browser.look(size=DESKTOP)
    browser.open(f"{site}/projects/invoices/intake")
    button = browser.ask("document.querySelector('button[value^=\"quarantine-retry:\"]').value")
    assert post(f"{site}/projects/invoices/actions", {"token": WORD, "action": button}) == 200
    assert asked(journal)[-1][1:] == (
        "quarantine-retry",
        {"by": "somebody with the token", "file": int(button.partition(":")[2])},
    )


def test_nobody_else_can_ask(site, journal):
    before = asked(journal)
    url, good = f"{site}/projects/orders/actions", {"token": WORD, "action": "pause"}
    assert post(url, good | {"token": "another"}) == 401
    assert post(url, {"action": "pause"}) == 401
    assert post(url, good, sec_fetch_site="cross-site") == 403
    assert post(url, good | {"action": "explode"}) == 400
    assert post(url, good | {"action": "approve"}) == 400
    assert post(url, good | {"action": "approve:x"}) == 400
    assert post(f"{site}/projects/nobody/actions", good) == 404
    assert post(f"{site}/api/v1/projects/orders/actions/pause") == 401
    assert asked(journal) == before


def test_a_program_asks_with_the_bearer_token(site, journal):
    words = {"authorization": b"Bearer " + WORD.encode()}
    assert post(f"{site}/api/v1/projects/orders/actions/approve/7", **words) == 202
    assert asked(journal)[-1][:2] == ("orders", "approve")


def test_axe_finds_no_serious_violation(browser, site):
    source = axe().read_text()
    for page in PAGES:
        browser.open(site + page)
        browser.ask(f"{source}; 0")
        said = browser.ask("axe.run(document, {resultTypes: ['violations']}).then(r => JSON.stringify(r.violations))")
        assert [each["id"] for each in json.loads(said) if each["impact"] in ("serious", "critical")] == []


@pytest.mark.parametrize("page", PAGES)
def test_pages_with_buttons_fit_a_phone(browser, site, page):
    browser.look(size=PHONE)
    said = browser.open(site + page)
    assert said.complaints == []
    assert browser.ask("document.querySelectorAll('button').length") > 0
    assert browser.ask("document.documentElement.scrollWidth") <= PHONE[0]
    assert "form-action 'self'" in said.headers["content-security-policy"]
