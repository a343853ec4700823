"""From a file on disk to Settings, or to one error that lists everything that is wrong with it."""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pydantic import ValidationError

from driftd.config.settings import Settings
from driftd.config.validation_messages import place, words
from driftd.config.yaml_positions import Positions, Where, read_yaml
from driftd.errors import ConfigError

SHOWN = "`driftd config example` shows every setting"
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
    return parse(read(path), path)


def read(path: Path) -> str:
    """Return the text of a settings file."""
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise ConfigError(
            f"{path}: there is no such file",
            remedy="name one with -c FILE or DRIFTD_CONFIG, or make one with `driftd init`",
        ) from error
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read: {error.strerror}", remedy="correct the path or its permissions"
        ) from error
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        raise ConfigError(
            f"{path}:{line}:{column}: the byte {content[error.start]:#04x} is not UTF-8",
            remedy="save the file as UTF-8 text",
        ) from error


def parse(text: str, name: Path) -> Settings:
    """Check the text of a settings file that is called `name`."""
    document, positions = read_yaml(text, name)
    if document is None:
        raise ConfigError(f"{name}:1:1: there is nothing in it", remedy="set at least one project; " + SHOWN)
    if not isinstance(document, dict):
        raise ConfigError(f"{name}:1:1: settings are names with values, such as `projects:`", remedy=SHOWN)
    try:
        settings = Settings.model_validate(document)
    except ValidationError as error:
        found = [(place(problem), words(problem)) for problem in error.errors(include_url=False)]
        raise ConfigError(_lines(name, found, positions), remedy=SHOWN) from error
    settings = _resolved(settings, name.parent.absolute())
    if overlaps := list(_overlaps(settings)):
        raise ConfigError(_lines(name, overlaps, positions), remedy="give each source a folder of its own")
    return settings


def located(path: Path, found: Iterable[tuple[Where, str]]) -> str:
    """Put what was found about settings of a valid file to the places where they are set, a line each."""
    _, positions = read_yaml(read(path), path)
    return _lines(path, found, positions)


def _lines(name: Path, found: Iterable[tuple[Where, str]], positions: Positions) -> str:
    lines = []
    for at, message in sorted(found, key=lambda each: _position(each[0], positions)):
        line, column = _position(at, positions)
        lines.append(f"{name}:{line}:{column}: {'.'.join(map(str, at))}: {message}")
    return "\n".join(lines)


def _position(at: Where, positions: Positions) -> tuple[int, int]:
    """Return line and column of a setting, or of the nearest section around it that is in the file."""
    while at not in positions and at:
        at = at[:-1]
    return positions.get(at, (1, 1))


def _resolved(settings: Settings, folder: Path) -> Settings:
    """Make every path absolute, so that no later change of folder matters."""

    def absolute(path: Path) -> Path:
        return Path(os.path.normpath(folder / path))

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
    token = settings.http.token_file
    http = settings.http.model_copy(update={"token_file": absolute(token) if token else None})
    return settings.model_copy(update={"state_dir": absolute(settings.state_dir), "http": http, "projects": projects})


def _overlaps(settings: Settings) -> Iterator[tuple[Where, str]]:
    """Yield sources that reach into something else: its files would be let in twice, or moved away."""
    seen: dict[str, Path] = {}
    for name, project in settings.projects.items():
        source, repository = project.source.path, project.repository
        at = ("projects", name, "source", "path")
        for other, path in seen.items():
            if _overlap(source, path):
                yield at, f"{source} is the source of project {other!r} too, or a part of it: {path}"
        if repository.is_relative_to(source):
            yield at, f"the project's repository {repository} lies in its source {source}"
        for what in ("dataset", "model"):
            if _overlap(source, repository / getattr(project.retrain, what)):
                yield (
                    at,
                    f"{source} is the project's {what}, or a part of it: new files go elsewhere, driftd adds them itself",
                )
        if settings.state_dir.is_relative_to(source):
            yield at, f"state_dir {settings.state_dir} lies in the source {source}"
        elif source.is_relative_to(settings.state_dir):
            yield at, f"the source {source} lies in state_dir {settings.state_dir}, which is driftd's own"
        seen[name] = source


def _overlap(one: Path, other: Path) -> bool:
    return one.is_relative_to(other) or other.is_relative_to(one)
