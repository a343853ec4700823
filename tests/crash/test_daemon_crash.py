"""The daemon is killed with SIGKILL while it works; afterwards all is as if nothing had happened. It does not model the loss of power."""

import json
import shutil
from pathlib import Path

import pytest

from support.daemon import wait_until
from support.project import tool
from support.running import RETRAIN, Kinds, left_over

pytestmark = pytest.mark.slow

TESTS = Path(__file__).parents[1]
# A train stage that waits for a file, so that a test can kill the daemon while it trains.
GATE = """
    import os, time
    gate = pathlib.Path(os.environ["GATE"])
    while gate.is_dir() and not (gate / "open").exists():
        (gate / "reached").touch()
        time.sleep(0.02)
"""


@pytest.fixture(scope="module")
def begun(watched, tmp_path_factory):
    """Its first model is made, the next can be held up. Every test gets the folder as it was then, in the same place."""
    folder = tmp_path_factory.mktemp("daemon") / "live"
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GATE", str(folder / "gate"))
        env = RETRAIN["env"] | {"pass": ["GATE"]}
        kinds = Kinds.copy(watched, folder, retrain=RETRAIN | {"env": env})
        stages = kinds.repository / "stages.py"
        stages.write_text(stages.read_text().replace("def train():\n", f"def train():{GATE}"))
        tool(kinds.repository, "git", "commit", "-q", "-a", "-m", "A stage that can be held up")
        shutil.copytree(folder, folder.with_name("begun"), symlinks=True)
        yield kinds


@pytest.fixture
def kinds(begun):
    shutil.rmtree(begun.folder)
    shutil.copytree(begun.folder.with_name("begun"), begun.folder, symlinks=True)
    return begun


def all_is_well(kinds, models):
    """What holds after any crash, once all work is done."""
    assert kinds.json("verify") == {"ok": True, "findings": []}
    assert kinds.one("SELECT count(*) FROM models") == models
    tags = tool(kinds.repository, "git", "tag", "--list").split()
    assert sorted(tags) == sorted(
        [f"kinds@v{n}.0.0" for n in range(1, models + 1)] + [f"kinds#prod#{n}" for n in range(1, models + 1)]
    )
    assert left_over(kinds.folder / "state") == []
    assert tool(kinds.repository, "git", "status", "--porcelain") == ""


def test_killed_again_and_again_while_it_ingests(kinds):
    """Every row is there once, in the order of arrival, in windows that no restart has changed."""
    files = 24
    for number in range(1, files + 1):
        kinds.drop(number, "ab")
    for admitted in (1, 5, 11, 18):
        daemon = kinds.daemon().start(ready=False)
        wait_until(
            lambda least=admitted: kinds.one("SELECT count(*) FROM files WHERE state = 'admitted'") >= least,
            what=f"{admitted} files are admitted",
        )
        daemon.kill()
    with kinds.daemon():
        wait_until(
            lambda: kinds.one("SELECT count(*) FROM windows WHERE state = 'judged'") == files, what="all windows"
        )
    assert kinds.rows("SELECT name, rows FROM files ORDER BY id") == [
        (f"{number}.csv", 60) for number in range(1, files + 1)
    ]
    assert kinds.one("SELECT sum(rows) FROM windows") == 60 * files
    spans = [span for (row,) in kinds.rows("SELECT spans FROM windows ORDER BY number") for span in json.loads(row)]
    assert spans == [[number, 0, 60] for number in range(1, files + 1)]
    all_is_well(kinds, models=1)


def drift(kinds):
    kinds.drop(1, "ab")
    kinds.drop(2, "cd")
    kinds.drop(3, "cd")


def test_killed_while_a_stage_trains(kinds):
    gate = kinds.folder / "gate"
    gate.mkdir()
    daemon = kinds.daemon().start()
    drift(kinds)
    wait_until((gate / "reached").exists, 60, "the stage trains")
    [before] = training(kinds)
    daemon.kill()
    with kinds.daemon():
        wait_until(lambda: set(training(kinds)) - {before}, 60, "the stage trains again")
        assert len(training(kinds)) == 1
        (gate / "open").touch()
        kinds.wait_for_event("run-promoted", times=2)
    assert kinds.rows("SELECT id, state FROM runs") == [(1, "promoted"), (2, "promoted")]
    all_is_well(kinds, models=2)


def training(kinds):
    return [pid for pid in left_over(kinds.folder / "state") if trains(pid)]


def trains(pid):
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except FileNotFoundError:  # it has ended since
        return False
    return words[1:3] == [b"stages.py", b"train"]


@pytest.mark.parametrize(
    "point",
    [
        "call retrain.steps.publication:commit",
        "call retrain.repository.git:Git.update",
        "return retrain.repository.git:Git.update",
        "return retrain.steps.publication:point_link",
    ],
)
def test_killed_between_commit_tags_and_pointer(kinds, point):
    before = kinds.served
    daemon = kinds.daemon(module="support.dying", env={"PYTHONPATH": str(TESTS), "DIE_AT": point}).start()
    drift(kinds)
    assert daemon.wait(90) == -9
    with kinds.daemon():
        kinds.wait_for_event("run-promoted", times=2)
        wait_until(lambda: not kinds.json("incidents", "list"), what="the incident is closed")
    assert kinds.served != before
    assert kinds.one("SELECT count(*) FROM incidents") == 1
    all_is_well(kinds, models=2)
