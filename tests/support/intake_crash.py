"""Runs intake over a folder, again and again, each time in a fork that waits for strace.

Reads folders from stdin, a line each; answers with the process, which is stopped, and then with how it ended.
Everything is imported before, so that a fork does nothing but intake.
"""

import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from driftd.config.settings import Window
from driftd.intake import close_windows
from support.intake import Rig, good_rows, write_csv

WINDOW = Window(rows=10)


def finish(folder: Path) -> list[tuple[object, ...]]:
    """Let everything in and cut windows, as a daemon would after any number of restarts; return what the journal says."""
    with ThreadPoolExecutor(1) as executor:
        rig = Rig(folder, executor)
        while rig.intake.scan() or rig.intake.problem:
            pass
        close_windows(rig.journal, "p", rig.settings.model_copy(update={"window": WINDOW}), 0.0)
        files = [(f.id, f.name, str(f.state), f.rows, f.bad_rows, f.windowed) for f in rig.files()]
        rig.close()
    return files


def main() -> None:
    warm = Path(sys.argv[1])
    (warm / "incoming").mkdir(parents=True)
    write_csv(warm / "incoming" / "a.csv", good_rows(3))
    finish(warm)
    for line in sys.stdin:
        child = os.fork()
        if not child:
            os.kill(os.getpid(), signal.SIGSTOP)
            finish(Path(line.strip()))
            os._exit(0)
        os.waitpid(child, os.WUNTRACED)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        sys.stdout.write(f"{os.waitpid(child, 0)[1]}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
