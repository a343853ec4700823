"""Runs one command and leaves none of its processes behind. Started as a script, so that it needs nothing but the standard library.

    python supervisor.py PARENT GRACE NICE COMMAND...

It is the subreaper of everything that the command starts: a process that leaves its group or its parent becomes a child of the
supervisor. When the command ends, when the supervisor is told to stop, or when its parent dies (the daemon was killed), all of them get
SIGTERM, and SIGKILL after GRACE seconds; on SIGUSR1 it is SIGKILL at once. It ends with the command's code; 128 + n where signal n ended it, as shells do.
"""

import contextlib
import ctypes
import os
import signal
import sys
import time
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
HEARD = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGCHLD}
FIRST_TO_GO = "500"  # of 1000: when the machine's memory is full, the kernel ends a stage and not the daemon
NOT_FOUND = 127


def main(parent: int, grace: float, nice: int, words: list[str]) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.pthread_sigmask(signal.SIG_BLOCK, HEARD)
    libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
    if os.getppid() != parent:
        return 128 + signal.SIGTERM
    give_way(nice)
    try:
        command = os.posix_spawnp(words[0], words, os.environ, setsigmask=[])
    except OSError as error:
        sys.stderr.write(f"{words[0]}: {error.strerror}\n")
        return NOT_FOUND
    code = None
    while code is None:
        heard = signal.sigwait(HEARD)
        code = reap().get(command)
        if code is None and heard != signal.SIGCHLD:
            code = 128 + heard
            grace = 0.0 if heard == signal.SIGUSR1 else grace
    end(grace)
    return code


def give_way(nice: int) -> None:
    """Go behind others for processor and memory, as far as the system lets it: a service's sandbox may not."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(FIRST_TO_GO)
    with contextlib.suppress(OSError):
        os.nice(nice)


def reap() -> dict[int, int]:
    """Collect children that have ended, with their codes."""
    ended: dict[int, int] = {}
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if not pid:
            return ended
        code = os.waitstatus_to_exitcode(status)
        ended[pid] = code if code >= 0 else 128 - code


def end(grace: float) -> None:
    """End every descendant; those that die leave their children to the supervisor, so that none escapes."""
    deadline = time.monotonic() + grace
    number = signal.SIGTERM
    told: set[int] = set()
    while living := descendants():
        if time.monotonic() >= deadline:
            number = signal.SIGKILL
        for pid in living - told if number == signal.SIGTERM else living:
            tell(pid, number)
            told.add(pid)
        signal.sigtimedwait({signal.SIGCHLD}, 0.05)
        reap()


def descendants() -> set[int]:
    """Return the processes below this one that are still running."""
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = path.read_bytes().rpartition(b")")[2].split()[:2]
        except OSError:
            continue
        if state != b"Z" or int(parent) == os.getpid():
            parents[int(path.parent.name)] = int(parent)
    below = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in below} - below:
        below |= more
    return below - {os.getpid()}


def tell(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]))
