"""A DVC project that driftd did not make: scikit-learn on people's employment, with a virtual environment of its own and a person at work."""

import gzip
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.daemon import wait_until
from support.parts import lacking
from support.project import BIN, tool

ROWS = Path(__file__).parents[1] / "data" / "employment" / "rows.csv.gz"
FIRST, QUIET = 2000, 3500  # rows of the first dataset, and rows before the burst
SKLEARN = "scikit-learn==1.7.2"

PREPARE = """\
import csv
from pathlib import Path

from sklearn.model_selection import train_test_split

rows = []
for path in sorted(Path("data").glob("*.csv")):
    with path.open(newline="") as file:
        head, *more = csv.reader(file)
        rows += more
Path("prepared").mkdir(exist_ok=True)
for name, part in zip(("train", "test"), train_test_split(rows, test_size=0.25, random_state=1), strict=True):
    with Path("prepared", f"{name}.csv").open("w", newline="") as file:
        csv.writer(file).writerows([head, *part])
"""
TRAIN = """\
import csv
import pickle
from pathlib import Path

import yaml
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

with Path("prepared/train.csv").open(newline="") as file:
    rows = list(csv.DictReader(file))
labels = [row.pop("employed") for row in rows]
strength = yaml.safe_load(Path("params.yaml").read_text())["train"]["strength"]
model = make_pipeline(StandardScaler(), LogisticRegression(C=strength))
model.fit([[float(value) for value in row.values()] for row in rows], labels)
Path("model.pkl").write_bytes(pickle.dumps(model))
"""
BETTER = TRAIN.replace(
    "from sklearn.linear_model import LogisticRegression", "from sklearn.ensemble import RandomForestClassifier"
).replace("LogisticRegression(C=strength)", "RandomForestClassifier(100, min_samples_leaf=5, random_state=1)")
WAITING = """\
import os
import time

Path(os.environ["WAITS"]).touch()
while not Path(os.environ["GOES_ON"]).exists():
    time.sleep(0.1)
"""
EVALUATE = """\
import csv
import json
import pickle
from pathlib import Path

from sklearn.metrics import accuracy_score, log_loss, roc_auc_score

with Path("prepared/test.csv").open(newline="") as file:
    rows = list(csv.DictReader(file))
y_true = [row.pop("employed") for row in rows]
model = pickle.loads(Path("model.pkl").read_bytes())
chances = model.predict_proba([[float(value) for value in row.values()] for row in rows])[:, 1]
scores = {
    "rows": len(rows),
    "log_loss": log_loss(y_true, chances),
    "accuracy": accuracy_score(y_true, [str(int(chance > 0.5)) for chance in chances]),
    "roc_auc": roc_auc_score(y_true, chances),
}
Path("reports").mkdir(exist_ok=True)
Path("reports/metrics.json").write_text(json.dumps(scores, indent=2) + "\\n")
"""
DVC_YAML = """\
stages:
  prepare:
    cmd: python src/prepare.py
    deps: [data, src/prepare.py]
    outs: [prepared]
  train:
    cmd: python src/train.py
    deps: [prepared/train.csv, src/train.py]
    params: [train]
    outs: [model.pkl]
  evaluate:
    cmd: python src/evaluate.py
    deps: [prepared/test.csv, model.pkl, src/evaluate.py]
    metrics: [reports/metrics.json: {cache: false}]
"""


def rows(first: int, last: int) -> str:
    """Return rows of the set as CSV."""
    head, *lines = gzip.decompress(ROWS.read_bytes()).decode().splitlines(keepends=True)
    return head + "".join(lines[first:last])


