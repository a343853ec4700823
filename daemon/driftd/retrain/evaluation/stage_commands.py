"""Stages of a project run as what they are, commands, without DVC around them: for rows that no version of the data has."""

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from driftd.errors import CommandError, RepositoryError
from driftd.retrain.dataset.dvc_dataset import Dataset
from driftd.retrain.repository.dvc import Dvc, document, in_order

SHELL = "/bin/sh"


@dataclass(frozen=True)
class Command:
    """One command of a stage; `outs` are removed before the stage's first one, as DVC does with those that do not persist."""

    stage: str
    line: str
    folder: str
    outs: tuple[str, ...] = ()


def commands(root: Path, names: Sequence[str] | None = None, setting: str = "promote.score_stages") -> list[Command]:
    """Return the commands of stages, or of all, in the order of the graph, as the last `dvc repro` had them."""
    path = root / "dvc.lock"
    lock = document(path.read_bytes() if path.exists() else None, str(path))
    known = list(lock.get("stages", {}))
    if not known:
        raise RepositoryError(
            f"{path}: {'has no stage' if path.exists() else 'is not there'}",
            remedy="run `dvc repro` and commit dvc.lock",
        )
    written = document((root / "dvc.yaml").read_bytes(), str(root / "dvc.yaml")).get("stages", {})
    return [
        each for stage in in_order(names or known, lock, setting) for each in _of(stage, lock["stages"][stage], written)
    ]


def _of(stage: str, entry: dict[str, Any], written: dict[str, Any]) -> Iterator[Command]:
    said = written.get(stage.partition("@")[0], {})
    folder = said.get("wdir", said.get("do", {}).get("wdir", "."))
    lines = [entry["cmd"]] if isinstance(entry["cmd"], str) else entry["cmd"]
    lasting = {
        path
        for kind in ("outs", "metrics", "plots")
        for out in said.get(kind, ())
        if isinstance(out, dict)
        for path, options in out.items()
        if isinstance(options, dict) and options.get("persist")
    }
    made = [out["path"] for out in entry.get("outs", ()) if out["path"] not in lasting]
    outs = tuple(os.path.normpath(f"{folder}/{path}") for path in made)
    for place, line in enumerate(lines):
        yield Command(stage, line, folder, () if place else outs)


def run(tools: Dvc, root: Path, todo: Sequence[Command]) -> None:
    """Run commands one after the other."""
    for command in todo:
        known = replace(tools, env={**tools.env, "DVC_ROOT": str(root), "DVC_STAGE": command.stage})  # as DVC has it
        for out in command.outs:
            remove(root / out)
            (root / out).parent.mkdir(parents=True, exist_ok=True)
        call(known, root / command.folder, [SHELL, "-c", command.line], f"the stage {command.stage}")


def call(tools: Dvc, folder: Path, words: Sequence[str], name: str) -> None:
    """Run one command to its end, within the limits of stages."""
    tools.log.line(f"$ {' '.join(words)}")
    done = tools.command(folder, words)
    if done.code:
        said = next((line for line in reversed(done.log.splitlines()) if line.strip()), "it printed nothing")
        raise CommandError(
            f"{name} ended with {done.code}: {said.strip()}",
            output=done.log,
            code=done.code,
            remedy=f"see {tools.log.path}; it runs in {folder}",
        )


def put_rows(root: Path, data: Dataset, files: Sequence[Path]) -> None:
    """Let the dataset of a worktree be these files; one that is a single file is replaced by the only one."""
    place = root / data.path
    remove(place)
    if not data.folder:
        shutil.copyfile(files[0], place)
        return
    place.mkdir(parents=True)
    for file in files:
        shutil.copyfile(file, place / file.name)


def remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
