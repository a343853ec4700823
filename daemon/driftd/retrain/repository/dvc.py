"""DVC, through its command line and the files that it documents."""

import json
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from driftd.errors import CommandError, CommandLimitError, CommandTimeoutError, RepositoryError
from driftd.retrain.process import launcher
from driftd.retrain.process.limits import NONE, Limits
from driftd.retrain.process.run_log import RunLog


@dataclass(frozen=True)
class Dvc:
    """`dvc` for one run; what it prints goes to the run's log."""

    env: Mapping[str, str]
    log: RunLog
    stop: threading.Event
    timeout: float
    limits: Limits = NONE

    def __call__(self, root: Path, *words: str, capture: bool = False, remedy: str | None = None) -> str:
        shown = f"dvc {' '.join(words)}"
        _mend_lock(root / ".dvc" / "tmp" / "rwlock")
        started = time.monotonic()
        self.log.line(f"$ {shown}")
        command = [sys.executable, "-P", "-m", "dvc", *words]
        done = self.command(root, command, capture=capture)
        self.log.line(f"  exit {done.code} after {time.monotonic() - started:.1f} s")
        if done.code:
            raise CommandError(
                f"`{shown}` ended with {done.code}: {_reason(done.log)}",
                output=done.log,
                code=done.code,
                remedy=remedy or f"see {self.log.path}",
            )
        return done.output

    def command(self, folder: Path, words: Sequence[str], *, capture: bool = False) -> launcher.Finished:
        """Run any command with the run's environment and limits."""
        return launcher.run(
            words,
            cwd=folder,
            env=self.env,
            log=self.log.path,
            stop=self.stop,
            timeout=self.timeout,
            capture=capture,
            limits=self.limits,
        )

    def check_out(self, root: Path) -> bool:
        """Bring everything that DVC tracks into the worktree, from the cache or else from the remote; return whether all is there."""
        for words in (("checkout", "--force"), ("pull", "--force")):
            try:
                self(root, *words)
            except (CommandLimitError, CommandTimeoutError):
                raise
            except CommandError as error:
                self.log.line(f"  not everything is there: {_reason(error.output)}")
            else:
                return True
        return False

    def clean(self, root: Path) -> bool:
        """Return whether stages, data and what is in the worktree agree."""
        found: dict[str, Any] = json.loads(self(root, "status", "--json", capture=True) or "{}")
        return not found

    def data_status(self, root: Path) -> "DataStatus":
        found = json.loads(self(root, "data", "status", "--granular", "--json", capture=True) or "{}")
        changed = {_path(entry) for entries in found.get("uncommitted", {}).values() for entry in entries}
        return DataStatus(sorted(map(str, found.get("not_in_cache", ()))), sorted(changed))


def _mend_lock(lock: Path) -> None:
    """Remove a lock file that a dvc was killed while writing: dvc clears what dead processes hold, but stops at half a file."""
    with suppress(FileNotFoundError):
        try:
            json.loads(lock.read_bytes())
        except ValueError:
            lock.unlink()


@dataclass(frozen=True)
class DataStatus:
    """What `dvc data status` says: tracked data that the cache lacks, and that differ from what is recorded."""

    missing: list[str]
    changed: list[str]


def _path(entry: Any) -> str:
    """Return the path of an entry; a renamed file is listed with both its names."""
    return str(entry.get("new", entry.get("path"))) if isinstance(entry, dict) else str(entry)


def _reason(output: str) -> str:
    """Return the line of an output that says what was wrong."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return (errors or lines or ["it printed nothing"])[-1]


def document(content: bytes | None, name: str) -> dict[str, Any]:
    """Read a .dvc file, dvc.lock or dvc.yaml; {} where there is none."""
    try:
        found = yaml.safe_load(content or b"")
    except yaml.YAMLError as error:
        raise RepositoryError(f"{name}: is no YAML: {error}", remedy="correct and commit it") from error
    return found if isinstance(found, dict) else {}


def outputs(lock: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield (stage, path, entry) for every output in a dvc.lock."""
    for stage, entry in lock.get("stages", {}).items():
        for out in entry.get("outs", ()):
            yield stage, out["path"], out


def in_order(names: Sequence[str], lock: Mapping[str, Any], setting: str = "promote.score_stages") -> list[str]:
    """Expand names of stages (`train` also means `train@fold1`) and sort them by the graph, as `dvc repro -s` needs them."""
    stages = lock.get("stages", {})
    wanted = [stage for stage in stages for name in names if stage == name or stage.startswith(f"{name}@")]
    unknown = [name for name in names if not any(s == name or s.startswith(f"{name}@") for s in stages)]
    if unknown:
        raise RepositoryError(
            f"{setting} names {', '.join(unknown)}, which dvc.lock does not have",
            remedy=f"its stages are: {', '.join(stages)}",
        )
    makers = [(PurePosixPath(path), stage) for stage, path, _ in outputs(lock)]
    graph: dict[str, set[str]] = {}
    for stage, entry in stages.items():
        deps = [PurePosixPath(dep["path"]) for dep in entry.get("deps", ())]
        graph[stage] = {
            maker for made, maker in makers for dep in deps if dep == made or made in dep.parents or dep in made.parents
        }
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        raise RepositoryError(f"dvc.lock: its stages form a circle: {error.args[1]}") from error
    return [stage for stage in order if stage in wanted]
