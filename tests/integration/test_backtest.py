"""`driftd backtest` with the stages of a real repository, which it leaves as it was."""

import csv
import json
import os
import random
import subprocess

import pytest
import yaml

from support.forest import forest_project, make_forest
from support.project import BIN, tool

pytestmark = pytest.mark.slow
FIRST, WINDOW, WINDOWS, TURN = 300, 50, 8, 3


def rows(path, last):
    """Write rows whose label follows from x, and from window TURN on its opposite."""
    rng = random.Random(1)
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["x", "z", "label"])
        for row in range(last):
            x, turned = rng.random(), row >= FIRST + (TURN - 1) * WINDOW
            out.writerow([f"{x:.6f}", f"{rng.random():.6f}", "yes" if (x > 0.5) is not turned else "no"])
    return path


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("backtest")
    rows(folder / "stream.csv", FIRST + WINDOW * WINDOWS)
    repository = make_forest(folder / "repository", rows(folder / "first.csv", FIRST), "label", trees=10)
    project = forest_project(
        repository,
        folder / "incoming",
        "label",
        window={"rows": WINDOW},
        drift={"scorer": {"command": ["python", "score.py", "{rows}", "{results}"]}, "ignore": ["label"]},
    )
    project["retrain"] |= {"min_rows": 100, "rows": "regime"}
    settings = folder / "driftd.yaml"
    settings.write_text(yaml.safe_dump({"state_dir": str(folder / "state"), "projects": {"forest": project}}))
    return folder


def backtest(folder, *words, code=0):
    words = [
        "backtest",
        folder / "stream.csv",
        "--first-rows",
        str(FIRST),
        "--no-oracle",
        "--every",
        "4",
        "--json",
        *words,
    ]
    env = os.environ | {"DRIFTD_CONFIG": str(folder / "driftd.yaml")}
    done = subprocess.run([BIN / "driftd", *words], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout) if code == 0 else done.stderr


def state_of(repository):
    return [
        tool(repository, "git", *words.split()) for words in ("for-each-ref", "status --porcelain", "worktree list")
    ]


def test_a_turn_of_the_labels_is_answered_and_what_is_kept_is_not_made_again(place):
    repository, kept = place / "repository", place / "kept"
    before = state_of(repository)
    said = backtest(place, "--keep", kept, "--html", place / "page.html")
    page = (place / "page.html").read_text()
    assert "default-src 'none'" in page
    assert all(f">{each['name']}<" in page for each in said["policies"])
    assert said["incidents"][0]["kind"] == "score"
    assert TURN <= said["incidents"][0]["opened"] <= TURN + 2
    policies = {each["name"]: each for each in said["policies"]}
    assert any(run["outcome"] == "promoted" for run in said["runs"])
    assert policies["driftd"]["score"] > policies["never"]["score"] + 0.1
    assert state_of(repository) == before
    assert not (place / "state").exists()

    made = {path: path.stat().st_mtime_ns for path in kept.rglob("made.json")}
    assert made
    assert backtest(place, "--keep", kept) == said
    assert {path: path.stat().st_mtime_ns for path in kept.rglob("made.json")} == made

    stream = place / "stream.csv"
    begins = stream.read_text().splitlines(keepends=True)[: 1 + FIRST + 2 * WINDOW]
    stream.write_text("".join(begins))  # another stream finds nothing of this one
    assert backtest(place, "--keep", kept) != said
    assert len(list(kept.iterdir())) == 2


def test_a_base_that_was_never_reproduced_is_named(place):
    tool(place / "repository", "git", "rm", "-q", "dvc.lock")
    tool(place / "repository", "git", "commit", "-q", "-m", "No lock")
    assert "dvc.lock: is not there" in backtest(place, code=5)
    assert tool(place / "repository", "git", "worktree", "list").count("\n") == 1
