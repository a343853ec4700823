"""The files that make driftd a systemd service for given settings. They are only made here, never written."""

import os
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from driftd.config import Project, Settings
from driftd.errors import DriftdError, UsageError
from driftd.journal.layout import Layout
from driftd.resources import share_dir
from driftd.retrain.repository.environment import environment
from driftd.retrain.repository.worktree import Repository

MARK = "# Written by `driftd install --systemd`; what you change belongs into a drop-in beside it.\n"
STATE = Path("/var/lib/driftd")
SYSTEM = Path("etc/systemd/system")
SHIPPED_COMMAND = "ExecStart=/opt/driftd/bin/driftd run -c /etc/driftd/driftd.yaml"
HOMES = (Path("/home"), Path("/root"), Path("/run/user"))


class UnitFile(NamedTuple):
    """One file: where it goes below the root folder, what it holds, what it is for, and how one that was written before begins."""

    place: Path
    text: str
    why: str
    mark: str = MARK


def unit_files(settings: Settings, file: Path, program: Path, prefixes: Iterable[Path]) -> list[UnitFile]:
    """Return the files for a program, whose Python lies in `prefixes`, and a settings file; all paths are absolute."""
    if _private(file):
        raise UsageError(
            f"{file} is in a home folder, which the unit hides",
            remedy="move the settings to /etc/driftd/driftd.yaml, where driftd looks for them",
        )
    return [
        UnitFile(SYSTEM / "driftd.service", _service(file, program), "the hardened unit"),
        UnitFile(Path("etc/sysusers.d/driftd.conf"), _shipped("driftd.sysusers"), "the user that it runs as"),
        UnitFile(Path("etc/tmpfiles.d/driftd.conf"), _shipped("driftd.tmpfiles"), "its folders"),
        *_drop_ins(settings, (program.parent, *prefixes)),
    ]


def _shipped(name: str) -> str:
    return MARK + (share_dir() / "systemd" / name).read_text(encoding="utf-8")


def _service(file: Path, program: Path) -> str:
    return _shipped("driftd.service").replace(SHIPPED_COMMAND, f"ExecStart={_word(program)} run -c {_word(file)}")


def _drop_ins(settings: Settings, programs: Iterable[Path]) -> Iterator[UnitFile]:
    place = SYSTEM / "driftd.service.d"
    written = writable(settings)
    text = f"[Service]\nReadWritePaths={_words(written)}\n"
    yield UnitFile(place / "10-paths.conf", MARK + text, "repositories, sources and other folders that it writes")
    stages = (folder for project in settings.projects.values() for folder in project.retrain.env.path)
    read = _outermost(map(_environment, (*programs, *stages)))
    binds = {
        "BindPaths": [path for path in written if _private(path)],
        "BindReadOnlyPaths": [path for path in read if _private(path)],
    }
    lines = [f"{name}={_words(paths)}\n" for name, paths in binds.items() if paths]
    if lines:
        text = "[Service]\nProtectHome=tmpfs\n" + "".join(lines)
        yield UnitFile(place / "20-home.conf", MARK + text, "what it needs of home folders, which the unit hides")


def writable(settings: Settings) -> list[Path]:
    """Return the folders beside /var/lib/driftd that the daemon writes in."""
    folders = [path for project in settings.projects.values() for path in (project.repository, project.source.path)]
    return _outermost([*folders, *made(settings)])


def made(settings: Settings) -> list[Path]:
    """Return those of them that come with the daemon or its repositories, and need not be there yet."""
    found = {path for project in settings.projects.values() for path in _elsewhere(project)}
    return sorted(found if settings.state_dir == STATE else found | {settings.state_dir})


def _elsewhere(project: Project) -> list[Path]:
    """Return what runs write of a repository outside of its folder: git's own, if DVC's is a part of it, and the DVC cache."""
    own = project.repository.resolve()
    service = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(STATE)}  # whose settings of DVC count
    with TemporaryDirectory() as home:  # looking leaves nothing behind in the state folder
        try:
            env = environment(Layout(Path(home), "install"), project.retrain.env, "install", service)
            written = Repository(project.repository, env).written()
        except (DriftdError, OSError):
            return []  # it may come later; `driftd config check` says what is wrong with it
    return [path for path in (each.resolve() for each in written) if not path.is_relative_to(own)]


def _environment(folder: Path) -> Path:
    """Return the whole virtual environment that a `bin` belongs to."""
    return folder.parent if folder.name == "bin" else folder


def _private(path: Path) -> bool:
    return any(path.is_relative_to(home) for home in HOMES)


def _outermost(paths: Iterable[Path]) -> list[Path]:
    found = sorted(set(paths))
    return [path for path in found if not any(path != other and path.is_relative_to(other) for other in found)]


def _words(paths: Iterable[Path]) -> str:
    return " ".join(map(_word, paths))


def _word(path: Path) -> str:
    """Write a path so that systemd reads it as one word and expands nothing in it."""
    plain = str(path).replace("%", "%%").replace("$", "$$")
    return plain if shlex.quote(str(path)) == str(path) else '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'
