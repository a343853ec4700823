"""A real season through a real daemon: group quarters between households, and how fast the first model comes back.

    python benchmarks/recall.py [DATA]        DATA: a folder with a folder for each set; default ../shared/data

employment_ma_burst in its order, with a DVC project that learns with scikit-learn (an environment of its own is made). Every 250 rows arrive as a file, and the
next when they are judged and no run is under way. Each line is a run: its cause, what became of it, and the seconds from when its last window was judged to its end, to its begin,
and of its longest steps.
"""

import json
import sys
import tempfile
from pathlib import Path

import pyarrow.csv
import pyarrow.parquet

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.adoption import make_environment
from support.project import BIN
from support.season import PROMOTE, Season, make_season

FIRST, WINDOW = 2000, 250
NOT_FEATURES = ("id", "year", "prediction", "predicted_probability")
LEARNER = """
import pickle
from sklearn.ensemble import HistGradientBoostingClassifier

def fit(x, y):
    pathlib.Path("model.bin").write_bytes(pickle.dumps(HistGradientBoostingClassifier(random_state=1).fit(x, y)))

def chances(x):
    return pickle.loads(pathlib.Path("model.bin").read_bytes()).predict_proba(x)[:, 1]
"""
RUNS = """
    SELECT runs.id, cause, runs.state, plan ->> '$.windows[1]' AS last, decision ->> 'sentence',
        ended_at - (SELECT judged_at FROM windows WHERE number = plan ->> '$.windows[1]'),
        coalesce(plan ->> '$.alarm', (SELECT window FROM incidents WHERE incidents.id = incident_id)),
        created_at - (SELECT judged_at FROM windows WHERE number = plan ->> '$.windows[1]'),
        (SELECT json_group_object(name, round(ended_at - started_at, 1)) FROM steps WHERE run_id = runs.id AND ended_at - started_at >= 0.1)
    FROM runs WHERE cause NOT IN ('first-model', 'probation') ORDER BY runs.id
"""


def csv(table: pyarrow.Table) -> str:
    out = pyarrow.BufferOutputStream()
    pyarrow.csv.write_csv(table, out)
    return out.getvalue().to_pybytes().decode()


def main() -> None:
    data = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[2] / "shared" / "data")
    table = pyarrow.parquet.read_table(data / "employment_ma_burst" / "data.parquet").drop_columns(NOT_FEATURES)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_environment(folder / "environment")
        programs = folder / "environment" / "bin"
        template = make_season(folder / "template", csv(table.slice(0, FIRST)), LEARNER, programs)
        kinds = Season(
            folder,
            template=template,
            labels=["employed"],
            window={"rows": WINDOW},
            reference={"rows": FIRST},
            drift={},
            promote=PROMOTE,
            retrain={
                "model": "model.bin",
                "min_rows": 750,
                "rows": "regime",
                "cooldown": 0,
                "max_per_day": 100,
                "env": {"path": [str(BIN)]},
            },
        )
        with kinds.daemon():
            kinds.wait_for_model()
            for start in range(FIRST, table.num_rows - WINDOW + 1, WINDOW):
                kinds.arrive(csv(table.slice(start, WINDOW)))
        for run, cause, state, last, sentence, seconds, alarm, begun, steps in kinds.rows(RUNS):
            ends = [FIRST + window * WINDOW for window in (alarm, last)]
            print(
                json.dumps(
                    {
                        "run": run,
                        "cause": cause,
                        "state": state,
                        "alarm_row": ends[0],
                        "last_row": ends[1],
                        "seconds": round(seconds, 1),
                        "until_begun": round(begun, 1),
                        "steps": json.loads(steps),
                        "sentence": sentence,
                    }
                )
            )
        print(json.dumps(kinds.assigned()))


if __name__ == "__main__":
    main()
