"""What `driftd config check` looks at beyond the file: repositories, stages, their programs, folders."""

import os
import re
import shlex
import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from driftd.config import Project, Settings
from driftd.detect.settings import DriftSettings
from driftd.errors import DriftdError
from driftd.journal import Journal, tables
from driftd.journal.layout import Layout, journal_path
from driftd.readers import Schema
from driftd.retrain.repository.environment import environment
from driftd.retrain.repository.worktree import Repository

ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
SHELL = frozenset({"cd", "set", "if", "for", "while", "export", "source", ".", "test", "[", "(", "{"})


@dataclass(frozen=True)
class Problem:
    """What is wrong with one setting."""

    at: tuple[str, ...]
    message: str

    def __str__(self) -> str:
        return f"{'.'.join(self.at[2:] or self.at)}: {self.message}"


def problems(name: str, project: Project, settings: Settings) -> Iterator[Problem]:
    """Yield what would keep a project from working."""
    here = ("projects", name)
    for at, folder in ((("state_dir",), settings.state_dir), ((*here, "source", "path"), project.source.path)):
        there = next(parent for parent in (folder, *folder.parents) if parent.exists())
        if not there.is_dir():
            yield Problem(at, f"{there} is no folder")
        elif not os.access(there, os.W_OK | os.X_OK):
            yield Problem(at, f"{there} cannot be written by this user")
    if not project.repository.exists():
        yield Problem((*here, "repository"), f"{project.repository} does not exist")
        return
    with TemporaryDirectory() as home:  # looking leaves nothing behind in the state folder
        env = environment(Layout(Path(home), name), project.retrain.env, "check")
        try:
            Repository(project.repository, env)
        except (DriftdError, OSError) as error:
            yield Problem((*here, "repository"), str(error))
            return
    found = (*_stages(project, env["PATH"]), *_columns(name, project, settings))
    yield from (Problem((*here, *setting.split(".")), message) for setting, message in found)


def _stages(project: Project, path: str) -> Iterator[tuple[str, str]]:
    for folder in project.retrain.env.path:
        if not folder.is_dir():
            yield "retrain.env.path", f"{folder} is no folder"
    file = project.repository / "dvc.yaml"
    try:
        stages: dict[str, Any] = (yaml.safe_load(file.read_text(encoding="utf-8")) or {}).get("stages") or {}
    except (OSError, ValueError, yaml.YAMLError) as error:
        yield "repository", f"{file}: {error}"
        return
    for missing in set(project.promote.score_stages) - stages.keys():
        yield "promote.score_stages", f"{file} has no stage {missing!r}; it has: {', '.join(stages)}"
    yield from _scorer(project, stages, path)
    for stage, words in stages.items():
        commands = words.get("cmd", words.get("do", {}).get("cmd", ()))
        for command in [commands] if isinstance(commands, str) else commands:
            program, folder = _program(command), project.repository / words.get("wdir", ".")
            if program and not _found(program, folder, path):
                yield "retrain.env.path", f"the stage {stage!r} runs {program!r}, which is not found; add its folder"
            elif program and (own := _environment_of(program, folder)):
                where = f"which is not in the worktrees of runs; let it run {Path(program).name!r}, and add {own}"
                yield "retrain.env.path", f"the stage {stage!r} runs {program!r}, {where}"


def _scorer(project: Project, stages: dict[str, Any], path: str) -> Iterator[tuple[str, str]]:
    scorer = project.drift.scorer
    for missing in set((scorer and scorer.stages) or ()) - stages.keys():
        yield "drift.scorer", f"dvc.yaml has no stage {missing!r}; it has: {', '.join(stages)}"
    if scorer and scorer.command and not _found(scorer.command[0], project.repository, path):
        yield "drift.scorer", f"{scorer.command[0]!r} is not found; add its folder to retrain.env.path"


def _columns(name: str, project: Project, settings: Settings) -> Iterator[tuple[str, str]]:
    """Hold names of columns against those that the project has, once the daemon has seen its data."""
    from driftd.detect.column_settings import misfits

    if not journal_path(settings.state_dir).exists():
        return
    with closing(Journal.read_only(journal_path(settings.state_dir))) as journal:
        row = tables.projects.first(journal, "name = ?", name)
    if row is None or row.columns is None:
        return
    there = Schema.from_json(row.columns).columns
    names = [column.name for column in there]
    for setting, wanted in (("columns", project.columns), ("labels", project.labels)):
        for column in wanted:
            if column not in names:
                yield setting, f"there is no column {column!r}; there are: {', '.join(names)}"
    for setting, why in misfits(DriftSettings.of(project), there):
        yield f"drift.{setting}", why


def _program(command: str) -> str | None:
    """Return the program that a stage's shell command begins with, or None where only the shell can tell."""
    try:
        words = [word for word in shlex.split(command) if not ASSIGNMENT.match(word)]
    except ValueError:
        return None
    return None if not words or "$" in words[0] or words[0] in SHELL else words[0]


def _environment_of(program: str, folder: Path) -> Path | None:
    """Return the folder of a program that is named by its way to a virtual environment in the repository."""
    place = Path(os.path.normpath(folder / program)).parent
    inside = os.sep in program and not Path(program).is_absolute()
    return place if inside and (place.parent / "pyvenv.cfg").is_file() else None


def _found(program: str, folder: Path, path: str) -> bool:
    if os.sep in program:
        return os.access(folder / program, os.X_OK)
    return shutil.which(program, path=path) is not None
