"""Served copies: models/<version>/, whole from the first moment that they are seen, and never changed afterwards."""

import os
import shutil
from collections.abc import Collection, Iterator
from hashlib import sha256
from pathlib import Path

from driftd.errors import RepositoryError
from driftd.journal.files import durable_rename, make_folder, sync_folder

CHUNK = 1 << 20


def digest(copy: Path) -> str:
    """Return SHA-256 over the sorted relative names and contents of a served copy."""
    total = sha256()
    for name in sorted(_files(copy)):
        total.update(name.encode(errors="surrogateescape") + b"\0")
        content = sha256()
        with (copy / name).open("rb") as file:
            while block := file.read(CHUNK):
                content.update(block)
        total.update(content.digest())
    return total.hexdigest()


def make(models: Path, version: str, model: Path) -> str:
    """Copy a model (a folder, or one file) to models/<version>/ and return the copy's digest.

    The folder of that version is replaced if it differs: only a run that did not end can have left it.
    """
    if not model.exists():
        raise RepositoryError(
            f"{model} does not exist: no stage wrote the model", remedy="set retrain.model to the model's output"
        )
    target, temporary = models / version, models / f".{version}.tmp"
    make_folder(models)
    shutil.rmtree(temporary, ignore_errors=True)
    names = list(_files(model)) if model.is_dir() else [""]
    for name in names:
        _copy(model / name, temporary / (name or model.name))
    if not names:
        raise RepositoryError(f"{model} is empty", remedy="let the stage that trains write the model there")
    _settle(temporary)
    result = digest(temporary)
    if target.exists() and digest(target) == result:
        shutil.rmtree(temporary)
    else:
        shutil.rmtree(target, ignore_errors=True)
        durable_rename(temporary, target)
    return result


def clean(models: Path, keep: Collection[str]) -> None:
    """Remove the copies of other versions, and what a crash left; what the pointer names always stays."""
    pointer = models / "current"
    kept = {*keep, "current", pointer.readlink().name if pointer.is_symlink() else ""}
    for path in models.iterdir() if models.is_dir() else ():
        if path.name in kept:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _files(folder: Path) -> Iterator[str]:
    for parent, _, names in os.walk(folder):
        for name in names:
            yield str(Path(parent, name).relative_to(folder))


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(0o644)
    fd = os.open(target, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _settle(folder: Path) -> None:
    """Let others read every folder of a copy, and make its names durable."""
    for parent, _, _ in os.walk(folder):
        Path(parent).chmod(0o755)
        sync_folder(Path(parent))
