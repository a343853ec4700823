"""driftd's loop over recorded streams: the accuracy that it reaches with how many trainings, beside fixed schedules.

    python benchmarks/closed_loop.py [--seeds 5] [--sets elec2 noaa_weather adult_control] [--data DATA] [--results FILE] [--chart FILE]

A random forest of 50 trees is trained on at most 2,000 rows; windows have 250, and one comes a day. Of the newest 2,500 rows a fifth are test rows. Detection, score decay, gates, comparison and decision are driftd's
(`driftd.backtest`); the forest is trained in this process, because five seeds of every schedule through subprocesses would take a day. One
setting for all sets. What a seed has found is a line of the results, which a further call does not compute again; the chart shows the first seed.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from driftd.backtest.driftd_policy import Loop
from driftd.backtest.fixed_policies import follow, schedule
from driftd.backtest.model_factory import Made, Part, Side
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
    "drift": {"scorer": {"command": ["{rows}", "{results}"], "against": "later"}},
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


def one(name: str, seed: int, data: Path) -> dict[str, Any]:
    """Go through one set with one seed."""
    label, path = LABELS[name], data / name / "data.parquet"
    settings = Project.model_validate({"repository": "/srv", "source": {"path": "/srv"}, "labels": [label], **SETTINGS})
    stream = Recorded(path, infer([str(path)]), (label,), FIRST, WINDOW, pq.read_metadata(path).num_rows)
    with tempfile.TemporaryDirectory() as folder:
        lab = ForestLab(stream, label, seed, Path(folder))
        done = Loop(settings, stream, lab, choose, DAY).run(lambda _: None)
        windows = stream.windows
        schedules = {"never": [], "schedule": schedule(windows, len(done.runs))}
        if seed == 0:
            schedules["every window"] = list(range(1, windows))
        losses = {policy: follow(lab, choose, windows, each)[0] for policy, each in schedules.items()}
    kinds = [incident.kind for incident in done.incidents]
    return {
        "set": name,
        "seed": seed,
        "settings": SETTINGS,
        "incidents": {kind: kinds.count(kind) for kind in sorted(set(kinds))},
        "trainings": {
            "driftd": [[run.window, run.outcome] for run in done.runs],
            "schedule": [[each, "promoted"] for each in schedules["schedule"]],
        },
        "accuracy": {
            policy: [1.0 - float(np.mean(each)) for each in found]
            for policy, found in {"driftd": done.losses, **losses}.items()
        },
    }


def summary(name: str, found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the means over seeds."""
    runs = [each["trainings"]["driftd"] for each in found]
    means = {
        policy: round(
            statistics.mean(statistics.mean(each["accuracy"][policy]) for each in found if policy in each["accuracy"]),
            4,
        )
        for policy in found[0]["accuracy"]
    }
    goal, most = GOALS[name]
    return {
        "set": name,
        "seeds": len(found),
        "goal": goal,
        "with at most": most,
        "trainings": statistics.mean(map(len, runs)),
        "promoted": statistics.mean(sum(outcome == "promoted" for _, outcome in each) for each in runs),
        **means,
        "to the schedule": round(means["driftd"] - means["schedule"], 4),
        "trainings of each seed": list(map(len, runs)),
        "incidents of each seed": [each["incidents"] for each in found],
    }


COLOURS = {"driftd": "#0b6bcb", "schedule": "#c2410c", "never": "#6b7280", "every window": "#15803d"}
WIDE, HIGH, LEFT, TOP, GAP, SMOOTH = 960, 260, 56, 40, 74, 8


def chart(found: Sequence[dict[str, Any]]) -> str:
    """Draw accuracy over time, a mean over SMOOTH windows, with a mark at each training, as SVG."""
    height = TOP + len(found) * (HIGH + GAP)
    font = 'font-family="system-ui, sans-serif" font-size="12" fill="#1f2937"'
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDE} {height}" width="{WIDE}" height="{height}" {font}>',
        f'<title>Accuracy over time, a mean over {SMOOTH} windows</title><rect width="{WIDE}" height="{height}" fill="#fff"/>',
    ]
    for place, (policy, colour) in enumerate(COLOURS.items()):
        x = LEFT + place * 150
        out.append(
            f'<path d="M{x} 18h26" stroke="{colour}" stroke-width="2.5"/><text x="{x + 32}" y="22">{policy}</text>'
        )
    out.append(f'<text x="{WIDE - 16}" y="22" text-anchor="end">marks: trainings; hollow: kept out</text>')
    for place, each in enumerate(found):
        out += panel(each, TOP + place * (HIGH + GAP))
    return "\n".join([*out, "</svg>", ""])


