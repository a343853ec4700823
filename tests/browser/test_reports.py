"""Reports as a person opens them: a file, without a network, in both themes."""

import json

import pytest

from driftd.cli.main import build_app
from support.browser import DESKTOP, PHONE
from support.daemon import write_settings
from support.parts import axe
from support.seeded import SCRIPT, TURNED, rows


def driftd(*words) -> None:
    build_app()([str(word) for word in words], standalone_mode=False)


@pytest.fixture(scope="module")
def check(tmp_path_factory):
    folder = tmp_path_factory.mktemp("check")
    for name, batch in (("before", rows(1500, 60.0, "DE", 1)), ("now", rows(600, 110.0, SCRIPT + TURNED, 2))):
        table = batch.to_pydict()
        table["a '><b>"] = table.pop("channel")
        lines = [dict(zip(table, map(str, row), strict=True)) for row in zip(*table.values(), strict=True)]
        (folder / f"{name}.jsonl").write_text("\n".join(map(json.dumps, lines)))
    driftd("check", folder / "before.jsonl", folder / "now.jsonl", "--html", folder / "report.html")
    return folder / "report.html"


@pytest.fixture(scope="module")
def incident(state, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    project = {"repository": str(folder), "source": {"path": str(folder / "in")}}
    settings = write_settings(folder, {"invoices": project}, state_dir=str(state))
    driftd("report", "invoices", "-c", settings, "--html", folder / "report.html")
    return folder / "report.html"


@pytest.mark.slow
@pytest.mark.parametrize("look", [(DESKTOP, False), (DESKTOP, True), (PHONE, False)], ids=["light", "dark", "phone"])
@pytest.mark.parametrize("report", ["check", "incident"])
def test_a_report_is_one_quiet_file_for_everybody(browser, request, report, look):
    size, dark = look
    browser.look(size=size, dark=dark)
    page = browser.open(request.getfixturevalue(report).as_uri())
    assert page.complaints == []
    assert [url for url in page.requests if not url.startswith(("file:", "data:"))] == []
    assert browser.ask("document.documentElement.scrollWidth") <= size[0]
    assert browser.ask("getComputedStyle(document.querySelector('h1')).fontSize") == "28px", (
        "the policy admits its style"
    )
    browser.ask(f"{axe().read_text()}; 0")
    said = browser.ask("axe.run(document, {resultTypes: ['violations']}).then(r => JSON.stringify(r.violations))")
    assert [each["id"] for each in json.loads(said) if each["impact"] in ("serious", "critical")] == []


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/incidents/4/report", "/runs/4/report", "/runs/6/report"])
def test_the_daemon_answers_with_the_same_report(browser, site, path):
    browser.look()
    page = browser.open(site + path)
    assert (page.status, page.complaints) == (200, [])
    assert [url for url in page.requests if url != site + path and not url.startswith("data:")] == []
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert browser.ask("getComputedStyle(document.querySelector('h1')).fontSize") == "28px"
    wanted = "the disk is full" if path == "/runs/6/report" else "accuracy from 0.910 to 0.912"
    assert wanted in browser.ask("document.body.innerText")
    if path != "/runs/6/report":
        assert "900 of the new regime and 210 older ones" in browser.ask("document.body.innerText")
        files = "[...document.querySelectorAll('[aria-label=\"What the candidate was made of\"] tbody tr')].map(row => row.innerText)"
        [older, new] = browser.ask(files)
        assert older.split() == ["first-driftd-0123456789ab.csv", "210", "older"]
        assert new.startswith(SCRIPT)
        assert "\\u202egnp.exe" in new


@pytest.mark.slow
def test_the_report_of_a_check_says_what_moved(browser, check):
    browser.look()
    browser.open(check.as_uri())
    text = browser.ask("document.body.innerText")
    assert "The data has drifted" in text
    assert SCRIPT in text
    assert "\\u202egnp.exe" in text
    assert browser.ask("[...document.querySelectorAll('main script, main b, main img')].length") == 0


@pytest.mark.slow
def test_the_report_of_an_incident_holds_the_answer(browser, incident):
    browser.look()
    browser.open(incident.as_uri())
    text = browser.ask("document.body.innerText")
    assert "The median rises from" in text
    assert "accuracy from 0.910 to 0.912" in text
    assert "From file to answer" in text
