"""The demo as a stranger runs it, and what they can do with what it leaves: real data, spaCy, DVC, GTO, one real daemon."""

import hashlib
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.daemon import http_get, wait_until
from support.project import share_cache, tool

pytestmark = pytest.mark.slow

LONGEST = 180  # seconds that the demo may take on two cores
OWN = Path(sys.executable).with_name("driftd")


class Kept:
    """`driftd demo --keep DIR` that has told its story and waits for Ctrl-C."""

    def __init__(self, folder):
        self.folder = folder / "kept"
        self.said = folder / "demo.txt"
        began = time.monotonic()
        with self.said.open("wb") as out:
            self.process = subprocess.Popen([OWN, "demo", "--keep", self.folder], stdout=out, stderr=out)
        wait_until(self.is_told, 2 * LONGEST, "the end of the demo")
        self.seconds = time.monotonic() - began

    @property
    def text(self):
        return self.said.read_text("utf-8")

    def is_told(self):
        assert self.process.poll() is None, self.text
        return "until Ctrl-C" in self.text

    def driftd(self, *words, code=0):
        env = {**os.environ, "DRIFTD_CONFIG": str(self.folder / "driftd.yaml")}
        done = subprocess.run([OWN, *words], env=env, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def json(self, *words):
        return json.loads(self.driftd(*words, "--json"))

    def rows(self, query):
        db = sqlite3.connect(f"file:{self.folder}/state/journal.db?mode=ro", uri=True)
        try:
            return db.execute(query).fetchall()
        finally:
            db.close()

    @property
    def project(self):
        return self.json("status")["projects"][0]

    @property
    def served(self):
        return contents(self.folder / "state" / "addresses" / "models" / "current")


def contents(folder):
    """Return every file below a folder with the hash of its bytes."""
    folder = folder.resolve()
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    kept = Kept(tmp_path_factory.mktemp("demo"))
    yield kept
    kept.process.send_signal(signal.SIGINT)
    assert kept.process.wait(60) == 0, kept.text


def test_it_is_told_in_three_minutes(kept):
    assert kept.seconds < LONGEST
    assert "Traceback" not in kept.text
    assert "driftd show 2" in kept.text


def test_quiet_files_raise_no_alarm_and_the_change_does_within_two_windows(kept):
    alarms = [
        number
        for number, verdict in kept.rows("SELECT number, verdict FROM windows WHERE verdict IS NOT NULL")
        if json.loads(verdict)["alarm"]
    ]
    assert len(alarms) == 1
    assert 8 < alarms[0] <= 10
    [incident] = kept.json("incidents", "list", "--all")
    assert (incident["kind"], incident["state"], incident["resolution"]) == ("drift", "closed", "promotion")
    assert incident["onset_window"] == 9


def test_what_kind_of_change_it_was_is_known_once_its_regime_is_there(kept):
    [incident] = kept.json("incidents", "list", "--all")
    assert incident["pattern"] == {"kind": "sudden", "onset_window": 9, "regime": None}
    assert "sudden" in kept.driftd("incidents", "list", "--all")


def test_the_candidate_is_better_where_it_matters_and_no_worse_where_it_was_good(kept):
    [[decision]] = kept.rows("SELECT decision FROM runs WHERE id = 2")
    regimes = json.loads(decision)["by_regime"]
    assert regimes["new"]["rows"] >= 100
    assert regimes["new"]["champion"] < 0.6
    assert regimes["new"]["candidate"] > 0.8
    assert regimes["older"]["candidate"] > 0.97
    assert regimes["older"]["champion"] > 0.97


def test_a_tag_brings_back_the_very_bytes_that_the_pointer_serves(kept, tmp_path):
    clone = tmp_path / "clone"
    tool(tmp_path, "git", "clone", "-q", str(kept.folder), str(clone))
    tool(clone, "git", "checkout", "-q", "addresses@v2.0.0")
    share_cache(kept.folder, clone)
    tool(clone, "dvc", "checkout", "-q")
    assert kept.project["champion"]["version"] == "v2.0.0"
    assert contents(clone / "model") == kept.served


def test_gto_and_git_know_versions_and_production(kept):
    shown = json.loads(tool(kept.folder, "gto", "show", "addresses", "--json"))
    assert {version["version"] for version in shown} == {"v1.0.0", "v2.0.0"}
    [production] = json.loads(tool(kept.folder, "gto", "show", "--json")).values()
    assert production["version"] == "v2.0.0"
    parents = tool(kept.folder, "git", "log", "-1", "--format=%P", "driftd/addresses").split()
    names = [
        tool(kept.folder, "git", "rev-parse", f"{name}^{{commit}}").strip() for name in ("addresses@v1.0.0", "main")
    ]
    assert set(parents) <= set(names)
    assert tool(kept.folder, "git", "status", "--porcelain") == ""


def test_pages_metrics_and_health_answer(kept):
    url = kept.json("status")["daemon"]["url"]
    assert http_get(url + "readyz").status == 200
    assert "driftd_window" in http_get(url + "metrics").text
    page = http_get(url)
    assert page.status == 200
    assert "addresses" in page.text


def test_the_words_that_came_and_went_are_named_and_not_kept(kept):
    [incident] = kept.json("incidents", "list", "--all")
    url = kept.json("status")["daemon"]["url"]
    columns = json.loads(http_get(f"{url}api/v1/incidents/{incident['id']}/explanation").text)
    terms = {each["name"]: {(term["term"], term["label"]) for term in each["terms"]} for each in columns}
    assert ("ia", "") in terms["text"]
    assert ("ia", "StateName") in terms["entities"]
    assert re.search(r"words that came +il 0% to \d+%", kept.text)
    assert re.search(r"words that went +ia 100% to \d+%", kept.text)
    assert "“ia” as StateName" in http_get(f"{url}incidents/{incident['id']}/explanation").text
    state = (kept.folder / "state" / "addresses" / folder for folder in ("references", "windows"))
    assert not any(b"cedar rapids" in path.read_bytes().lower() for folder in state for path in folder.iterdir())


def test_a_run_a_model_and_what_differs_are_shown(kept):
    run = kept.json("show", "2")
    assert (run["state"], run["champion"], run["version"]) == ("promoted", "v1.0.0", "v2.0.0")
    assert "The candidate is better" in kept.driftd("show", "2")
    assert kept.json("show", "addresses@v2.0.0")["batches"] == kept.json("diff", "v1.0.0", "v2.0.0")["data"]["batches"]
    assert "in production" in kept.driftd("show", "v2.0.0")
    said = kept.driftd("diff", "v1.0.0", "v2.0.0", "--patch")
    assert "1 to 3 files" in said
    assert "scores.json:ZipCode.f" in said
    kept.driftd("report", "addresses", "--html", str(kept.folder / "report.html"))
    assert "Made of all rows" in (kept.folder / "report.html").read_text()
    kept.driftd("show", "99", code=2)
    kept.driftd("diff", "v1.0.0", "v9.0.0", code=2)


def test_everything_agrees(kept):
    assert kept.json("verify") == {"ok": True, "findings": []}


def test_six_sentences_of_another_kind_go_through_the_inbox(kept):
    sentences = [
        ["Uber blew through $1 million a week", [[0, 4, "ORG"]]],
        ["Android Pay expands to Canada", [[0, 11, "PRODUCT"], [23, 30, "GPE"]]],  # well known, and one past the end
        ["Spotify steps up Asia expansion", [[0, 8, "ORG"], [17, 21, "LOC"]]],
        ["Google Maps launches location sharing", [[0, 11, "PRODUCT"]]],
        ["Google rebrands its business apps", [[0, 6, "ORG"]]],
        ["look what i found on google! 😂", [[21, 27, "PRODUCT"]]],
    ]
    before = kept.project["files"]["admitted"]
    aside = kept.folder / "incoming" / ".data.json.part"
    aside.write_text(json.dumps({"spacy_data": sentences}), "utf-8")
    aside.rename(kept.folder / "incoming" / "data.json")
    wait_until(lambda: kept.project["files"]["admitted"] == before + 1, what="the file is admitted")
    assert kept.rows("SELECT rows, bad_rows FROM files WHERE name = 'data.json'") == [(6, 0)]


def test_a_rollback_changes_the_served_bytes_back(kept):
    """Last, as it changes what is in production."""
    models = kept.folder / "state" / "addresses" / "models"
    first, second = contents(models / "v1.0.0"), kept.served
    assert first != second
    kept.driftd("rollback", "addresses")
    wait_until(lambda: kept.project["champion"]["version"] == "v1.0.0", what="the rollback")
    assert kept.served == first
    assert kept.json("verify")["ok"]