def panel(found: dict[str, Any], top: int) -> list[str]:
    lines = {policy: np.convolve(found["accuracy"][policy], np.ones(SMOOTH) / SMOOTH, "valid") for policy in COLOURS}
    windows = len(found["accuracy"]["driftd"])
    low = np.floor(min(line.min() for line in lines.values()) * 20) / 20
    high = np.ceil(max(line.max() for line in lines.values()) * 20) / 20

    def x(window: float) -> float:
        return round(LEFT + (WIDE - LEFT - 16) * window / windows, 1)

    def y(value: float) -> float:
        return round(top + 24 + (HIGH - 24) * float((high - value) / (high - low)), 1)

    runs = found["trainings"]["driftd"]
    means = ", ".join(f"{policy} {statistics.mean(found['accuracy'][policy]):.4f}" for policy in COLOURS)
    out = [
        f'<text x="{LEFT}" y="{top + 14}"><tspan font-weight="600">{found["set"]}</tspan>, {len(runs)} trainings, seed {found["seed"]}: {means}</text>'
    ]
    out += [
        f'<path d="M{LEFT} {y(value)}H{WIDE - 16}" stroke="#e5e7eb"/>'
        f'<text x="{LEFT - 8}" y="{y(value) + 4}" text-anchor="end">{value:.2f}</text>'
        for value in np.linspace(low, high, 6)
    ]
    out += [
        f'<text x="{x(window)}" y="{top + HIGH + 34}" text-anchor="middle">{FIRST + window * WINDOW:,}</text>'
        for window in range(0, windows + 1, 10 * (1 + windows // 100))
    ]
    for policy in reversed(COLOURS):
        points = " ".join(f"{x(window + SMOOTH)},{y(value)}" for window, value in enumerate(lines[policy]))
        strong = 2.2 if policy == "driftd" else 1.3
        out.append(
            f'<polyline points="{points}" fill="none" stroke="{COLOURS[policy]}" stroke-width="{strong}" stroke-linejoin="round"/>'
        )
    for policy, line in (("driftd", top + HIGH + 8), ("schedule", top + HIGH + 17)):
        for window, outcome in found["trainings"][policy]:
            fill = COLOURS[policy] if outcome == "promoted" else "#fff"
            out.append(
                f'<circle cx="{x(window)}" cy="{line}" r="3.2" fill="{fill}" stroke="{COLOURS[policy]}" stroke-width="1.4"/>'
            )
    return out


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seeds", type=int, default=5)
    arguments.add_argument("--sets", nargs="+", default=list(LABELS))
    arguments.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    arguments.add_argument("--results", type=Path, default=Path(tempfile.gettempdir()) / "driftd-closed-loop.jsonl")
    arguments.add_argument("--chart", type=Path, default=Path(__file__).parent / "closed_loop.svg")
    given = arguments.parse_args()
    lines = given.results.read_text().splitlines() if given.results.exists() else []
    known = {(each["set"], each["seed"]): each for each in map(json.loads, lines) if each["settings"] == SETTINGS}
    todo = [(name, seed) for name in given.sets for seed in range(given.seeds) if (name, seed) not in known]
    with ProcessPoolExecutor(2) as pool:
        for done in as_completed(pool.submit(one, *each, given.data) for each in todo):
            found = done.result()
            known[found["set"], found["seed"]] = found
            with given.results.open("a") as file:
                file.write(json.dumps(found) + "\n")
    for name in given.sets:
        print(json.dumps(summary(name, [known[name, seed] for seed in range(given.seeds)])), flush=True)
    given.chart.write_text(chart([known[name, 0] for name in given.sets]))


if __name__ == "__main__":
    main()
