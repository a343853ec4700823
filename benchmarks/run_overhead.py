"""What a run of driftd costs beside bare `dvc repro` of the same stages.

    python benchmarks/run_overhead.py [--runs 5]

On the small project of tests/support (three stages that take a blink), each run adds one window of rows and is promoted. Bare is what
a person would do by hand for the same answer, with the same rows: `dvc add`, `dvc repro`, and both stages that score the champion.
"""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from driftd.journal.records import RunState
from support.project import make_project, tool, write_rows
from support.retraining import Retraining

KINDS = "cdefghijklmnop"


def bare(repository: Path, number: int) -> float:
    """Do by hand what a run does with its window; return the seconds that the stages' commands took."""
    write_rows(repository / "data" / f"by-hand-{number}.csv", KINDS[2 * number : 2 * number + 2], number * 10_000, 20)
    started = time.monotonic()
    tool(repository, "dvc", "repro", "-q")
    seconds = time.monotonic() - started
    tool(repository, "git", "commit", "-q", "-a", "-m", "By hand")
    started = time.monotonic()
    tool(repository, "dvc", "repro", "-q", "-s", "-f", "--no-run-cache", "--no-commit", "preprocess", "evaluate")
    return seconds + time.monotonic() - started


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--runs", type=int, default=5)
    runs = arguments.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        template = make_project(Path(folder) / "template")
        by_hand = Path(shutil.copytree(template, Path(folder) / "by-hand", symlinks=True))
        kinds = Retraining(
            Path(shutil.copytree(template, Path(folder) / "repository", symlinks=True)), Path(folder) / "state"
        )
        kinds.first()
        hand, daemon = [], []
        for number in range(1, runs + 1):
            hand.append(bare(by_hand, number))
            kinds.arrive(number, KINDS[2 * number : 2 * number + 2])
            started = time.monotonic()
            run = kinds.answer((number, number), number)
            daemon.append(time.monotonic() - started)
            if run.state is not RunState.PROMOTED:
                raise SystemExit(f"run {run.id} is {run.state}: {run.error}")
        print(
            json.dumps(
                {
                    "runs": runs,
                    "by_hand_s": round(statistics.median(hand), 2),
                    "driftd_s": round(statistics.median(daemon), 2),
                    "added_s": round(statistics.median(d - h for d, h in zip(daemon, hand, strict=True)), 2),
                    "added_max_s": round(max(d - h for d, h in zip(daemon, hand, strict=True)), 2),
                }
            )
        )


if __name__ == "__main__":
    main()
