"""What the .dvc files and the dvc.lock of a commit name, taken from DVC's cache by hash: a process of DVC takes a second to begin.

Only what is plain is done here: files and folders by their MD5 in the local cache, each checked while it is copied. For anything else, and
where the cache has lost something, DVC is asked.
"""

import json
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from hashlib import md5
from pathlib import Path, PurePosixPath
from threading import Event
from typing import Any

from driftd.errors import RepositoryError
from driftd.journal.files import make_folder
from driftd.retrain.context import Context
from driftd.retrain.dataset import dvc_dataset
from driftd.retrain.dataset.batches import suffixes
from driftd.retrain.dataset.dvc_dataset import Dataset
from driftd.retrain.process.launcher import Stopped
from driftd.retrain.repository.cache_objects import path_of
from driftd.retrain.repository.dvc import document
from driftd.retrain.repository.worktree import Worktree

FILES = ("*.dvc", "dvc.lock", "**/dvc.lock")
CHUNK = 1 << 20
NOT_PLAIN = (OSError, ValueError, KeyError, TypeError, AttributeError, RepositoryError)


class NotPlainError(ValueError):
    """Something is tracked in a way that only DVC knows, or the cache does not have it."""


@dataclass(frozen=True)
class Output:
    """A file or folder that DVC tracks; the path is relative to the DVC project."""

    path: str
    oid: str
    executable: bool = False


def bring(ctx: Context, tree: Worktree, leave: Collection[str] = ()) -> None:
    """Bring everything that DVC tracks, but what is to be left, into a worktree in which nothing of it is."""
    cache = ctx.repository.cache()
    try:
        for out in outputs(tree):
            if out.path not in leave and not _of_git(cache, tree.root / out.path, out):
                for place, oid, executable in _files(cache, tree.root / out.path, out):
                    _copy(path_of(cache, oid), place, oid, ctx.dvc.stop)
                    place.chmod(0o755 if executable else 0o644)
    except NOT_PLAIN as reason:
        ctx.log.line(f"  not all can be taken from the cache by hash: {reason}")
        ctx.dvc.check_out(tree.root)


def example(ctx: Context, tree: Worktree, data: Dataset) -> str:
    """Return a file in the form of the dataset, without bringing it into the worktree."""
    cache = ctx.repository.cache()
    try:
        [oid] = [out.oid for out in outputs(tree) if out.path == data.path]
        names = {data.path: oid}
        if data.folder:
            names = {entry["relpath"]: entry["md5"] for entry in _listing(cache, oid)}
        name = dvc_dataset.typical(data.path, list(names))
        there = path_of(cache, names[name]).resolve(strict=True)
    except NOT_PLAIN as reason:
        ctx.log.line(f"  the dataset cannot be taken from the cache by hash: {reason}")
        ctx.dvc.check_out(tree.root)
        return data.example(tree.root)
    link = make_folder(tree.root / ".dvc" / "tmp") / f"driftd-example{suffixes(PurePosixPath(name).name)}"
    link.unlink(missing_ok=True)
    link.symlink_to(there)
    return str(link)


def outputs(tree: Worktree) -> Iterator[Output]:
    """Yield what the .dvc files and the dvc.lock files of a worktree name.

    Raises:
        NotPlainError: Something is not named by its MD5, or lies outside of the project.
    """
    for name in tree.git.at(tree.root)("ls-files", "-z", "--", *FILES).split("\0"):
        if not name:
            continue
        content = document((tree.root / name).read_bytes(), name)
        folder = PurePosixPath(name).parent
        if PurePosixPath(name).name != "dvc.lock":
            yield from _plain(folder / content.get("wdir", "."), content.get("outs", ()))
            continue
        written = document((tree.root / folder / "dvc.yaml").read_bytes(), "dvc.yaml").get("stages", {})
        for stage, entry in content.get("stages", {}).items():
            said = written.get(stage.partition("@")[0], {})
            yield from _plain(folder / said.get("wdir", said.get("do", {}).get("wdir", ".")), entry.get("outs", ()))


def unchanged(cache: Path, place: Path, entry: dict[str, Any]) -> bool:
    """Return whether a file or folder still is what its entry in a dvc.lock says."""
    try:
        [out] = _plain(PurePosixPath(), [entry])
        wanted = {path: oid for path, oid, _ in _files(cache, place, out)}
        there = {path for path in place.rglob("*") if not path.is_dir()} if place.is_dir() else {place}
        return there == wanted.keys() and all(_digest(path) == oid for path, oid in wanted.items())
    except NOT_PLAIN:
        return False


def _plain(folder: PurePosixPath, outs: Any) -> Iterator[Output]:
    for out in outs:
        path = os.path.normpath(folder / out["path"])
        if out.get("hash") != "md5" or not isinstance(out.get("md5"), str):
            raise NotPlainError(f"{path} has no MD5 of DVC 3")
        if path.startswith(("/", "..")) or "${" in path or "://" in path:
            raise NotPlainError(f"{path} lies elsewhere")
        yield Output(path, out["md5"], bool(out.get("isexec")))


def _of_git(cache: Path, place: Path, out: Output) -> bool:
    """Return whether git has brought an output: DVC does not cache all of them."""
    return os.path.lexists(place) and (not place.is_dir() or not path_of(cache, out.oid).exists())


def _files(cache: Path, place: Path, out: Output) -> Iterator[tuple[Path, str, bool]]:
    """Yield each file of an output: where it belongs, its MD5, and whether it is a program."""
    if not out.oid.endswith(".dir"):
        yield place, out.oid, out.executable
        return
    place.mkdir(parents=True, exist_ok=True)
    for entry in _listing(cache, out.oid):
        yield place / entry["relpath"], entry["md5"], bool(entry.get("isexec"))


def _listing(cache: Path, oid: str) -> list[dict[str, Any]]:
    content = path_of(cache, oid).read_bytes()
    if f"{md5(content, usedforsecurity=False).hexdigest()}.dir" != oid:
        raise NotPlainError(f"{oid} is damaged in the cache")
    found: list[dict[str, Any]] = json.loads(content)
    for entry in found:
        path = PurePosixPath(entry["relpath"])
        if path.is_absolute() or ".." in path.parts:
            raise NotPlainError(f"{path} lies outside of its folder")
    return found


def _copy(source: Path, place: Path, oid: str, stop: Event) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    digest = md5(usedforsecurity=False)
    with source.open("rb") as old, place.open("wb") as new:
        while chunk := old.read(CHUNK):
            if stop.is_set():
                raise Stopped
            digest.update(chunk)
            new.write(chunk)
    if digest.hexdigest() != oid:
        raise NotPlainError(f"{oid} is damaged in the cache")


def _digest(path: Path) -> str:
    digest = md5(usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
