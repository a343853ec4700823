"""A DVC project that is real but small: its three stages need nothing but Python and run in a blink."""

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

BIN = Path(sys.executable).parent

STAGES = """
import csv, hashlib, json, pathlib, sys

def rows():
    source = pathlib.Path(SOURCE)
    for path in sorted(source.iterdir()) if source.is_dir() else [source]:
        if path.suffix == ".csv":
            with path.open(newline="") as file:
                for row in csv.DictReader(file):
                    yield path.name, row["kind"], row["label"], row["n"]

def identity(kind, n):
    return hashlib.sha256(json.dumps({"kind": kind, "n": n}).encode()).hexdigest()

def preprocess():
    split = {"train": [], "test": []}
    for file, kind, label, n in rows():
        key = identity(kind, n)
        split["test" if int(key[:8], 16) / 2**32 < 0.4 else "train"].append([key, file, kind, label])
    folder = pathlib.Path("features"); folder.mkdir(exist_ok=True)
    for name, part in split.items():
        (folder / f"{name}.json").write_text(json.dumps(part))

def train():
    known = {}
    for key, file, kind, label in json.loads(pathlib.Path("features/train.json").read_text()):
        known.setdefault(kind, {}).setdefault(label, 0)
        known[kind][label] += 1
    best = {kind: max(sorted(labels), key=labels.get) for kind, labels in sorted(known.items())}
    folder = pathlib.Path("model"); (folder / "more").mkdir(parents=True, exist_ok=True)
    (folder / "map.json").write_text(json.dumps(best))
    (folder / "more" / "size").write_text(str(len(best)))

def evaluate():
    best = json.loads(pathlib.Path("model/map.json").read_text())
    folder = pathlib.Path("evaluation"); folder.mkdir(exist_ok=True)
    results = [(key, file, label, float(best.get(kind) == label))
               for key, file, kind, label in json.loads(pathlib.Path("features/test.json").read_text())]
    with (folder / "rows.jsonl").open("w") as out:
        for key, file, label, value in results:
            out.write(json.dumps({"row": key, "file": file, "value": value}) + "\\n")
    scores = {"accuracy": sum(r[3] for r in results) / len(results)}
    for label in sorted({r[2] for r in results}):
        mine = [r[3] for r in results if r[2] == label]
        scores[label] = {"recall": sum(mine) / len(mine)}
    pathlib.Path("scores.json").write_text(json.dumps(scores, indent=2) + "\\n")

if __name__ == "__main__":
    {"preprocess": preprocess, "train": train, "evaluate": evaluate}[sys.argv[1]]()
"""

DVC_YAML = """
stages:
  evaluate:
    cmd: python stages.py evaluate
    deps: [stages.py, model, features/test.json]
    metrics: [scores.json: {cache: false}]
    outs: [evaluation/rows.jsonl: {cache: false}]
  train:
    cmd: python stages.py train
    deps: [stages.py, features/train.json]
    outs: [model]
  preprocess:
    cmd: python stages.py preprocess
    deps: [stages.py, SOURCE]
    outs: [features]
"""


def tool(repository: Path, *words: str) -> str:
    """Run git, dvc or gto as a person would, in their checkout."""
    env = {
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(repository.parent),
        "DVC_NO_ANALYTICS": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "DVC_SITE_CACHE_DIR": str(repository.parent / "site"),
    } | {f"GIT_{who}_{what}": "person@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    done = subprocess.run(words, cwd=repository, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout


def write_rows(path: Path, kinds: str, start: int = 0, each: int = 60) -> Path:
    """Write rows of kinds; the label of a kind is its capital letter."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["n", "kind", "label"])
        out.writerows([start + number, kind, kind.upper()] for number in range(each) for kind in kinds)
    return path


def make_project(repository: Path, *, source: str = "data", reproduce: bool = True) -> Path:
    """Make and commit a project whose data are a folder, or a single file if `source` has a suffix."""
    repository.mkdir(parents=True)
    tool(repository, "git", "init", "-q", "-b", "main")
    tool(repository, "dvc", "init", "-q")
    (repository / "stages.py").write_text(STAGES.replace("SOURCE", repr(source)))
    (repository / "dvc.yaml").write_text(DVC_YAML.replace("SOURCE", source))
    write_rows(repository / source if source.endswith(".csv") else repository / source / "first.csv", "ab")
    tool(repository, "dvc", "add", "-q", source)
    if reproduce:
        tool(repository, "dvc", "repro", "-q")
    tool(repository, "git", "add", "-A")
    tool(repository, "git", "commit", "-q", "-m", "A model of two kinds")
    return repository


def share_cache(repository: Path, other: Path) -> None:
    """Let a clone or a worktree use the cache of a repository: what `dvc cache dir --local` writes, without its second."""
    (other / ".dvc" / "config.local").write_text(f"[cache]\n    dir = {repository}/.dvc/cache\n")


def copy_project(template: Path, repository: Path) -> Path:
    return Path(shutil.copytree(template, repository, symlinks=True))
