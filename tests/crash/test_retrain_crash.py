"""A daemon that is killed anywhere in a run goes on with it, and ends as if nothing had happened.

Every case starts from the same bytes in the same place and with the same clock, so that even the commits must be the same.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from driftd.journal import tables
from driftd.journal.records import RunState
from driftd.retrain.process import launcher
from driftd.retrain.publication import model_store
from support.killed import TRACED
from support.parts import require
from support.project import copy_project, tool
from support.retraining import Retraining

pytestmark = pytest.mark.slow

SUPPORT = Path(__file__).parents[1]
KILLED = -9

PREPARING = [
    ("begun", "after prepare"),
    ("begun", "call dataset.dvc_dataset:add_files"),
    ("begun", "log $ dvc add"),
    ("begun", "return dataset.dvc_dataset:add_files"),
    ("begun", "before snapshot"),
    ("begun", "after snapshot"),
    ("added", "log Running stage 'train'"),
    ("added", "before reproduce"),
    ("added", "after reproduce"),
    ("trained", "log $ /bin/sh -c python stages.py evaluate"),
    ("trained", "before score"),
    ("trained", "after score"),
]
PUBLISHING = [
    ("scored", "before decide"),
    ("scored", "after decide"),
    ("scored", "after number"),
    ("scored", "call publication.model_store:durable_rename"),
    ("scored", "return publication.model_store:make"),
    ("scored", "after copy"),
    ("copied", "call repository.git:Git.update"),
    ("copied", "return repository.git:Git.update"),
    ("copied", "before commit"),
    ("copied", "after commit"),
    ("copied", "call steps.publication:point_link"),
    ("copied", "return steps.publication:point_link"),
    ("copied", "after point"),
    ("copied", "call steps.outcome:promote"),
    ("copied", "return steps.outcome:promote"),
]
FIRST = [
    "after prepare",
    "return publication.model_store:make",
    "before reference",
    "return repository.git:Git.update",
    "return steps.publication:point_link",
]
RECALL = [
    ("returned", "before snapshot"),
    ("returned", "log $ /bin/sh -c python stages.py evaluate"),
    ("returned", "before score"),
    ("weighed", "after decide"),
    ("weighed", "return repository.git:Git.update"),
    ("weighed", "return steps.publication:point_link"),
    ("weighed", "return steps.outcome:recall"),
]


@dataclass
class Place:
    """One folder with a repository and its state; `save` and `restore` copy all of it, paths stay the same."""

    folder: Path
    server: "subprocess.Popen[str]"

    @property
    def kinds(self) -> Retraining:
        return Retraining(self.folder / "live" / "repository", self.folder / "live" / "state")

    def save(self, name: str) -> None:
        shutil.copytree(self.folder / "live", self.folder / name, symlinks=True)

    def restore(self, name: str) -> None:
        shutil.rmtree(self.folder / "live")
        shutil.copytree(self.folder / name, self.folder / "live", symlinks=True)

    def words(self, run: int, point: str) -> list[str]:
        live = self.folder / "live"
        return [str(live / "repository"), str(live / "state"), str(run), point]

    def execute(self, run: int, point: str = "") -> int:
        """Execute a run in a process of its own; return how that ended."""
        print(json.dumps(self.words(run, point)), file=self.server.stdin, flush=True)
        return int(self.server.stdout.readline())

    def traced(self, run: int, *strace: str) -> int:
        """Execute a run below strace."""
        print(json.dumps(self.words(run, TRACED)), file=self.server.stdin, flush=True)
        pid = int(self.server.stdout.readline())
        with subprocess.Popen([*strace, "-p", str(pid)], stderr=subprocess.PIPE, text=True) as tracer:
            attached = tracer.stderr.readline()
            assert "attached" in attached, attached
            os.kill(pid, signal.SIGCONT)
            ended = int(self.server.stdout.readline())
            tracer.communicate()
        return ended

    def outcome(self) -> dict[str, Any]:
        """Return everything that a run leaves behind, but for its log and the times that it took."""
        kinds = self.kinds
        repository = kinds.repository
        journal = kinds.journal
        state = {
            "refs": tool(repository, "git", "for-each-ref", "--format=%(refname) %(objectname)"),
            "locks": [path.name for path in (repository / ".git").rglob("*.lock")],
            "pointer": kinds.layout.current.readlink() if kinds.layout.current.is_symlink() else None,
            "models": {path.name: model_store.digest(path) for path in kinds.layout.models.glob("v*")},
            "litter": sorted(path.name for path in kinds.layout.models.glob(".*")),
            "batches": sorted(path.name for path in kinds.layout.batches.glob("*")),
            "references": sorted(path.name for path in kinds.layout.references.glob("*")),
            "tables": [
                table.all(journal)
                for table in (
                    tables.projects,
                    tables.windows,
                    tables.runs,
                    tables.steps,
                    tables.models,
                    tables.assignments,
                    tables.references,
                )
            ],
            "events": [(event.kind, event.subject, event.data) for event in tables.events.all(journal)],
        }
        journal.close()
        return state

    def clean_up(self) -> None:
        kinds = self.kinds
        kinds.runner.clean_up()
        kinds.journal.close()

    def ready(self, name: str, *windows: str, cause: str, **plan: Any) -> None:
        """Let windows arrive and a run begin, at the time at which all runs are, and save it."""
        kinds = self.kinds
        kinds.journal.clock = lambda: 1_700_000_000.0
        for letters in windows:
            kinds.arrive(len(tables.windows.all(kinds.journal)) + 1, letters)
        kinds.start(cause, **plan)
        kinds.journal.close()
        self.save(name)

    def undisturbed(self, run: int) -> dict[str, Any]:
        assert self.execute(run) == 0
        end = self.outcome()
        assert end["tables"][2][run - 1].state is RunState.PROMOTED
        return end

    def halted(self, begin: str, run: int, **after: str) -> None:
        """Save a run at the end of each of these steps."""
        self.restore(begin)
        for step, name in after.items():
            assert self.execute(run, f"after {step}") == KILLED
            self.clean_up()
            self.save(name)


def environment() -> dict[str, str]:
    path = os.pathsep.join(filter(None, [str(SUPPORT), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path}


@pytest.fixture(scope="module")
def server() -> Iterator["subprocess.Popen[str]"]:
    words = [sys.executable, "-m", "support.killed"]
    with subprocess.Popen(
        words, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.stdin.close()


@pytest.fixture(scope="module")
def made(template, server, tmp_path_factory) -> tuple[Place, dict[str, dict[str, Any]]]:
    """A place, and how its three runs end undisturbed.

    `new` has no champion; `begun` has a run to do; `added`, `trained`, `scored` and `copied` have it done up to there;
    `returned` has a champion to recall, and `weighed` has that done up to its scores.
    """
    place = Place(tmp_path_factory.mktemp("crash"), server)
    copy_project(template, place.folder / "live" / "repository")
    ends = {}
    place.ready("new", cause="first-model")
    ends["new"] = place.undisturbed(1)
    place.ready("begun", "ab", "cd", cause="drift", windows=[1, 2], regime_from=2)
    ends["begun"] = place.undisturbed(2)
    place.ready("returned", "ab", cause="recall", windows=[3, 3], regime_from=3, recall=1, alarm=3)
    ends["returned"] = place.undisturbed(3)
    place.halted("begun", 2, snapshot="added", reproduce="trained", score="scored", copy="copied")
    place.halted("returned", 3, score="weighed")
    return place, ends


@pytest.fixture(scope="module")
def place(made) -> Place:
    return made[0]


@pytest.fixture(scope="module")
def undisturbed(made) -> dict[str, dict[str, Any]]:
    return made[1]


def nothing_goes_on(root: Path) -> None:
    """Wait for a keeper that carried no mark yet when its parent was killed: it ends by itself and starts no command."""
    until = time.monotonic() + 5
    while left := launcher.marked(root):
        assert time.monotonic() < until, left
        threading.Event().wait(0.01)


def resumed(place: Place, run: int) -> dict[str, Any]:
    place.clean_up()
    nothing_goes_on(place.folder / "live" / "state" / "kinds")
    assert place.execute(run) == 0
    return place.outcome()


@pytest.mark.parametrize(("begin", "point"), PREPARING)
def test_killed_while_it_prepares(place, undisturbed, begin, point):
    place.restore(begin)
    assert place.execute(2, point) == KILLED
    assert resumed(place, 2) == undisturbed["begun"]


@pytest.mark.parametrize(("begin", "point"), PUBLISHING)
def test_killed_while_it_publishes(place, undisturbed, begin, point):
    place.restore(begin)
    assert place.execute(2, point) == KILLED
    assert resumed(place, 2) == undisturbed["begun"]


@pytest.mark.parametrize("point", FIRST)
def test_killed_while_it_makes_the_first_champion(place, undisturbed, point):
    place.restore("new")
    assert place.execute(1, point) == KILLED
    assert resumed(place, 1) == undisturbed["new"]


@pytest.mark.parametrize(("begin", "point"), RECALL)
def test_killed_while_it_recalls_an_earlier_champion(place, undisturbed, begin, point):
    place.restore(begin)
    assert place.execute(3, point) == KILLED
    assert resumed(place, 3) == undisturbed["returned"]


def test_killed_again_and_again(place, undisturbed):
    place.restore("begun")
    for point in (
        "before snapshot",
        "log Running stage 'train'",
        "return repository.git:Git.update",
        "return steps.publication:point_link",
    ):
        assert place.execute(2, point) == KILLED
    assert resumed(place, 2) == undisturbed["begun"]


def test_killed_while_dvc_writes_its_lock(place, undisturbed):
    place.restore("begun")
    assert place.execute(2, "log Running stage 'train'") == KILLED
    place.clean_up()
    [lock] = (place.folder / "live" / "state").rglob(".dvc/tmp/rwlock")
    lock.write_bytes(b"")
    assert resumed(place, 2) == undisturbed["begun"]


def test_killed_between_two_references_of_one_promotion(place, undisturbed):
    place.restore("copied")
    assert place.execute(2, "call repository.git:Git.update") == KILLED
    branch = next(line for line in undisturbed["begun"]["refs"].splitlines() if "refs/heads/driftd/" in line).split()
    tool(place.folder / "live" / "repository", "git", "update-ref", branch[0], branch[1])
    assert resumed(place, 2) == undisturbed["begun"]


def test_killed_at_every_write_from_the_commit_on(place, undisturbed, tmp_path):
    calls = "fsync,fdatasync,rename,symlink,symlinkat,unlink,pwrite64"
    points = 0
    for number in range(1, 200, 3):
        place.restore("copied")
        inject = f"inject={calls}:signal=SIGKILL:when={number}"
        strace = (require("strace"), "-o", str(tmp_path / "trace"), "-e", f"trace={calls}", "-e", inject)
        if (code := place.traced(2, *strace)) == 0:
            break
        assert code == KILLED
        points += 1
        assert resumed(place, 2) == undisturbed["begun"], f"killed at write {number}"
    assert points >= 5
