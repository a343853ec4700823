"""The reference project for tests: its stages as modules, and real DVC repositories made of it."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

import yaml

from support.project import BIN, tool

PIPELINE = Path(__file__).parents[2] / "pipeline"
IOWA = PIPELINE / "data" / "iowa.jsonl"
NATIONWIDE = PIPELINE / "sample" / "incoming" / "09-nationwide.jsonl"
SMALL = {"epochs": 1, "width": 32, "depth": 1, "batch_size": 16}
PARTS = (".gitignore", "DATA.md", "README.md", "config.cfg", "dvc.yaml", "params.yaml", "requirements.txt", "stages")


def stage(name: str) -> ModuleType:
    """Load a script of stages/ as a module, and leave no trace of its neighbours."""
    spec = importlib.util.spec_from_file_location(f"reference_{name}", PIPELINE / "stages" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    sys.path.insert(0, str(PIPELINE / "stages"))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(PIPELINE / "stages"))
        sys.modules.pop("rows", None)
    return module


def lines(path: Path, count: int, start: int = 0) -> list[str]:
    return path.read_text("utf-8").splitlines(keepends=True)[start : start + count]


def write_data(project: Path, **files: Iterable[str]) -> None:
    """Replace data/ by files of JSON lines."""
    shutil.rmtree(project / "data", ignore_errors=True)
    (project / "data").mkdir()
    for name, content in files.items():
        (project / "data" / f"{name}.jsonl").write_text("".join(content), "utf-8")


def set_params(project: Path, **values: object) -> None:
    """Set values of `model` in params.yaml; `test_share` and `dev_share` are those of `split`."""
    path = project / "params.yaml"
    params = yaml.safe_load(path.read_text())
    for name, value in values.items():
        params["split" if name.endswith("_share") else "model"][name] = value
    path.write_text(yaml.safe_dump(params))


def files_of(project: Path, **params: object) -> Path:
    """Copy what `driftd init` copies, but the data; small and fast unless params say otherwise."""
    project.mkdir(parents=True)
    for name in PARTS:
        source = PIPELINE / name
        if source.is_dir():
            shutil.copytree(source, project / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, project / name)
    set_params(project, **{**SMALL, **params})
    return project


def commit(project: Path, message: str) -> None:
    tool(project, "git", "add", "-A")
    tool(project, "git", "commit", "-q", "-m", message)


def start_repository(project: Path) -> Path:
    """What `driftd init` does behind the copy."""
    tool(project, "git", "init", "-q", "-b", "main")
    tool(project, "dvc", "init", "-q")
    tool(project, "dvc", "add", "-q", "data")
    commit(project, "A new project")
    return project


def attempt(project: Path, *words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run a command that may fail."""
    env = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "DVC_NO_ANALYTICS": "1", **environment}
    return subprocess.run(words, cwd=project, env=env, capture_output=True, text=True, check=False)


def stages_that_ran(output: str) -> list[str]:
    return [line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")]


def scores(project: Path) -> dict[str, object]:
    return dict(json.loads((project / "scores.json").read_text()))
