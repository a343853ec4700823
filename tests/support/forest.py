"""A DVC project of scikit-learn: a random forest on any table with one label; its test rows are told by the hash of their content."""

import shutil
from pathlib import Path
from typing import Any

from support.project import BIN, tool

COMMON = '''\
"""Rows of `data/*.csv`, their identities, and what the stages share."""

import csv
import hashlib
import json
import pickle
from pathlib import Path

import numpy as np

LABEL = "LABEL_COLUMN"
TEST_SHARE = 0.2


def read(path):
    """The rows of a file: identities, features, labels."""
    with Path(path).open(newline="") as file:
        head, *rows = csv.reader(file)
    place = head.index(LABEL)
    labels = [row.pop(place) for row in rows]
    names = [name for name in head if name != LABEL]
    ids = [hashlib.sha256(json.dumps(dict(zip(names, row))).encode()).hexdigest() for row in rows]
    return ids, np.array(rows, float).reshape(len(rows), len(names)), np.array(labels)


def results(path, ids, files, x, y):
    """Score the model on rows, one line each; return the accuracy."""
    right = pickle.loads(Path("model.pkl").read_bytes()).predict(x) == y if len(y) else np.zeros(0, bool)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with Path(path).open("w") as out:
        for row, file, value in zip(ids, files, right.tolist()):
            out.write(json.dumps({"row": row, "file": file, "value": float(value)}) + "\\n")
    return float(right.mean()) if len(right) else 0.0
'''
PREPARE = """\
from common import Path, TEST_SHARE, np, read

parts = {"train": ([], [], [], []), "test": ([], [], [], [])}
for path in sorted(Path("data").glob("*.csv")):
    for row, x, y in zip(*read(path)):
        part = parts["test" if int(row[:8], 16) / 2**32 < TEST_SHARE else "train"]
        for column, value in zip(part, (row, path.name, x, y)):
            column.append(value)
Path("prepared").mkdir(exist_ok=True)
for name, (ids, files, x, y) in parts.items():
    np.savez(f"prepared/{name}.npz", ids=np.array(ids, "U64"), files=np.array(files, "U99"), x=np.array(x), y=np.array(y))
"""
TRAIN = """\
from common import Path, np, pickle
from sklearn.ensemble import RandomForestClassifier

part = np.load("prepared/train.npz")
params = dict(line.split(": ") for line in Path("params.yaml").read_text().splitlines())
model = RandomForestClassifier(int(params["trees"]), random_state=int(params["seed"]))
Path("model.pkl").write_bytes(pickle.dumps(model.fit(part["x"], part["y"])))
"""
EVALUATE = """\
from common import Path, json, np, results

part = np.load("prepared/test.npz")
accuracy = results("evaluation/rows.jsonl", part["ids"].tolist(), part["files"].tolist(), part["x"], part["y"])
Path("scores.json").write_text(json.dumps({"accuracy": accuracy}) + "\\n")
"""
SCORE = """\
import sys

from common import read, results

ids, x, y = read(sys.argv[1])
results(sys.argv[2], ids, [""] * len(ids), x, y)
"""
DVC_YAML = """\
stages:
  prepare:
    cmd: python prepare.py
    deps: [common.py, data, prepare.py]
    outs: [prepared]
  train:
    cmd: python train.py
    deps: [common.py, prepared/train.npz, train.py]
    params: [seed, trees]
    outs: [model.pkl]
  evaluate:
    cmd: python evaluate.py
    deps: [common.py, evaluate.py, model.pkl, prepared/test.npz]
    metrics: [scores.json: {cache: false}]
    outs: [evaluation/rows.jsonl]
"""
SCORER = ["python", "score.py", "{rows}", "{results}"]


def make_forest(repository: Path, first: Path, label: str, *, trees: int = 50, seed: int = 0) -> Path:
    """Make and commit the project with its first model, made of the rows of a CSV file."""
    (repository / "data").mkdir(parents=True)
    tool(repository, "git", "init", "-q", "-b", "main")
    tool(repository, "dvc", "init", "-q")
    for name, text in (
        ("common.py", COMMON.replace("LABEL_COLUMN", label)),
        ("prepare.py", PREPARE),
        ("train.py", TRAIN),
        ("evaluate.py", EVALUATE),
        ("score.py", SCORE),
        ("dvc.yaml", DVC_YAML),
        ("params.yaml", f"seed: {seed}\ntrees: {trees}\n"),
    ):
        (repository / name).write_text(text)
    shutil.copyfile(first, repository / "data" / "first.csv")
    tool(repository, "dvc", "add", "-q", "data")
    tool(repository, "dvc", "repro", "-q")
    tool(repository, "git", "add", "-A")
    tool(repository, "git", "commit", "-q", "-m", "A forest")
    return repository


def forest_project(repository: Path, incoming: Path, label: str, **sections: Any) -> dict[str, Any]:
    """Return the settings of the project."""
    return {
        "repository": str(repository),
        "source": {"path": str(incoming), "scan_every": 1, "settle": 0.2},
        "labels": [label],
        "drift": {"scorer": {"command": SCORER}},
        "retrain": {"model": "model.pkl", "cooldown": 0, "max_per_day": 1000, "env": {"path": [str(BIN)]}},
        "promote": {
            "metric": "scores.json:accuracy",
            "per_row": "evaluation/rows.jsonl",
            "score_stages": ["prepare", "evaluate"],
        },
    } | sections
