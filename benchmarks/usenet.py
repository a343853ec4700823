"""Labels that turn round while the words stay: the incidents of driftd's loop on usenet1, whose reader changes interests every 300 messages.

    python benchmarks/usenet.py [--seeds 5] [--data DATA]

The first 300 messages make the first model and the reference, windows have 50; a model is made of the new regime's rows, once 150 are there.
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq
from closed_loop import DAY, ForestLab, accuracy

from driftd.backtest.lab import Part
from driftd.backtest.loop import Loop
from driftd.backtest.stream import Recorded
from driftd.config import Project
from driftd.readers import infer

FIRST, WINDOW, LABEL = 300, 50, "class"
SETTINGS = {
    "repository": "/srv", "source": {"path": "/srv"}, "labels": [LABEL], "window": {"rows": WINDOW}, "reference": {"rows": FIRST},
    "drift": {"ignore": [LABEL], "scorer": {"command": ["{rows}", "{results}"]}},
    "retrain": {"min_rows": 150, "cooldown": 0, "max_per_day": 1000},
    "promote": {"metric": "scores.json:accuracy", "per_row": "rows.jsonl"},
}  # fmt: skip


def choose(window: int, onset: int | None) -> Sequence[Part]:
    """Return the rows of the new regime; for the first model all that there are."""
    begin = 0 if onset is None else FIRST + (onset - 1) * WINDOW
    return (Part(begin, FIRST + window * WINDOW, new=onset is not None),)


def incidents(data: Path, seed: int) -> tuple[list[tuple[str, int]], float]:
    """Return the kind of each incident with the last row of the window that opened it, and the accuracy over all windows."""
    path = data / "usenet1" / "data.parquet"
    stream = Recorded(path, infer([str(path)]), (LABEL,), FIRST, WINDOW, pq.read_metadata(path).num_rows)
    with tempfile.TemporaryDirectory() as folder:
        lab = ForestLab(stream, LABEL, seed, Path(folder))
        done = Loop(Project.model_validate(SETTINGS), stream, lab, choose, DAY).run(lambda _: None)
    return [(each.kind, FIRST + each.opened * WINDOW) for each in done.incidents], accuracy(done.losses)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seeds", type=int, default=5)
    arguments.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    given = arguments.parse_args()
    for seed in range(given.seeds):
        print(seed, *incidents(given.data, seed))
