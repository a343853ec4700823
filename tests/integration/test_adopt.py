"""driftd on a project that it did not make, while a person works in it: real scikit-learn, DVC, git, one real daemon."""

import json
import os
import re
import sqlite3
import subprocess
from pathlib import Path

import pytest

from support.adoption import BETTER, FIRST, QUIET, make_employment, person_at_work, rows, state_of
from support.daemon import Daemon, wait_until
from support.project import BIN, tool

pytestmark = pytest.mark.slow

WINDOW = 250
LAST = 5500
REGIME = 1250  # rows of the burst that the run waits for
LONGEST = 120  # seconds that a run may take


class Adopted:
    """The project, its settings as `driftd init --repository` makes them, its daemon, and what a person can ask it."""

    def __init__(self, folder: Path) -> None:
        self.repository = make_employment(folder / "employment")
        self.before_init = state_of(self.repository)
        self.committed_model = (self.repository / "model.pkl").read_bytes()
        self.settings = folder / "driftd" / "driftd.yaml"
        self.said = self.driftd("init", str(self.settings.parent), "--repository", str(self.repository))
        self.text = self.settings.read_text()
        self.daemon = Daemon(self.settings)
        self.arrived = 0

    def driftd(self, *words: str) -> str:
        clean = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
        env = clean | {"DRIFTD_CONFIG": str(self.settings)}
        done = subprocess.run([BIN / "driftd", *words], env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def json(self, *words: str):
        return json.loads(self.driftd(*words, "--json"))

    def decide(self) -> None:
        """Change what a person would look at first: no waiting after a run, more rows before one."""
        text = re.sub(r"listen: \S+?}", "listen: 127.0.0.1:0}", self.text)
        text = re.sub(r"min_rows: \d+", f"min_rows: {REGIME}", text)
        text = re.sub(r"cooldown: \w+", "cooldown: 0s", text)
        self.settings.write_text(text)

    def arrive(self, last: int) -> None:
        """Let files of a window each arrive up to a row of the set, and wait until all are judged."""
        first = FIRST + self.arrived
        for start in range(first, last, WINDOW):
            aside = self.settings.parent / "incoming" / f".{start}.csv.part"
            aside.write_text(rows(start, start + WINDOW))
            aside.rename(aside.with_name(f"{start}.csv"))
        self.arrived = last - FIRST
        windows = self.arrived // WINDOW
        query = "SELECT 1 FROM windows WHERE number = ? AND state <> 'closed'"
        wait_until(lambda: self.rows(query, windows), LONGEST, f"window {windows} is judged")

    def rows(self, query: str, *values: object):
        db = sqlite3.connect(f"file:{self.settings.parent}/state/journal.db?mode=ro", uri=True)
        try:
            return db.execute(query, values).fetchall()
        finally:
            db.close()

    def run(self, number: int, state: str):
        """Wait for a run's decision, and return it."""

        query = "SELECT state, decision FROM runs WHERE id = ? AND (ended_at IS NOT NULL OR state = 'waiting')"
        [(found, decision)] = wait_until(lambda: self.rows(query, number), LONGEST, f"a decision in run {number}")
        assert found == state, self.driftd("logs", str(number))
        return json.loads(decision)

    @property
    def model(self):
        return self.settings.parent / "state" / "employment" / "models" / "current" / "model.pkl"


def the_settings_say_what_was_found_and_what_was_assumed(adopted):
    project = adopted.json("config", "show")["projects"]["employment"]
    assert project["repository"] == str(adopted.repository)
    assert project["labels"] == ["employed"]
    assert project["window"]["rows"] == WINDOW
    assert project["retrain"] | {"env": None} == project["retrain"] | {
        "base": "main",
        "dataset": "data",
        "model": "model.pkl",
        "env": None,
    }
    assert project["retrain"]["env"]["path"] == [str(adopted.repository / ".venv" / "bin")]
    promote = project["promote"]
    assert promote["metric"] == "reports/metrics.json:roc_auc"
    assert promote["score_stages"] == ["prepare", "evaluate"]
    assert (promote["split"], promote["approval"], promote["per_row"]) == ("project", None, None)
    plain = " ".join(adopted.text.replace("#", " ").split())
    for said in (
        '`labels = [row.pop("employed") for row in rows]`',
        "approval is manual",
        "prepare treats each row by itself",
    ):
        assert said in plain
        assert said in " ".join(adopted.said.split()) or said.startswith("`")
    assert state_of(adopted.repository) == adopted.before_init
    assert adopted.json("config", "check")["ok"]


def the_burst_is_answered_while_a_person_works(adopted):
    with person_at_work(adopted.repository) as theirs:
        before = state_of(adopted.repository)
        wait_until(lambda: adopted.rows("SELECT 1 FROM projects WHERE state = 'active'"), LONGEST, "the first model")
        assert adopted.model.read_bytes() == adopted.committed_model
        adopted.arrive(QUIET)
        assert adopted.json("incidents", "list", "--all") == []
        adopted.arrive(QUIET + REGIME)
        decision = adopted.run(2, "waiting")
        [incident] = adopted.json("incidents", "list", "--all")
        assert (incident["kind"], incident["onset_window"]) == ("drift", (QUIET - FIRST) // WINDOW + 1)
        assert (decision["verdict"], decision["method"]) == ("promote", "plain difference")
        adopted.driftd("approve", "2")
        assert adopted.run(2, "promoted")["approval"]["word"] == "approved"
        assert theirs.poll() is None
        assert state_of(adopted.repository) == before
    assert theirs.returncode == 0
    assert state_of(adopted.repository)[".git/index"] == before[".git/index"]
    assert tool(adopted.repository, "git", "diff", "--name-only").split() == [
        "README.md",
        "dvc.lock",
        "params.yaml",
        "reports/metrics.json",
        "src/train.py",
    ]
    assert adopted.json("incidents", "list") == []


def the_next_run_uses_what_was_committed_since(adopted):
    tool(adopted.repository, "git", "checkout", "-q", "--", ".")
    (adopted.repository / "src" / "train.py").write_text(BETTER)
    tool(adopted.repository, "git", "commit", "-q", "-m", "Trees", "src/train.py")
    adopted.arrive(LAST)
    adopted.driftd("trigger", "employment")
    assert adopted.run(3, "waiting")["difference"] > 0.01
    adopted.driftd("approve", "3")
    adopted.run(3, "promoted")
    assert tool(adopted.repository, "git", "show", "employment@v3.0.0:src/train.py") == BETTER
    assert b"RandomForestClassifier" in adopted.model.read_bytes()


def the_history_reads_well(adopted):
    graph = tool(adopted.repository, "git", "log", "--graph", "--format=%s", "main", "driftd/employment")
    plain = [re.sub(r"\d\.\d{3}", "N", line.rstrip()) for line in graph.splitlines()]
    assert plain == [
        "*   employment v3.0.0: roc_auc N -> N",
        "|\\",
        "| * Trees",
        "* | employment v2.0.0: roc_auc N -> N",
        "|/",
        "* Who is employed: a logistic regression",
    ]
    shown = json.loads(tool(adopted.repository, "gto", "show", "--json"))
    assert [found["version"] for found in shown.values()] == ["v3.0.0"]


def test_a_project_that_driftd_did_not_make(tmp_path):
    adopted = Adopted(tmp_path)
    the_settings_say_what_was_found_and_what_was_assumed(adopted)
    adopted.decide()
    with adopted.daemon:
        the_burst_is_answered_while_a_person_works(adopted)
        the_next_run_uses_what_was_committed_since(adopted)
        assert adopted.json("verify") == {"ok": True, "findings": []}
    the_history_reads_well(adopted)