def make_environment(folder: Path) -> None:
    """Make what `python -m venv .venv` and pip make, but for pip itself and byte code that nobody runs."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "--disable-pip-version-check"]
    if subprocess.run(
        [*pip, "install", "-q", "--no-compile", "--only-binary=:all:", SKLEARN, "pyyaml"], check=False
    ).returncode:
        lacking(f"{SKLEARN} cannot be installed: no package index is reached")


def make_employment(repository: Path) -> Path:
    """Make and commit the project with its first model."""
    (repository / "src").mkdir(parents=True)
    (repository / "data").mkdir()
    make_environment(repository / ".venv")
    tool(repository, "git", "init", "-q", "-b", "main")
    tool(repository, "dvc", "init", "-q")
    for name, text in (
        ("src/prepare.py", PREPARE),
        ("src/train.py", TRAIN),
        ("src/evaluate.py", EVALUATE),
        ("dvc.yaml", DVC_YAML),
        ("params.yaml", "train:\n  strength: 1.0\n"),
        ("README.md", "# Who is employed?\n"),
        (".gitignore", "/.venv/\n"),
        ("data/first.csv", rows(0, FIRST)),
    ):
        (repository / name).write_text(text)
    tool(repository, "dvc", "add", "-q", "data")
    reproduce(repository)
    tool(repository, "git", "add", "-A")
    tool(repository, "git", "commit", "-q", "-m", "Who is employed: a logistic regression")
    return repository


def activated(repository: Path, **more: str) -> dict[str, str]:
    """Return the environment of a person who has activated the project's own, and has DVC elsewhere."""
    path = os.pathsep.join([str(repository / ".venv" / "bin"), os.environ["PATH"], str(BIN)])
    return {**os.environ, "PATH": path, "DVC_NO_ANALYTICS": "1", **more}


def reproduce(repository: Path) -> None:
    words = [str(BIN / "dvc"), "repro", "-q"]
    subprocess.run(words, cwd=repository, env=activated(repository), check=True)


@contextmanager
def person_at_work(repository: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Leave work of every kind lying in the repository, and `dvc repro` with other code and parameters running; it ends with the block."""
    readme, aside = repository / "README.md", repository.parent
    readme.write_text("# Who is employed, and why?\n")
    tool(repository, "git", "stash", "push", "-q", "-m", "another title")
    (repository / "src" / "plots.py").write_text("print('soon')\n")
    tool(repository, "git", "add", "src/plots.py")
    (repository / "ideas.txt").write_text("try trees\n")
    readme.write_text("# Who has work?\n")
    train = repository / "src" / "train.py"
    train.write_text(train.read_text() + WAITING)
    (repository / "params.yaml").write_text("train:\n  strength: 0.01\n")
    waits, goes_on = aside / "waits", aside / "goes-on"
    env = activated(repository, WAITS=str(waits), GOES_ON=str(goes_on))
    process = subprocess.Popen([str(BIN / "dvc"), "repro", "-q"], cwd=repository, env=env)
    try:
        wait_until(waits.exists, what="the person's own stage runs")
        yield process
    finally:
        goes_on.touch()
        process.wait(60)


def state_of(repository: Path) -> dict[str, str]:
    """Return everything of a person's that driftd must leave as it is: files with their modes, index, HEAD, references, stashes, settings."""
    git = repository / ".git"
    files = [
        path
        for folder in repository.iterdir()
        if folder.name not in (".git", ".venv", ".dvc")
        for path in (folder.rglob("*") if folder.is_dir() else [folder])
        if path.is_file() or path.is_symlink()
    ]
    files += [repository / ".dvc" / name for name in ("config", ".gitignore")]
    files += [git / name for name in ("index", "HEAD", "config", "info/exclude", "logs/HEAD", "logs/refs/stash")]
    found = {
        str(path.relative_to(repository)): f"{path.lstat().st_mode:o} {hashlib.sha256(path.read_bytes()).hexdigest()}"
        for path in files
        if path.exists()
    }
    references = tool(repository, "git", "for-each-ref", "--format=%(refname) %(objectname)").splitlines()
    own = ("refs/heads/driftd/", "refs/tags/employment@", "refs/tags/employment#")
    found["references"] = "\n".join(line for line in references if not line.startswith(own))
    found["stashes"] = tool(repository, "git", "stash", "list", "--format=%H %s")
    return found
