"""driftd's loop over recorded streams: the accuracy that it reaches with how many trainings, beside fixed schedules.

    python benchmarks/closed_loop.py [--seeds 5] [--sets elec2 noaa_weather adult_control] [--data DATA]

A random forest of 50 trees is trained on at most 2,000 rows; windows have 250, and one comes a day. Of the newest 2,500 rows a fifth are test rows. Detection, score decay, gates, comparison and decision are driftd's
(`driftd.backtest`); the forest is trained in this process, because five seeds of every schedule through subprocesses would take a day. One
setting for all sets.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from driftd.backtest.lab import Made, Part, Side
from driftd.backtest.loop import Loop
from driftd.backtest.policies import follow, schedule
from driftd.backtest.stream import NEW, OLDER, Recorded
from driftd.config import Project
from driftd.readers import infer, row_ids

LABELS = {"elec2": "class", "noaa_weather": "rain", "adult_control": "income_over_50k"}
GOALS = {"elec2": (0.770, 25), "noaa_weather": (0.778, 9), "adult_control": (None, 0)}
FIRST, WINDOW, TREES, TRAINED, TEST_SHARE = 2000, 250, 50, 2000, 0.2
NEWEST = round(TRAINED / (1 - TEST_SHARE))
DAY = 86400.0
SETTINGS: dict[str, Any] = {
    "window": {"rows": WINDOW},
    "drift": {"scorer": {"command": ["{rows}", "{results}"]}},
    "retrain": {"min_rows": 1000, "cooldown": 0, "max_per_day": 1000},
    "promote": {"metric": "scores.json:accuracy", "per_row": "rows.jsonl", "confidence": 0.6},
}


class ForestLab:
    """Trains and scores in this process; a row is a test row by the hash of its content, as in a project."""

    def __init__(self, stream: Recorded, label: str, seed: int, folder: Path) -> None:
        table = pq.read_table(stream.path)
        columns = [name for name in table.column_names if name != label]
        self._x = np.column_stack([table.column(name).to_numpy().astype(float) for name in columns])
        self._y = np.array([str(value) for value in table.column(label).to_pylist()])
        batch = table.combine_chunks().to_batches()[0]
        self._ids = row_ids(batch, [label])
        self._test = np.array([int(each[:8], 16) / 2**32 < TEST_SHARE for each in self._ids])
        self._stream, self._seed, self._folder = stream, seed, folder
        self._made: dict[tuple[Part, ...], tuple[Made, Any]] = {}

    def make(self, parts: Sequence[Part]) -> Made:
        from sklearn.ensemble import RandomForestClassifier

        parts = tuple(parts)
        if parts not in self._made:
            started = time.monotonic()
            rows = np.concatenate([np.arange(part.first, part.last) for part in parts])
            learnt = rows[~self._test[rows]][-TRAINED:]
            model = RandomForestClassifier(TREES, random_state=self._seed).fit(self._x[learnt], self._y[learnt])
            key = sha256(repr(parts).encode()).hexdigest()[:12]
            right = self._right(model, self._tested(parts))
            path = self._write(f"{key}.jsonl", parts, right)
            scores = {"scores.json:accuracy": float(right.mean())}
            made = Made(key, parts, time.monotonic() - started, scores, (1.0 - right).tolist(), path)
            self._made[parts] = made, model
        return self._made[parts][0]

    def losses(self, model: Made, windows: range) -> list[list[float]]:
        part = self._stream.part(windows)
        right = self._right(self._made[model.parts][1], np.arange(part.first, part.last))
        return [list(each) for each in (1.0 - right).reshape(len(windows), -1).tolist()]

    def score(self, champion: Made, candidate: Made) -> Side:
        right = self._right(self._made[champion.parts][1], self._tested(candidate.parts))
        path = self._write(f"{champion.key}-{candidate.key}.jsonl", candidate.parts, right)
        return Side({"scores.json:accuracy": float(right.mean())}, path)

    def new_files(self, model: Made) -> list[str]:
        return [NEW] if any(part.new for part in model.parts) else []

    def _tested(self, parts: Sequence[Part]) -> Any:
        rows = np.concatenate([np.arange(part.first, part.last) for part in parts])
        return rows[self._test[rows]]

    def _right(self, model: Any, rows: Any) -> Any:
        return (model.predict(self._x[rows]) == self._y[rows]).astype(float)

    def _write(self, name: str, parts: Sequence[Part], right: Any) -> Path:
        path, rows = self._folder / name, self._tested(parts)
        new = {row for part in parts if part.new for row in range(part.first, part.last)}
        lines = [
            json.dumps({"row": self._ids[row], "file": NEW if row in new else OLDER, "value": value})
            for row, value in zip(rows.tolist(), right.tolist(), strict=True)
        ]
        path.write_text("\n".join(lines) + "\n")
        return path


def choose(window: int, _onset: int | None) -> Sequence[Part]:
    """Return the newest rows, of which the test rows are left out."""
    end = FIRST + window * WINDOW
    return (Part(max(0, end - NEWEST), end),)


def accuracy(losses: Sequence[Sequence[float]]) -> float:
    return 1.0 - float(np.mean([loss for window in losses for loss in window]))


def one(arguments: tuple[str, int, Path, bool]) -> dict[str, Any]:
    """Go through one set with one seed."""
    name, seed, data, every_window = arguments
    label, path = LABELS[name], data / name / "data.parquet"
    settings = Project.model_validate({"repository": "/srv", "source": {"path": "/srv"}, "labels": [label], **SETTINGS})
    stream = Recorded(path, infer([str(path)]), (label,), FIRST, WINDOW, pq.read_metadata(path).num_rows)
    with tempfile.TemporaryDirectory() as folder:
        lab = ForestLab(stream, label, seed, Path(folder))
        done = Loop(settings, stream, lab, choose, DAY).run(lambda _: None)
        windows, trainings = stream.windows, len(done.runs)
        schedules = {"never": [], "as many by schedule": schedule(windows, trainings)}
        if every_window:
            schedules["every window"] = list(range(1, windows))
        found = {policy: accuracy(follow(lab, choose, windows, each)[0]) for policy, each in schedules.items()}
    kinds = [incident.kind for incident in done.incidents]
    return {
        "trainings": trainings, "promoted": sum(run.outcome == "promoted" for run in done.runs), "driftd": accuracy(done.losses),
        "incidents": {kind: kinds.count(kind) for kind in sorted(set(kinds))}, **found,
    }  # fmt: skip


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seeds", type=int, default=5)
    arguments.add_argument("--sets", nargs="+", default=list(LABELS))
    arguments.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    arguments.add_argument("--every-window", action="store_true", help="train after every window as well")
    given = arguments.parse_args()
    with ProcessPoolExecutor(2) as pool:
        for name in given.sets:
            todo = [(name, seed, given.data, given.every_window) for seed in range(given.seeds)]
            found = list(pool.map(one, todo))
            means = {
                key: round(statistics.mean(each[key] for each in found), 4) for key in found[0] if key != "incidents"
            }
            goal, most = GOALS[name]
            print(json.dumps({"set": name, "goal": goal, "with at most": most, **means, "trainings of each seed": [each["trainings"] for each in found], "incidents of seed 0": found[0]["incidents"]}), flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
