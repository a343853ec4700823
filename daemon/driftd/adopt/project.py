"""A new project: the reference pipeline as a DVC repository of its own, with settings that suit it."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from driftd.errors import CommandError, OperationError, UsageError
from driftd.share import share_dir

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
)
OWN = "\n# driftd's\n/incoming/\n/state/\n"
SETTINGS = """\
# Settings of driftd. `driftd config schema` and docs/configuration.md describe all of them; `driftd config check` checks them.
state_dir: state                      # journal, profiles, runs and served models: state/{name}/models/current is the model in production
http: {{listen: 127.0.0.1:9469}}        # status page, API and /metrics

projects:
  {name}:
    repository: .
    source: {{path: incoming}}          # new files go here; write them elsewhere or as .NAME.part and rename them in
    window: {{rows: 100}}               # rows that are judged together
    drift:
      false_alarms: 1 per 5000 windows
      min_effect: 0.02                # smaller shifts are not worth an incident
    retrain:
      min_rows: 600                   # rows of the new kind that training waits for
      env: {{path: [{python}]}}   # where the stages find `python`
    promote:
      metric: scores.json:ents_f
      per_row: evaluation/rows.jsonl  # with it, better means significantly better
      guards:                         # these labels must not get much worse, whatever else is gained
        - {{metric: scores.json:AddressNumber.f, max_drop: 0.03}}
        - {{metric: scores.json:StreetName.f, max_drop: 0.03}}
        - {{metric: scores.json:PlaceName.f, max_drop: 0.03}}
"""
NAME = "addresses"


def create(folder: Path, remote: str | None = None) -> Path:
    """Make a project in a new or empty folder; return its settings file. A failure leaves nothing behind."""
    folder = folder.absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(
            f"{folder} exists and is not empty",
            remedy="name a new folder; for a repository that exists use --repository",
        )
    with _aside(folder) as made:
        _copy(share_dir() / "pipeline", made)
        (made / "incoming").mkdir()
        (made / "driftd.yaml").write_text(SETTINGS.format(name=NAME, python=Path(sys.executable).parent), "utf-8")
        with (made / ".gitignore").open("a", encoding="utf-8") as ignored:
            ignored.write(OWN)
        (made / ".dvcignore").write_text(OWN.lstrip(), "utf-8")
        for words in _commands(made, remote):
            _run(words, made)
    return folder / "driftd.yaml"


@contextmanager
def _aside(folder: Path) -> Iterator[Path]:
    """Yield a folder beside the one to make, which takes its name when all is done."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    except OSError as error:
        raise OperationError(
            f"{folder} cannot be made: {error.strerror}", remedy="name a folder that you may write"
        ) from error
    try:
        yield aside
        aside.chmod(0o777 & ~_umask())
        aside.rename(folder)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
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
    yield ["dvc", "init", "--quiet"]
    if remote is not None:
        yield ["dvc", "remote", "add", "--quiet", "--default", "storage", remote]
    yield ["dvc", "add", "--quiet", "data"]
    yield ["git", "add", "--all"]
    known = subprocess.run(["git", "config", "user.email"], cwd=made, capture_output=True, check=False).returncode == 0
    author = [] if known else ["-c", "user.name=driftd", "-c", "user.email=driftd@localhost"]
    yield ["git", *author, "commit", "--quiet", "--message", "A project that driftd keeps in step with its data"]


def _run(words: list[str], folder: Path) -> None:
    done = subprocess.run(words, cwd=folder, env=_environment(os.environ), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()
        raise CommandError(f"`{' '.join(words)}` failed: {said}", output=said, code=done.returncode)


def _environment(outside: Mapping[str, str]) -> dict[str, str]:
    """Return the person's environment, in which driftd's own programs are found last."""
    path = os.pathsep.join([outside.get("PATH", os.defpath), str(Path(sys.executable).parent)])
    return {**outside, "PATH": path, "DVC_NO_ANALYTICS": "1"}
