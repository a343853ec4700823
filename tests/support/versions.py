"""A repository with the commits of two models, made by git alone: data, parameters and code differ."""

import json
from pathlib import Path

from driftd.journal import Journal, tables
from driftd.journal.layout import journal_path
from support.project import tool

CODE = "def train(rows):\n    return rows\n"


def two_versions(state: Path, project: str, folder: Path) -> Path:
    """Make the repository, and let the first two models of a seeded project be its commits."""
    (folder / ".dvc").mkdir()
    tool(folder, "git", "init", "-q")
    (folder / ".gitignore").write_text("/data\n")
    old = commit(folder, "The first model\n\nDriftd-Run: 1", files=1, rate=0.1)
    (folder / "train.py").write_text(CODE + "\n\ndef tune(rows):\n    return rows[:10]\n")
    commit(folder, "Tune on ten rows", files=1, rate=0.05)
    new = commit(folder, "The second model\n\nDriftd-Run: 2", files=9, rate=0.05)
    journal = Journal.open(journal_path(state))
    with journal.write():
        for version, revision in (("v1.0.0", old), ("v2.0.0", new)):
            tables.models.set(journal, "project = ? AND version = ?", project, version, revision=revision)
    journal.close()
    return folder


def commit(folder: Path, message: str, *, files: int, rate: float) -> str:
    if not (folder / "train.py").exists():
        (folder / "train.py").write_text(CODE)
    params = {"params.yaml": {"train": {"rate": rate, "epochs": 20}}}
    (folder / "dvc.lock").write_text(json.dumps({"stages": {"train": {"params": params}}}))
    (folder / "data.dvc").write_text(json.dumps({"outs": [{"path": "data", "nfiles": files, "size": 40_000 * files}]}))
    tool(folder, "git", "add", "-A")
    tool(folder, "git", "commit", "-q", "-m", message)
    return tool(folder, "git", "rev-parse", "HEAD").strip()
