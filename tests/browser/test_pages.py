"""Every page as a person's browser shows it: whole, quiet, within the policy, for everybody, in both themes and on a phone."""

import json

import pytest

from support.browser import DESKTOP, PHONE
from support.parts import axe
from support.seeded import LONG, QUOTES, SCRIPT, SIGNALS, TURNED

# each page of the seeded state, and what it must say
PAGES = {
    "/": ["(sudden)", "addresses", "invoices", "orders", "sensors", "v2.0.0", "of the way to an alarm"],
    "/projects/addresses": [
        "v2.0.0",
        "text (0.68), entities (0.50)",
        "of the way to an alarm",
        "Loss of the model",
        "against 0.028, 29% of the way to an alarm; 96 labelled rows of window 22",
    ],
    "/projects/invoices": [
        "sudden",
        "amount is null in 40 % of the rows",
        "accuracy from 0.910 to 0.912",
        "unresolved",
    ],
    "/projects/orders": ["driftd approve", "the disk is full"],
    "/projects/sensors": ["none yet", "No window has been closed yet"],
    "/projects/hostile": [],
    "/projects/addresses/models": [
        "v1.0.0",
        "v2.0.0",
        "in production",
        "driftd-000009-000014-new.jsonl",
        "reload-address-server",
        "it answered 503",
        "Compare with",
    ],
    "/projects/addresses/models?old=v1.0.0&new=v2.0.0": [
        "v1.0.0 against v2.0.0",
        "-0.027",
        "1 to 9 files, 40 kB to 360 kB",
        "Tune on ten rows",
        "train.py",
        "params.yaml:train.rate",
        "0.05",
        "driftd diff addresses@v1.0.0 addresses@v2.0.0 --patch",
    ],
    "/projects/orders/models?old=v1.0.0&new=v1.0.0": ["cannot be compared: the settings have no project orders"],
    "/projects/invoices/intake": ["customers.pdf", "it begins like a PDF", "driftd quarantine retry"],
    "/projects/hostile/intake": ["driftd quarantine retry"],
    "/incidents/1": [
        "length.ks",
        "promotion",
        "run 2",
        "09-nationwide.jsonl arrived",
        "closed by promotion",
        "at least +0.089",
        "StreetNamePreType",
    ],
    "/incidents/4/explanation": [
        "The median rises from",
        "values never seen before",
        "of what moved",
        "What did not move",
    ],
    "/projects/invoices/distributions": ["The median rises from", "last window"],
    "/projects/sensors/distributions": ["no window has been held against a reference yet"],
    "/incidents/3": ["2026-11-13.csv", "schema"],
    "/runs/2": ["StreetNamePreType", "0.556", "+0.453 and +0.533", "at least 0.089 with 95% confidence"],
    "/runs/6": ["the disk is full"],
    "/runs/7": ["driftd approve 7", "scores.json:StreetName.f", "no"],
    "/runs/99": ["there is no run 99"],
    "/runbooks/DriftdDown": ["Prometheus has had no answer", "systemctl start driftd"],
    "/runbooks/99": ["there is no runbook"],
}
SEEN = """(() => {
  const said = [...document.querySelectorAll("title, [title], [aria-label], [href]")];
  return document.documentElement.innerText + said.map(e => e.textContent + e.title + e.getAttribute("aria-label")).join("\\n");
})()"""


@pytest.mark.slow
@pytest.mark.parametrize("path", PAGES)
def test_a_page_says_what_it_must_and_asks_no_other_host(browser, site, path):
    browser.look(size=DESKTOP)
    page = browser.open(site + path)
    assert page.status == (404 if path.endswith("99") else 200)
    text = browser.ask("document.body.innerText")
    assert [words for words in PAGES[path] if words not in text] == []
    assert [url for url in page.requests if not url.startswith(site)] == []
    missing = ["Failed to load resource: the server responded with a status of 404 (Not Found)"]
    assert page.complaints == (missing if page.status == 404 else [])
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'self'")
    assert "unsafe" not in policy


@pytest.mark.slow
@pytest.mark.parametrize("look", [(DESKTOP, False), (DESKTOP, True), (PHONE, False)], ids=["light", "dark", "phone"])
def test_axe_finds_no_serious_violation(browser, site, look):
    source = axe().read_text()
    size, dark = look
    browser.look(size=size, dark=dark)
    found = []
    for path in PAGES:
        browser.open(site + path)
        browser.ask(f"{source}; 0")
        said = browser.ask("axe.run(document, {resultTypes: ['violations']}).then(r => JSON.stringify(r.violations))")
        found += [
            (path, each["id"], [node["html"][:160] for node in each["nodes"]][:3])
            for each in json.loads(said)
            if each["impact"] in ("serious", "critical")
        ]
    assert found == []


@pytest.mark.slow
@pytest.mark.parametrize("path", PAGES)
def test_a_page_fits_a_phone(browser, site, path):
    browser.look(size=PHONE)
    browser.open(site + path)
    assert browser.ask("document.documentElement.scrollWidth") <= PHONE[0]


@pytest.mark.slow
@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_whole_without_a_script(browser, site, path):
    browser.look(size=DESKTOP, script=False)
    browser.open(site + path)
    browser.look(size=DESKTOP)
    text = browser.ask("document.body.innerText")
    assert [words for words in PAGES[path] if words not in text] == []


@pytest.mark.slow
def test_hostile_names_are_text(browser, site):
    browser.look(size=DESKTOP)
    seen = ""
    for path in hostile_pages(browser, site):
        page = browser.open(site + path)
        assert page.status == 200
        assert page.complaints == []
        assert browser.ask("document.querySelectorAll('main script, main [onerror], main img').length") == 0
        seen += browser.ask(SEEN)
    for name in (SCRIPT, QUOTES, LONG[:100]):
        assert name in seen
    assert TURNED[1:] in seen
    assert SIGNALS[1:-1] in seen
    assert "\u202e" not in seen, "a name may not turn the text behind it around"


def hostile_pages(browser, site) -> list[str]:
    browser.open(site + "/projects/hostile")
    links = browser.ask("[...document.querySelectorAll('main a')].map(a => a.getAttribute('href'))")
    return sorted({link for link in links if link.startswith(("/incidents/", "/runs/", "/projects/hostile"))})


@pytest.mark.slow
def test_every_page_is_reached_by_the_keyboard(browser, site):
    browser.look(size=DESKTOP)
    browser.open(site + "/projects/addresses")
    focusable = browser.ask(
        "[...document.querySelectorAll('a, summary, [tabindex]')].every(e => { e.focus(); return document.activeElement === e; })"
    )
    assert focusable
    assert browser.ask("document.querySelector('a').textContent") == "Skip to content"
