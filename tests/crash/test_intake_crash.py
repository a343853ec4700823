"""Intake is killed, or refused by the disk, at every call that writes; afterwards every row is there once.

strace injects the fault at the N-th call of a kind. It does not model the loss of power: what was written but not
synced is still there.
"""

import hashlib
import itertools
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from driftd.journal import Journal, tables
from driftd.journal.layout import Layout, journal_path
from driftd.projects.verification import _files, _windows
from support.intake import OLD, good_rows, write_csv
from support.intake_crash import finish
from support.parts import require

CALLS = (
    "openat",
    "write",
    "pwrite64",
    "fsync",
    "fdatasync",
    "ftruncate",
    "rename",
    "mkdir",
    "unlink",
)
AT_MOST = 20  # points of one call; more are sampled evenly

pytestmark = pytest.mark.slow


class Forks:
    """A process that forks for every run; strace attaches to the fork while it is stopped."""

    def __init__(self, folder):
        self.strace = require("strace")
        self.trace = folder / "trace"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "support.intake_crash", str(folder / "warm")],
            cwd=Path(__file__).parents[1],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, folder, *options):
        """Run intake over a folder under strace; return how it ended and the trace of its main thread."""
        print(folder, file=self.process.stdin, flush=True)
        pid = int(self.process.stdout.readline())
        tracer = subprocess.Popen(
            [self.strace, "-p", str(pid), "-o", str(self.trace), *options], stderr=subprocess.PIPE, text=True
        )
        attached = tracer.stderr.readline()
        assert "attached" in attached, attached
        os.kill(pid, signal.SIGCONT)
        status = int(self.process.stdout.readline())
        tracer.communicate()
        return os.waitstatus_to_exitcode(status), self.trace.read_text(errors="replace")


@pytest.fixture(scope="module")
def forks(tmp_path_factory):
    forks = Forks(tmp_path_factory.mktemp("forks"))
    yield forks
    forks.process.stdin.close()
    forks.process.wait()


def feed(folder):
    """Lay out a file of each kind: good, a duplicate of it, refused, empty, in a sub-folder, with a bad row."""
    root = folder / "incoming"
    write_csv(root / "a.csv", good_rows(25))
    write_csv(root / "b.csv", good_rows(25), at=OLD + 1)
    write_csv(root / "c.csv", [("text", "a"), ("more", "b")], at=OLD + 2)
    write_csv(root / "d.csv", [], at=OLD + 3)
    write_csv(root / "sub" / "e.csv", good_rows(12, 100), at=OLD + 4)
    write_csv(root / "f.csv", [*good_rows(1500, 1000), ("oops", "a")], at=OLD + 5)
    return folder


def contents(folder):
    """Return the hash of everything that was fed, wherever it lies now."""
    return sorted(hashlib.sha256(p.read_bytes()).hexdigest() for p in (folder / "incoming").rglob("*") if p.is_file())


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    folder = feed(tmp_path_factory.mktemp("expected"))
    before = contents(folder)
    files = finish(folder)
    assert [state for _, _, state, *_ in files] == [
        "admitted",
        "duplicate",
        "quarantined",
        "empty",
        "admitted",
        "admitted",
    ]
    assert contents(folder) == before
    return files, windows(folder), before


def windows(folder):
    journal = Journal.read_only(journal_path(folder / "state"))
    found = [(w.number, w.rows, w.spans) for w in tables.windows.all(journal, order="number")]
    journal.close()
    return found


def check(folder, expected):
    """Start again, and find everything as if nothing had happened."""
    files, cut, before = expected
    assert finish(folder) == files
    assert windows(folder) == cut
    assert contents(folder) == before
    journal = Journal.open(journal_path(folder / "state"))
    layout = Layout(folder / "state", "p")
    assert [*_files(journal, layout, iter), *_windows(journal, layout)] == []
    assert journal.rows("PRAGMA integrity_check") == [{"integrity_check": "ok"}]
    said = [
        (e.kind, e.subject) for e in tables.events.all(journal) if e.kind.startswith(("file-", "window-", "incident-"))
    ]
    assert len(said) == len(set(said)) == len(files) + len(cut) + 1, "each event once"
    journal.close()


def points(total):
    return sorted({1 + i * total // min(total, AT_MOST) for i in range(min(total, AT_MOST))})


def calls_of(forks, folder):
    ended, trace = forks.run(feed(folder), "-e", f"trace={','.join(CALLS)}")
    assert ended == 0
    names = [match[1] for line in trace.splitlines() if (match := re.match(r"(\w+)\(", line))]
    return {call: names.count(call) for call in CALLS if call in names}


def test_killed_at_every_call_nothing_is_lost_or_counted_twice(forks, expected, tmp_path):
    counts = calls_of(forks, tmp_path / "count")
    assert {"rename", "fsync", "pwrite64"} <= counts.keys()
    killed = 0
    for call, total in counts.items():
        for n in points(total):
            folder = feed(tmp_path / f"{call}-{n}")
            ended, _ = forks.run(folder, "-e", f"trace={call}", "-e", f"inject={call}:signal=SIGKILL:when={n}")
            killed += ended == -signal.SIGKILL
            check(folder, expected)
    assert killed > sum(min(total, AT_MOST) for total in counts.values()) * 0.9, "the faults were really injected"


@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
def test_refused_by_the_disk_at_every_call_it_goes_on(forks, expected, tmp_path, error):
    counts = calls_of(forks, tmp_path / "count")
    for call in counts.keys() - {"openat"}:
        for n in itertools.islice(points(counts[call]), 0, None, 2):
            folder = feed(tmp_path / f"{call}-{n}")
            forks.run(folder, "-e", f"trace={call}", "-e", f"inject={call}:error={error}:when={n}")
            check(folder, expected)
