"""Labels that turn round while the words stay: the incidents on usenet1, whose reader changes interests every 300 messages.

    python benchmarks/usenet.py [--seeds 2] [--simulated] [--data DATA]

The first 300 messages make the first model and the reference, windows have 50; a model is made of the new regime's rows, once 150 are there. A real daemon
does it, with a DVC project of scikit-learn: a window arrives when the one before is judged and scored and no run is under way. `--simulated` does it in
the loop of `driftd backtest` instead, which is quick.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from closed_loop import DAY, ForestLab, accuracy

from driftd.backtest.driftd_policy import Loop
from driftd.backtest.model_factory import Part
from driftd.backtest.stream import Recorded
from driftd.config import Project
from driftd.readers import infer

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.daemon import Daemon, wait_until, write_settings
from support.forest import forest_project, make_forest
from support.running import rows_of

FIRST, WINDOW, LABEL = 300, 50, "class"
SETTINGS: dict[str, Any] = {
    "repository": "/srv",
    "source": {"path": "/srv"},
    "labels": [LABEL],
    "window": {"rows": WINDOW},
    "reference": {"rows": FIRST},
    "drift": {"ignore": [LABEL], "scorer": {"command": ["{rows}", "{results}"]}},
    "retrain": {"min_rows": 150, "cooldown": 0, "max_per_day": 1000},
    "promote": {"metric": "scores.json:accuracy", "per_row": "rows.jsonl"},
}


def choose(window: int, onset: int | None) -> Sequence[Part]:
    """Return the rows of the new regime; for the first model all that there are."""
    begin = 0 if onset is None else FIRST + (onset - 1) * WINDOW
    return (Part(begin, FIRST + window * WINDOW, new=onset is not None),)


def incidents(data: Path, seed: int) -> tuple[list[tuple[str, int]], float]:
    """Return the kind of each incident of the simulated loop with the last row of the window that opened it, and the accuracy."""
    path = data / "usenet1" / "data.parquet"
    stream = Recorded(path, infer([str(path)]), (LABEL,), FIRST, WINDOW, pq.read_metadata(path).num_rows)
    with tempfile.TemporaryDirectory() as folder:
        lab = ForestLab(stream, LABEL, seed, Path(folder))
        done = Loop(Project.model_validate(SETTINGS), stream, lab, choose, DAY).run(lambda _: None)
    return [(each.kind, FIRST + each.opened * WINDOW) for each in done.incidents], accuracy(done.losses)


OPENED = """
    SELECT kind, (SELECT max(json_extract(data, '$.window')) FROM events WHERE kind = 'incident-opened' AND subject = incidents.id),
        summary, state FROM incidents ORDER BY id
"""
RUNS = "SELECT cause, state, plan ->> '$.windows[1]', decision ->> 'sentence' FROM runs WHERE cause <> 'first-model' ORDER BY id"
UNDER_WAY = "SELECT count(*) FROM runs WHERE ended_at IS NULL"
SCORED = "SELECT count(*) FROM scorings WHERE window = {} AND verdict IS NOT NULL"
BEGUN = """
    SELECT count(*) FROM scorings WHERE window = 0 AND verdict IS NOT NULL
    AND assignment_id = (SELECT id FROM assignments ORDER BY number DESC LIMIT 1)
"""
LOSS = "SELECT sum(loss * rows) / sum(rows) FROM scorings WHERE window > 0"


def csv(table: pa.Table, path: Path) -> Path:
    pyarrow.csv.write_csv(table, path)
    return path


def through_daemon(data: Path, seed: int) -> dict[str, Any]:
    """Let the messages arrive at a real daemon; return its incidents, its runs, and the accuracy of what was in production."""
    table = pq.read_table(data / "usenet1" / "data.parquet")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        incoming = folder / "incoming"
        incoming.mkdir()
        repository = make_forest(
            folder / "repository", csv(table.slice(0, FIRST), folder / "first.csv"), LABEL, seed=seed
        )
        settings = forest_project(repository, incoming, LABEL)
        for section in ("window", "reference", "drift", "retrain"):
            settings[section] = settings.get(section, {}) | SETTINGS[section]
        settings["drift"]["scorer"] = forest_project(repository, incoming, LABEL)["drift"]["scorer"]
        settings["retrain"]["rows"] = "regime"
        journal = folder / "state" / "journal.db"

        def one(query: str) -> Any:
            found = rows_of(journal, query)
            return found[0][0] if found else None

        with Daemon(write_settings(folder, {"usenet": settings})):
            wait_until(lambda: one("SELECT count(*) FROM models") == 1 and one(BEGUN) == 1, 300, "the first model")
            for number, start in enumerate(range(FIRST, table.num_rows, WINDOW), 1):
                csv(table.slice(start, WINDOW), folder / "aside.csv").rename(incoming / f"{number:03d}.csv")
                wait_until(lambda number=number: one(SCORED.format(number)), 300, f"window {number} is scored")
                wait_until(lambda: one(UNDER_WAY) == 0 and one(BEGUN) == 1, 300, "no run is under way")
        return {
            "seed": seed,
            "incidents": [
                [kind, FIRST + int(window) * WINDOW, *rest] for kind, window, *rest in rows_of(journal, OPENED)
            ],
            "runs": [
                [cause, state, FIRST + int(last) * WINDOW, said] for cause, state, last, said in rows_of(journal, RUNS)
            ],
            "accuracy": round(1 - one(LOSS), 4),
        }


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seeds", type=int, default=2)
    arguments.add_argument("--simulated", action="store_true")
    arguments.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    given = arguments.parse_args()
    for seed in range(given.seeds):
        if given.simulated:
            print(seed, *incidents(given.data, seed), flush=True)
        else:
            print(json.dumps(through_daemon(given.data, seed)), flush=True)
