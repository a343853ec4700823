"""What surrounds the stages: the branch that runs start from, the project's name, the Python that it runs with."""

import re
import shutil
import subprocess
import sys
import tomllib
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from driftd.adopt.proposal import Setting
from driftd.adopt.stage_graph import Graph
from driftd.errors import RepositoryError
from driftd.retrain.repository.git import Git

USUAL = ("main", "master")


def find_base(git: Git) -> Setting:
    """Return the branch that others build on: origin's, main or master, or the one that is checked out."""
    branches = git("for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads/").splitlines()
    if not branches:
        raise RepositoryError(f"{git.folder}: no branch has a commit yet", remedy="commit the project")
    origin = git("for-each-ref", "--format=%(symref:lstrip=3)", "refs/remotes/origin/HEAD")
    head = git.head_branch()
    usual = next((name for name in USUAL if name in branches), None)
    away = f"; {head} is checked out" if head else "; HEAD is detached"
    if origin in branches:
        return Setting("retrain.base", origin, "origin's default branch" + (away if head != origin else ""))
    if usual is not None:
        return Setting("retrain.base", usual, "the usual branch" + (away if head != usual else ""))
    if head in branches:
        return Setting("retrain.base", head, "the branch that is checked out")
    if len(branches) == 1:
        return Setting("retrain.base", branches[0], "the only branch")
    raise RepositoryError(
        f"{git.folder}: HEAD is detached and there is no main or master, so nothing says which branch runs start from",
        remedy=f"switch to one of: {', '.join(branches)}",
    )


def find_name(graph: Graph, model: str, folder: Path, tags: Iterable[str]) -> str:
    """Return a name for the project, whose versions are tagged `NAME@v1.0.0`: the one that GTO knows the model by, or the folder's."""
    known = dict.fromkeys(tag.partition("@")[0] for tag in tags if re.fullmatch(r"[^@#]+@v\d+\.\d+\.\d+", tag))
    for name in (graph.models.get(model, ""), next(iter(known)) if len(known) == 1 else ""):
        if name and name == _plain(name):
            return name
    return _plain(folder.resolve().name) or "project"


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower())[:63].strip("-")


def find_environment(project: Path, top: Path, outside: Mapping[str, str]) -> Setting | None:
    """Return the folder of the project's own Python, wherever its tool keeps it."""
    for folder, why in _environments(project, top, outside):
        if (folder / "bin" / "python").exists():
            return Setting("retrain.env", {"path": [str(folder / "bin")]}, why)
    if found := shutil.which("python", path=outside.get("PATH")):
        why = "assumed: the repository has no environment of its own, and this is the `python` of PATH"
        return Setting("retrain.env", {"path": [str(_real(found, project).parent)]}, why)
    return None


def _real(python: str, folder: Path) -> Path:
    """Return the interpreter behind a name that may be a shim, which only works in the person's own environment."""
    words = [python, "-c", "import sys; print(sys.executable)"]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    return Path(done.stdout.strip() or python)


def _environments(project: Path, top: Path, outside: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
    for place in dict.fromkeys((project, top)):
        if named := outside.get("UV_PROJECT_ENVIRONMENT"):
            yield place / named, "UV_PROJECT_ENVIRONMENT names this virtual environment"
        for name in (".venv", "venv", "env"):
            yield place / name, "the virtual environment of the repository"
        if (poetry := _poetry_name(place)) is not None:
            for path in _poetry(poetry, place, outside):
                yield path, "Poetry's virtual environment of the repository"
        if (place / "Pipfile").exists():
            yield _pipenv(place, outside), "Pipenv's virtual environment of the repository"
    for variable in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        if named := outside.get(variable):
            also = ", which is driftd's own too" if Path(named).resolve() == Path(sys.prefix).resolve() else ""
            yield Path(named), f"{variable} names this environment{also}"


def _pipenv(place: Path, outside: Mapping[str, str]) -> Path:
    """Return where Pipenv keeps a project's environment: `name-hash of the Pipfile's path`."""
    data = Path(outside.get("XDG_DATA_HOME") or Path(outside.get("HOME", "/")) / ".local" / "share")
    digest = urlsafe_b64encode(sha256(str(place / "Pipfile").encode()).digest()).decode()[:8]
    return Path(outside.get("WORKON_HOME") or data / "virtualenvs") / f"{place.name}-{digest}"


def _poetry_name(place: Path) -> str | None:
    try:
        document: dict[str, Any] = tomllib.loads((place / "pyproject.toml").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    tool = document.get("tool", {})
    if "poetry" not in tool and "poetry" not in str(document.get("build-system", {}).get("build-backend", "")):
        return None
    return str(tool.get("poetry", {}).get("name") or document.get("project", {}).get("name") or place.name)


def _poetry(name: str, place: Path, outside: Mapping[str, str]) -> list[Path]:
    """Return where Poetry keeps a project's environments: `name-hash of its path-pyVERSION`."""
    cache = Path(outside.get("XDG_CACHE_HOME") or Path(outside.get("HOME", "/")) / ".cache") / "pypoetry"
    home = outside.get("POETRY_VIRTUALENVS_PATH") or Path(outside.get("POETRY_CACHE_DIR") or cache) / "virtualenvs"
    plain = re.sub(r'[ $`!*@"\\\r\n\t]', "_", name.lower())[:42]
    digest = urlsafe_b64encode(sha256(str(place.resolve()).encode()).digest()).decode()[:8]
    return sorted(Path(home).glob(f"{plain}-{digest}-py*"), reverse=True)
