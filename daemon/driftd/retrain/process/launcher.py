"""Programs that driftd starts: with an environment of their own, to be stopped at any time, and never left behind."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from driftd.errors import CommandError, CommandLimitError, CommandTimeoutError
from driftd.retrain.process.limits import NONE, Limits
from driftd.retrain.process.output import Output

GRACE = 5.0  # seconds between SIGTERM and SIGKILL
POLL = 0.1  # seconds in which a stop or a timeout is noticed
LOOK = 0.25  # seconds between two looks at what a command uses
TAIL = 4000  # characters of output that an error carries
ROOT = "DRIFTD_ROOT"  # the project's folder in state_dir: marks the processes of this project, whatever becomes of their parents
SUPERVISOR = Path(__file__).with_name("supervisor.py")


class Stopped(Exception):  # noqa: N818  # nothing failed
    """Somebody asked for a stop; the run goes on from its last finished step when it is executed again."""


@dataclass(frozen=True)
class Finished:
    code: int
    output: str  # standard output, where it was captured
    log: str  # the end of what went to the log


def run(
    words: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    log: Path,
    stop: threading.Event,
    timeout: float,
    grace: float = GRACE,
    capture: bool = False,
    limits: Limits = NONE,
) -> Finished:
    """Run a command to its end and end what it leaves behind; its output is appended to the log as it comes, up to a bound."""
    start = log.stat().st_size if log.exists() else 0
    kept = [sys.executable, "-I", "-S", str(SUPERVISOR), str(os.getpid()), str(grace), str(limits.nice), *words]
    with Output(log) as out:
        try:
            process = subprocess.Popen(
                kept,
                cwd=cwd,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if capture else out.writing,
                stderr=out.writing,
                start_new_session=True,
                text=True,
                errors="replace",
            )
        finally:
            out.close_writing()
        ending = signal.SIGTERM
        try:
            output = _wait(process, stop, timeout, words, limits)
        except CommandLimitError:
            ending = signal.SIGUSR1  # what fills memory or disk gets no time to do more of it
            raise
        finally:
            _end(process, grace, ending)
    return Finished(process.returncode, output, _tail(log, start))


def _wait(
    process: subprocess.Popen[str], stop: threading.Event, timeout: float, words: Sequence[str], limits: Limits
) -> str:
    deadline = time.monotonic() + timeout
    named, look = " ".join(words[-3:]), 0.0
    while True:
        try:
            return process.communicate(timeout=POLL)[0] or ""
        except subprocess.TimeoutExpired:
            now = time.monotonic()
            if stop.is_set():
                raise Stopped from None
            if now > deadline:
                raise CommandTimeoutError(
                    f"`{named}` ran longer than {timeout:g} s and was ended",
                    remedy="raise retrain.timeout, or make the stage faster",
                ) from None
            if now >= look:
                limits.check(process.pid, named)
                look = now + LOOK


def _end(process: subprocess.Popen[str], grace: float, ending: signal.Signals) -> None:
    if process.poll() is None:
        process.send_signal(ending)
        try:
            process.wait(grace + 2.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process.stdout:
        process.stdout.close()


def _tail(log: Path, start: int) -> str:
    with log.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(start, size - TAIL))
        return file.read().decode(errors="replace").strip()


def query(words: Sequence[str], *, cwd: Path, env: Mapping[str, str], content: bytes = b"") -> bytes:
    """Run a short command that only git's own files depend on and return what it says."""
    try:
        done = subprocess.run(words, cwd=cwd, env=env, input=content, capture_output=True, check=False)
    except OSError as error:
        raise CommandError(f"{words[0]} cannot be started in {cwd}: {error.strerror}") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        named = " ".join(words[:4])
        raise CommandError(f"`{named}` failed in {cwd}: {said[-TAIL:]}", output=said, code=done.returncode)
    return done.stdout


def end_marked(root: Path, grace: float = GRACE) -> int:
    """End all processes that carry a project's mark, such as those of a killed daemon; return how many there were."""
    deadline = time.monotonic() + grace
    seen: set[int] = set()
    while living := marked(root):
        late = time.monotonic() >= deadline
        for pid in living if late else living - seen:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL if late else signal.SIGTERM)
        seen |= living
        time.sleep(POLL / 2)
    return len(seen)


def marked(root: Path) -> set[int]:
    """Return the processes that carry a project's mark, but for this one."""
    mark = f"{ROOT}={root}".encode()
    found = set()
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            environ = path.read_bytes()
        except OSError:  # ended meanwhile, or somebody else's
            continue
        if mark in environ.split(b"\0"):
            found.add(int(path.parent.name))
    return found - {os.getpid()}
