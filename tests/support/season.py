"""A DVC project that learns people's employment, with stages that need nothing but numpy."""

from pathlib import Path

from support.daemon import wait_until
from support.project import BIN, tool
from support.running import Kinds

UNDER_WAY = "SELECT count(*) FROM runs WHERE ended_at IS NULL"

STAGES = """
import csv, hashlib, json, pathlib, sys
import numpy as np

def rows():
    for path in sorted(pathlib.Path("data").glob("*.csv")):
        with path.open(newline="") as file:
            for row in csv.DictReader(file):
                label = row.pop("employed")
                yield path.name, hashlib.sha256(json.dumps(row, sort_keys=True).encode()).hexdigest(), [*row.values()], label

def preprocess():
    split = {"train": [], "test": []}
    for file, key, values, label in rows():
        split["test" if int(key[:8], 16) / 2**32 < 0.4 else "train"].append([file, key, [float(v) for v in values], int(label)])
    folder = pathlib.Path("features"); folder.mkdir(exist_ok=True)
    for name, part in split.items():
        (folder / f"{name}.json").write_text(json.dumps(part))

def load(name):
    files, keys, x, y = zip(*json.loads(pathlib.Path(f"features/{name}.json").read_text()))
    return files, keys, np.array(x), np.array(y)

def train():
    _, _, x, y = load("train")
    fit(x, y)

def evaluate():
    files, keys, x, y = load("test")
    p = chances(x)
    loss = -np.log(np.clip(np.where(y == 1, p, 1 - p), 1e-9, 1))
    with open("rows.jsonl", "w") as out:
        for file, key, value in zip(files, keys, loss.tolist()):
            out.write(json.dumps({"row": key, "file": file, "value": value}) + "\\n")
    pathlib.Path("scores.json").write_text(json.dumps({"log_loss": float(loss.mean())}) + "\\n")

{"preprocess": preprocess, "train": train, "evaluate": evaluate}[sys.argv[1]]()
"""

# A logistic regression by Newton's method.
NEWTON = """
def spread(model, x):
    return np.c_[np.ones(len(x)), (x - model["mean"]) / model["scale"]]

def fit(x, y):
    model = {"mean": x.mean(0).tolist(), "scale": (x.std(0) + 1e-9).tolist(), "weights": [0.0] * (x.shape[1] + 1)}
    z, weights = spread(model, x), np.zeros(x.shape[1] + 1)
    for _ in range(25):
        p = 1 / (1 + np.exp(-z @ weights))
        weights = weights - np.linalg.solve((z.T * (p * (1 - p))) @ z + np.eye(z.shape[1]), z.T @ (p - y) + weights)
    pathlib.Path("model.bin").write_text(json.dumps(model | {"weights": weights.tolist()}))

def chances(x):
    model = json.loads(pathlib.Path("model.bin").read_text())
    return 1 / (1 + np.exp(-spread(model, x) @ np.array(model["weights"])))
"""

DVC_YAML = """
stages:
  preprocess:
    cmd: python stages.py preprocess
    deps: [stages.py, data]
    outs: [features]
  train:
    cmd: python stages.py train
    deps: [stages.py, features/train.json]
    outs: [model.bin]
  evaluate:
    cmd: python stages.py evaluate
    deps: [stages.py, model.bin, features/test.json]
    metrics: [scores.json: {cache: false}]
    outs: [rows.jsonl: {cache: false}]
"""

PROMOTE = {
    "metric": "scores.json:log_loss",
    "better": "lower",
    "per_row": "rows.jsonl",
    "score_stages": ["preprocess", "evaluate"],
}


def make_season(repository: Path, first: str, learner: str = NEWTON, programs: Path = BIN) -> Path:
    """Make and commit the project with a model of its first rows; `learner` is Python with `fit(x, y)` and `chances(x)`."""
    (repository / "data").mkdir(parents=True)
    tool(repository, "git", "init", "-q", "-b", "main")
    tool(repository, "dvc", "init", "-q")
    head, end = STAGES.split("def rows():")
    (repository / "stages.py").write_text(f"{head}{learner}\ndef rows():{end}")
    (repository / "dvc.yaml").write_text(DVC_YAML.replace("cmd: python", f"cmd: {programs / 'python'}"))
    (repository / "data" / "first.csv").write_text(first)
    tool(repository, "dvc", "add", "-q", "data")
    tool(repository, "dvc", "repro", "-q")
    tool(repository, "git", "add", "-A")
    tool(repository, "git", "commit", "-q", "-m", "People who live in households")
    return repository


class Season(Kinds):
    """Such a project with its daemon; each file that arrives is a window."""

    windows = 0

    def arrive(self, rows: str) -> None:
        """Let a window arrive as CSV, and wait until it is judged and no run is under way."""
        self.windows += 1
        aside = self.folder / "aside.csv"
        aside.write_text(rows)
        aside.rename(self.incoming / f"{self.windows:03d}.csv")
        judged = f"SELECT count(*) FROM windows WHERE number = {self.windows} AND state <> 'closed'"  # noqa: S608
        wait_until(lambda: self.one(judged) == 1, 120, f"window {self.windows} is judged")
        wait_until(lambda: self.one(UNDER_WAY) == 0, 300, "no run is under way")

    def assigned(self) -> list[tuple[str, str]]:
        """Return which version came into production by what, in order."""
        return self.rows("SELECT version, cause FROM assignments JOIN models ON models.id = model_id ORDER BY number")
