"""A process that executes a run and kills itself with SIGKILL at a given point. Started by the crash tests:

    python -m support.killed REPOSITORY STATE_DIR RUN POINT

Without words it reads such words from standard input, as a list in JSON on each line, executes each in a fork of its own, and
says how that ended: most of what such a process costs is the start of Python. Where POINT is `traced`, the fork stops itself first,
and its number is said before, for a strace that lets it go on.

POINT is `before STEP` or `after STEP` (around the write that says that the step is done), the name of a function at whose
call or return it dies (`call publish.point_link`, `return git.Git.update`), or `log TEXT` (when the run's log has the text).
"""

import importlib
import json
import os
import signal
import sys
import threading
import traceback
from pathlib import Path

from driftd.retrain import runner
from driftd.retrain.runner import Runner
from support.retraining import Retraining

TRACED = "traced"


def die(*_ignored: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def arm(kinds: Retraining, run_id: int, how: str, what: str) -> None:
    if how in ("before", "after"):
        original = Runner._end

        def end(self, run, name, result):
            if (how, name) == ("before", what):
                die()
            original(self, run, name, result)
            if name == what:
                die()

        Runner._end = end
    elif how == "log":
        threading.Thread(target=watch, args=(kinds.layout.run(run_id) / "log", what), daemon=True).start()
    else:
        module, _, attribute = what.partition(":")
        *path, name = attribute.split(".")
        owner = importlib.import_module(f"driftd.retrain.{module}")
        for part in path:
            owner = getattr(owner, part)
        function = getattr(owner, name)

        def wrapper(*args, **kwargs):
            if how == "call":
                die()
            function(*args, **kwargs)
            die()

        setattr(owner, name, wrapper)
        ends = {cause: (steps, wrapper if end is function else end) for cause, (steps, end) in runner.OTHERS.items()}
        runner.OTHERS.update(ends)


def watch(log: Path, text: str) -> None:
    while not (log.exists() and text in log.read_text()):
        threading.Event().wait(0.005)
    die()


def execute(repository: str, state_dir: str, run_id: str, point: str) -> None:
    retraining = Retraining(Path(repository), Path(state_dir))
    retraining.journal.clock = retraining.runner.clock = lambda: 1_700_000_000.0
    if point:
        arm(retraining, int(run_id), *point.split(" ", 1))
    retraining.execute(int(run_id))


def serve() -> None:
    for line in sys.stdin:
        *words, point = json.loads(line)
        if (child := os.fork()) == 0:
            os.dup2(2, 1)
            try:
                if point == TRACED:
                    os.kill(os.getpid(), signal.SIGSTOP)
                execute(*words, "" if point == TRACED else point)
            except BaseException:  # noqa: BLE001  # it must not go on with its parent's work
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        if point == TRACED:
            os.waitpid(child, os.WUNTRACED)
            print(child, flush=True)  # noqa: T201
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)  # noqa: T201


if __name__ == "__main__":
    if words := sys.argv[1:]:
        execute(*words)
    else:
        serve()
