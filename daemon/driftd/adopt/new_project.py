"""A new project: the reference pipeline as a DVC repository of its own, with settings that suit it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp

from driftd.adopt.settings_file import flow
from driftd.errors import CommandError, OperationError, UsageError
from driftd.resources import share_dir

# What a project starts with; anything else in the folder was made by running it.
PARTS = (
    ".gitignore",
    "README.md",
    "DATA.md",
    "dvc.yaml",
    "params.yaml",
    "config.cfg",
    "requirements.txt",
    "stages/*.py",
    "data/*.jsonl",
    "sample/incoming/*.jsonl*",
)
OWN = "/incoming/\n/sample/\n/state/\n"  # what neither git nor DVC looks at
SETTINGS = """\
# Settings of driftd. `driftd config schema` and docs/configuration.md describe all of them; `driftd config check` checks them.
state_dir: state                      # journal, profiles, runs and served models: state/{name}/models/current is the model in production
http: {{listen: {listen}}}        # status page, API and /metrics

projects:
  {name}:
    repository: .
    source: {{path: incoming}}          # new files go here; write them elsewhere or as .NAME.part and rename them in
    window: {{rows: 100}}               # rows that are judged together
    drift:
      false_alarms: 1 per 5000 windows
      min_effect: 0.02                # smaller shifts are not worth an incident
      scorer:                         # scores the model on labelled rows as they arrive: errors that rise are an incident, too
        command: [python, stages/score.py, "{{rows}}", "{{results}}"]
    retrain:
      min_rows: 600                   # rows of the new kind that training waits for
      env: {{path: {path}}}   # where the stages find `python`
    promote:
      metric: scores.json:ents_f
      per_row: evaluation/rows.jsonl  # with it, better means significantly better
      guards:                         # these labels must not get much worse, whatever else is gained
        - {{metric: scores.json:AddressNumber.f, max_drop: 0.03}}
        - {{metric: scores.json:StreetName.f, max_drop: 0.03}}
        - {{metric: scores.json:PlaceName.f, max_drop: 0.03}}
"""
NAME = "addresses"
LISTEN = "127.0.0.1:9469"
ASIDE = ".driftd-init-"
ELSEWHERE = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY")


def create(folder: Path, remote: str | None = None, listen: str = LISTEN) -> Path:
    """Make a project in a new or empty folder; return its settings file. A failure leaves nothing behind."""
    folder = Path(os.path.abspath(folder))  # noqa: PTH100  # without following links, as the person named it
    if folder.exists() and not (folder.is_dir() and _is_empty(folder)):
        raise UsageError(
            f"{folder} exists and is not {'empty' if folder.is_dir() else 'a folder'}",
            remedy="name a new folder; for settings of a DVC repository that exists use --repository",
        )
    with _aside(folder) as made:
        _copy(share_dir() / "pipeline", made)
        (made / "incoming").mkdir()
        path = flow([str(Path(sys.executable).parent)])
        (made / "driftd.yaml").write_text(SETTINGS.format(name=NAME, path=path, listen=listen), "utf-8")
        for ignoring in (".gitignore", ".dvcignore"):
            with (made / ignoring).open("a", encoding="utf-8") as file:
                file.write(OWN)
        for words in _commands(made, remote):
            _run(words, made)
    return folder / "driftd.yaml"


def _is_empty(folder: Path) -> bool:
    """Return whether there is nothing in a folder but what a killed `init` has left."""
    return all(path.name.startswith(ASIDE) for path in folder.iterdir())


@contextmanager
def _aside(folder: Path) -> Iterator[Path]:
    """Yield a folder whose content is there, under the name of the one to make, only when all is done.

    A folder that exists stays the very same one: a shell may be in it, or something mounted on it.
    """
    exists = folder.exists()
    missing = [parent for parent in folder.parents if not parent.exists()]
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(mkdtemp(prefix=ASIDE, dir=folder if exists else folder.parent))
    except OSError as error:
        raise OperationError(
            f"{folder} cannot be made: {error.strerror}", remedy="name a folder that you may write"
        ) from error
    try:
        yield aside
        if exists:
            for path in list(aside.iterdir()):
                path.rename(folder / path.name)
            aside.rmdir()
        else:
            aside.chmod(0o777 & ~_umask())
            aside.rename(folder)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        for parent in missing:
            with suppress(OSError):
                parent.rmdir()
        raise


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def _copy(pipeline: Path, made: Path) -> None:
    for part in PARTS:
        for file in sorted(pipeline.glob(part)):
            target = made / file.relative_to(pipeline)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)


def _commands(made: Path, remote: str | None) -> Iterator[list[str]]:
    yield ["git", "init", "--quiet", "--initial-branch", "main"]
    yield ["dvc", "init"]
    if remote is not None:
        url = remote if ":" in remote else os.path.abspath(remote)  # noqa: PTH100  # DVC would take it from the folder aside
        yield ["dvc", "remote", "add", "--default", "storage", url]
    yield ["dvc", "add", "data"]
    yield ["git", "add", "--all"]
    author = {"user.name": "driftd", "user.email": "driftd@localhost"}
    settings = {key: value for key, value in author.items() if not _is_set(key, made)}
    settings |= {"commit.gpgSign": "false", "core.hooksPath": os.devnull}
    options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
    yield ["git", *options, "commit", "--quiet", "--message", "A project that driftd keeps in step with its data"]


def _is_set(key: str, folder: Path) -> bool:
    words = ["git", "config", key]
    return not subprocess.run(
        words, cwd=folder, env=_environment(os.environ), capture_output=True, check=False
    ).returncode


def _run(words: list[str], folder: Path) -> None:
    """Run git, or driftd's own DVC."""
    command = [sys.executable, "-P", "-m", *words] if words[0] == "dvc" else words
    try:
        done = subprocess.run(
            command, cwd=folder, env=_environment(os.environ), capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise CommandError(
            f"{words[0]} cannot be started: {error.strerror}", remedy=f"install {words[0]}, or add its folder to PATH"
        ) from error
    if done.returncode:
        said = (done.stderr or done.stdout).strip()
        raise CommandError(f"`{' '.join(words)}` failed: {said}", output=said, code=done.returncode)


def _environment(outside: Mapping[str, str]) -> dict[str, str]:
    """Return the person's environment without what would point git to another repository, as in a hook of it."""
    return {name: value for name, value in outside.items() if name not in ELSEWHERE} | {"DVC_NO_ANALYTICS": "1"}
