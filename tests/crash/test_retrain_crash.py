"""A daemon that is killed anywhere in a run goes on with it, and ends as if nothing had happened.

Every case starts from the same bytes in the same place and with the same clock, so that even the commits must be the same.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from driftd.journal import tables
from driftd.journal.records import RunState
from driftd.retrain import processes, served
from support.parts import require
from support.project import make_project, tool
from support.retraining import Retraining

pytestmark = pytest.mark.slow

SUPPORT = Path(__file__).parents[1]
KILLED = -9

PREPARING = [
    ("begun", "after prepare"),
    ("begun", "call dataset.add_files"),
    ("begun", "log $ dvc add"),
    ("begun", "return dataset.add_files"),
    ("begun", "before snapshot"),
    ("begun", "after snapshot"),
    ("added", "log Running stage 'train'"),
    ("added", "before reproduce"),
    ("added", "after reproduce"),
    ("trained", "log Running stage 'evaluate'"),
    ("trained", "before score"),
    ("trained", "after score"),
]
PUBLISHING = [
    "before decide",
    "after decide",
    "after number",
    "call served.durable_rename",
    "return served.make",
    "after copy",
    "call git.Git.update",
    "return git.Git.update",
    "before commit",
    "after commit",
    "call publish.point_link",
    "return publish.point_link",
    "after point",
    "call finish.promote",
    "return finish.promote",
]
FIRST = [
    "after prepare",
    "return served.make",
    "before reference",
    "return git.Git.update",
    "return publish.point_link",
]
RECALL = [
    "before snapshot",
    "log Running stage 'evaluate'",
    "before score",
    "after decide",
    "return git.Git.update",
    "return publish.point_link",
    "return finish.recall",
]


@dataclass
class Place:
    """One folder with a repository and its state; `save` and `restore` copy all of it, paths stay the same."""

    folder: Path

    @property
    def kinds(self) -> Retraining:
        return Retraining(self.folder / "live" / "repository", self.folder / "live" / "state")

    def save(self, name: str) -> None:
        shutil.copytree(self.folder / "live", self.folder / name, symlinks=True)

    def restore(self, name: str) -> None:
        shutil.rmtree(self.folder / "live")
        shutil.copytree(self.folder / name, self.folder / "live", symlinks=True)

    def execute(self, run: int, point: str = "", *wrapper: str) -> int:
        """Execute a run in a process of its own; return how that ended."""
        live = self.folder / "live"
        words = [*wrapper, sys.executable, "-m", "support.killed", live / "repository", live / "state", str(run), point]
        path = os.pathsep.join(filter(None, [str(SUPPORT), os.environ.get("PYTHONPATH")]))
        return subprocess.run(words, env={**os.environ, "PYTHONPATH": path}, check=False, timeout=120).returncode

    def outcome(self) -> dict[str, Any]:
        """Return everything that a run leaves behind, but for its log and the times that it took."""
        kinds = self.kinds
        repository = kinds.repository
        journal = kinds.journal
        state = {
            "refs": tool(repository, "git", "for-each-ref", "--format=%(refname) %(objectname)"),
            "locks": [path.name for path in (repository / ".git").rglob("*.lock")],
            "pointer": kinds.layout.current.readlink() if kinds.layout.current.is_symlink() else None,
            "models": {path.name: served.digest(path) for path in kinds.layout.models.glob("v*")},
            "litter": sorted(path.name for path in kinds.layout.models.glob(".*")),
            "batches": sorted(path.name for path in kinds.layout.batches.glob("*")),
            "references": sorted(path.name for path in kinds.layout.references.glob("*")),
            "tables": [
                table.all(journal)
                for table in (tables.projects, tables.windows, tables.runs, tables.steps, tables.models,
                              tables.assignments, tables.references)
            ],
            "events": [(event.kind, event.subject, event.data) for event in tables.events.all(journal)],
        }  # fmt: skip
        journal.close()
        return state

    def clean_up(self) -> None:
        kinds = self.kinds
        kinds.runner.clean_up()
        kinds.journal.close()


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Place:
    """`new` has no champion; `begun` has a run to do; `added`, `trained` and `scored` have it done up to there; `returned` has a champion to recall."""
    place = Place(tmp_path_factory.mktemp("crash"))
    make_project(place.folder / "live" / "repository")
    kinds = place.kinds
    kinds.journal.clock = lambda: 1_700_000_000.0
    kinds.start("first-model")
    kinds.journal.close()
    place.save("new")
    assert place.execute(1) == 0
    place.save("first")
    kinds = place.kinds
    kinds.journal.clock = lambda: 1_700_000_000.0
    kinds.arrive(1, "ab")
    kinds.arrive(2, "cd")
    kinds.start("drift", windows=[1, 2], regime_from=2)
    kinds.journal.close()
    place.save("begun")
    for step, name in (("snapshot", "added"), ("reproduce", "trained"), ("score", "scored")):
        assert place.execute(2, f"after {step}") == KILLED
        place.clean_up()
        place.save(name)
    assert place.execute(2) == 0
    kinds = place.kinds
    kinds.journal.clock = lambda: 1_700_000_000.0
    kinds.arrive(3, "ab")
    kinds.start("recall", windows=[3, 3], regime_from=3, recall=1, alarm=3)
    kinds.journal.close()
    place.save("returned")
    return place


@pytest.fixture(scope="module")
def undisturbed(place) -> dict[str, dict[str, Any]]:
    ends = {}
    for name, run in (("new", 1), ("begun", 2), ("returned", 3)):
        place.restore(name)
        assert place.execute(run) == 0
        ends[name] = place.outcome()
        assert ends[name]["tables"][2][run - 1].state is RunState.PROMOTED
    return ends


def resumed(place: Place, run: int) -> dict[str, Any]:
    place.clean_up()
    assert processes.end_marked(place.folder / "live" / "state" / "kinds") == 0
    assert place.execute(run) == 0
    return place.outcome()


@pytest.mark.parametrize(("begin", "point"), PREPARING)
def test_killed_while_it_prepares(place, undisturbed, begin, point):
    place.restore(begin)
    assert place.execute(2, point) == KILLED
    assert resumed(place, 2) == undisturbed["begun"]


@pytest.mark.parametrize("point", PUBLISHING)
def test_killed_while_it_publishes(place, undisturbed, point):
    place.restore("scored")
    assert place.execute(2, point) == KILLED
    assert resumed(place, 2) == undisturbed["begun"]


@pytest.mark.parametrize("point", FIRST)
def test_killed_while_it_makes_the_first_champion(place, undisturbed, point):
    place.restore("new")
    assert place.execute(1, point) == KILLED
    assert resumed(place, 1) == undisturbed["new"]


@pytest.mark.parametrize("point", RECALL)
def test_killed_while_it_recalls_an_earlier_champion(place, undisturbed, point):
    place.restore("returned")
    assert place.execute(3, point) == KILLED
    assert resumed(place, 3) == undisturbed["returned"]


def test_killed_again_and_again(place, undisturbed):
    place.restore("begun")
    for point in ("before snapshot", "log Running stage 'train'", "return git.Git.update", "return publish.point_link"):
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
    place.restore("scored")
    assert place.execute(2, "call git.Git.update") == KILLED
    branch = next(line for line in undisturbed["begun"]["refs"].splitlines() if "refs/heads/driftd/" in line).split()
    tool(place.folder / "live" / "repository", "git", "update-ref", branch[0], branch[1])
    assert resumed(place, 2) == undisturbed["begun"]


def test_killed_at_every_write_from_the_commit_on(place, undisturbed, tmp_path):
    place.restore("scored")
    assert place.execute(2, "after copy") == KILLED
    shutil.rmtree(place.folder / "copied", ignore_errors=True)
    place.save("copied")
    calls = "fsync,fdatasync,rename,symlink,symlinkat,unlink,pwrite64"
    points = 0
    for number in range(1, 200, 3):
        place.restore("copied")
        inject = f"inject={calls}:signal=SIGKILL:when={number}"
        strace = (require("strace"), "-o", str(tmp_path / "trace"), "-e", f"trace={calls}", "-e", inject)
        if (code := place.execute(2, "", *strace)) == 0:
            break
        assert code == KILLED
        points += 1
        assert resumed(place, 2) == undisturbed["begun"], f"killed at write {number}"
    assert points >= 5
