"""Stages that do what no stage should: each ends its run with a reason, leaves nothing behind, and later runs work."""

import os
import time
from pathlib import Path

import pytest

from driftd.journal.records import RunState
from driftd.retrain import garbage_collection
from driftd.retrain.process import launcher
from driftd.retrain.process.output import HEAD, TAIL
from support.project import tool
from support.retraining import Retraining

pytestmark = pytest.mark.slow

HANG = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
for _ in range(2):
    if os.fork() == 0: os.setsid()
time.sleep(600)
"""
MEMORY = """
import time
held = []
for _ in range(100):
    held.append(b"x" * 10_000_000)
    time.sleep(0.02)
time.sleep(600)
"""
DISK = """
import time
with open("features.part", "wb") as file:
    for _ in range(200):
        file.write(bytes(10_000_000)); file.flush(); time.sleep(0.02)
"""
LOUD = "import os, sys\nfor _ in range(1000): os.write(1, b'x' * 999_999 + b'\\n')\nsys.exit('that was all')\n"


def free(folder: Path) -> int:
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


@pytest.mark.parametrize(
    ("stage", "limit", "said"),
    [
        pytest.param(HANG, {"timeout": 6}, "ran longer than 6 s", id="hangs-forks-ignores-sigterm"),
        pytest.param(MEMORY, {"memory": "400MB"}, "more than 400 MB", id="fills-memory"),
        pytest.param(DISK, {"free_disk": None}, "are free at", id="fills-the-disk"),
        pytest.param(LOUD, {}, "`dvc repro` ended with", id="prints-a-gigabyte"),
        pytest.param("", {}, "output 'features' does not exist", id="exits-0-without-its-output"),
    ],
)
def test_a_stage_that_misbehaves_ends_its_run_and_nothing_else(with_models, tmp_path, stage, limit, said):
    kinds = with_models(1)
    repository = kinds.repository
    good = (repository / "stages.py").read_text()
    (repository / "stages.py").write_text(stage)
    tool(repository, "git", "commit", "-q", "-a", "-m", "A bad idea")
    kinds.arrive(1, "cd")
    if "free_disk" in limit:
        limit = {"free_disk": free(tmp_path) - 200_000_000}
    started = time.monotonic()
    run = Retraining(repository, kinds.state_dir, {"retrain": limit}, clock=kinds.clock).answer((1, 1), 1)
    assert time.monotonic() - started < 60
    assert run.state is RunState.FAILED
    assert said in run.error
    assert not launcher.marked(kinds.layout.root)
    assert (kinds.layout.run(run.id) / "log").stat().st_size < HEAD + 2 * TAIL + 2_000_000
    if stage is LOUD:
        assert "bytes of output were cut here" in kinds.log(run.id)
        assert "that was all" in kinds.log(run.id)
    if stage is DISK:
        assert not garbage_collection.worktrees(kinds.layout)
    if stage not in (HANG, DISK):  # those that leave the most behind
        return
    (repository / "stages.py").write_text(good)
    tool(repository, "git", "commit", "-q", "-a", "-m", "A better one")
    assert kinds.answer((1, 1), 1).state is RunState.PROMOTED
