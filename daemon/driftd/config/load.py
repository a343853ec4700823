"""From a file on disk to Settings, or to one error that lists everything that is wrong with it."""

import difflib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from driftd.config.model import Settings
from driftd.config.yaml import Positions, Where, read_yaml
from driftd.errors import ConfigError

SEARCH = (Path("driftd.yaml"), Path("/etc/driftd/driftd.yaml"))


def find_file(given: Path | None = None, environ: Mapping[str, str] = os.environ) -> Path:
    """Return the settings file: the one given, DRIFTD_CONFIG, ./driftd.yaml or /etc/driftd/driftd.yaml."""
    named = given or (Path(environ["DRIFTD_CONFIG"]) if environ.get("DRIFTD_CONFIG") else None)
    if named is not None:
        return named
    for path in SEARCH:
        if path.exists():
            return path
    raise ConfigError(
        f"no settings file: neither {SEARCH[0]} nor {SEARCH[1]} exists",
        remedy="name one with -c FILE or DRIFTD_CONFIG, or make one with `driftd init`",
    )


def load(path: Path) -> Settings:
    """Read, check and resolve a settings file. Relative paths in it are relative to its folder."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}", remedy="check the path and its permissions") from error
    return parse(text, path)


def parse(text: str, name: Path) -> Settings:
    """Check the text of a settings file that is called `name`."""
    document, positions = read_yaml(text, name)
    if not isinstance(document, dict):
        raise ConfigError(f"{name}:1:1: settings are a mapping of names to values", remedy="see `driftd config schema`")
    try:
        settings = Settings.model_validate(document, strict=False)
    except ValidationError as error:
        problems = sorted(error.errors(include_url=False), key=lambda p: _position(_path(p), positions))
        raise ConfigError(
            "\n".join(_line(name, problem, positions) for problem in problems),
            remedy="`driftd config schema` describes every setting",
        ) from error
    settings = _resolved(settings, name.parent.absolute())
    overlaps = [(_position(at, positions), ".".join(at), message) for at, message in _overlaps(settings)]
    if overlaps:
        lines = [f"{name}:{line}:{column}: {at}: {message}" for (line, column), at, message in overlaps]
        raise ConfigError("\n".join(lines), remedy="give each source a folder of its own")
    return settings


def _path(problem: Any) -> Where:
    return tuple(part for part in problem["loc"] if part != "[key]")


def _line(name: Path, problem: Any, positions: Positions) -> str:
    at = _path(problem)
    line, column = _position(at, positions)
    dotted = ".".join(map(str, at))
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        names = _names_at(at[:-1])
        near = difflib.get_close_matches(str(at[-1]), names, n=1, cutoff=0.5)
        message = "unknown setting; " + (f"did you mean {near[0]!r}?" if near else f"here can be: {', '.join(names)}")
    elif problem["type"] == "missing":
        message = "must be set"
    return f"{name}:{line}:{column}: {dotted}: {message}" if dotted else f"{name}:{line}:{column}: {message}"


def _position(at: Where, positions: Positions) -> tuple[int, int]:
    while at not in positions and at:
        at = at[:-1]
    return positions.get(at, (1, 1))


def _names_at(at: Where) -> list[str]:
    """Return the names that may be set in the section at a path."""
    kind: Any = Settings
    for part in at:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            field = next((f for key, f in kind.model_fields.items() if (f.alias or key) == part), None)
            kind = field.annotation if field else None
        else:
            kind = get_args(kind)[-1] if get_args(kind) and get_args(kind)[-1] is not ... else get_args(kind)[0]
    return [f.alias or key for key, f in kind.model_fields.items()] if kind else []


def _resolved(settings: Settings, folder: Path) -> Settings:
    """Make every path absolute, so that no later change of folder matters."""

    def absolute(path: Path) -> Path:
        return Path(os.path.normpath(folder / path.expanduser()))

    projects = {}
    for name, project in settings.projects.items():
        env = project.retrain.env
        projects[name] = project.model_copy(
            update={
                "repository": absolute(project.repository),
                "source": project.source.model_copy(update={"path": absolute(project.source.path)}),
                "retrain": project.retrain.model_copy(
                    update={"env": env.model_copy(update={"path": tuple(map(absolute, env.path))})}
                ),
            }
        )
    return settings.model_copy(update={"state_dir": absolute(settings.state_dir), "projects": projects})


def _overlaps(settings: Settings) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield sources that reach into something else: its files would be let in twice, or moved away."""
    seen: dict[str, Path] = {}
    for name, project in settings.projects.items():
        source = project.source.path
        at = ("projects", name, "source", "path")
        for other, path in seen.items():
            if source.is_relative_to(path) or path.is_relative_to(source):
                yield at, f"{source} is the source of project {other!r} too, or a part of it: {path}"
        if project.repository.is_relative_to(source):
            yield at, f"the project's repository {project.repository} lies in its source {source}"
        if settings.state_dir.is_relative_to(source):
            yield at, f"state_dir {settings.state_dir} lies in the source {source}"
        seen[name] = source
