"""Who follows a log sees what a command prints as it comes, also behind the head, and every byte once."""

import re
import sys
import threading
import time

import pytest

from driftd.retrain.process import launcher
from driftd.retrain.process.log_tail import Following
from driftd.retrain.process.output import HEAD, LIVE, TAIL, live_of

LINES = """
import os, sys, time
for number in range(int(sys.argv[1])):
    os.write(1, b"%015d\\n" % number * 4096)
    time.sleep(0.0005)
"""
BLOCK = 16 * 4096
CUT = re.compile(rb"\n\[\.\.\. ([\d,]+) bytes of output were cut here\]\n")


def start(folder, blocks):
    log = folder / "log"
    log.write_bytes(b"before\n")
    words = [sys.executable, "-c", LINES, str(blocks)]
    values = {"cwd": folder, "env": {}, "log": log, "stop": threading.Event(), "timeout": 99.0}
    thread = threading.Thread(target=launcher.run, args=(words,), kwargs=values)
    thread.start()
    return log, thread


def follow(following, thread, every):
    said = []
    while True:
        alive = thread.is_alive()
        said += following.look()
        if not alive:
            return b"".join(said)
        time.sleep(every)


def output(blocks):
    return b"".join(b"%015d\n" % number * 4096 for number in range(blocks))


def test_what_comes_behind_the_head_is_seen_while_it_comes(tmp_path):
    blocks = (HEAD + 3 * LIVE) // BLOCK
    log, thread = start(tmp_path, blocks)
    said, behind = [], False
    with Following(log) as following:
        while thread.is_alive():
            said += following.look()
            behind |= thread.is_alive() and sum(map(len, said)) > HEAD + TAIL
            time.sleep(0.002)
        said += following.look()
    assert behind
    assert b"".join(said) == b"before\n" + output(blocks)
    assert not live_of(log).exists()
    assert len(log.read_bytes()) < HEAD + 2 * TAIL + 16 * 65536


@pytest.mark.parametrize("wait", [0.0, 0.4])
def test_what_nobody_looked_at_in_time_is_counted_and_named(tmp_path, wait):
    blocks = (HEAD + 6 * LIVE) // BLOCK
    log, thread = start(tmp_path, blocks)
    while wait and not live_of(log).exists():
        time.sleep(0.001)
    time.sleep(wait)
    with Following(log) as following:
        said = follow(following, thread, 0.6)
    cut = sum(int(found.replace(b",", b"")) for found in CUT.findall(said))
    assert len(CUT.sub(b"", said)) + cut == len(b"before\n") + blocks * BLOCK
    assert said.endswith(b"%015d\n" % (blocks - 1))


def test_output_between_head_and_end_is_no_gap(tmp_path):
    blocks = (HEAD + TAIL // 2) // BLOCK
    log, thread = start(tmp_path, blocks)
    with Following(log) as following:
        assert follow(following, thread, 0.01) == b"before\n" + output(blocks)


def test_a_step_after_a_daemon_that_was_killed_is_read_whole(tmp_path):
    log = tmp_path / "log"
    log.write_bytes(b"x" * 10)
    live_of(log).write_bytes(b"%d\n" % HEAD + b"y" * 1000)
    with Following(log) as following:
        assert b"".join(following.look()) == b"x" * 10 + b"y" * 1000
        with log.open("ab") as file:
            file.write(b"\n=== reproduce\n" + b"z" * 2000)
        live_of(log).unlink()
        assert b"".join(following.look()) == b"\n=== reproduce\n" + b"z" * 2000
