"""The dataset in a worktree: what it is, and how batches get into it without losing a row."""

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from driftd.errors import RepositoryError
from driftd.readers import supported
from driftd.retrain.dataset.batches import suffixes
from driftd.retrain.repository.dvc import Dvc, document, outputs
from driftd.retrain.repository.worktree import Worktree


@dataclass(frozen=True)
class Dataset:
    """A folder or a file that a .dvc file tracks; both paths are relative to the DVC project."""

    path: str
    pointer: str
    folder: bool

    def files(self, root: Path) -> list[str]:
        """Return the data files in their order, which is that of their names."""
        if not self.folder:
            return [str(root / self.path)]
        found = sorted(Path(parent, name) for parent, _, names in os.walk(root / self.path) for name in names)
        return [str(path) for path in found if supported(path.name)]

    def example(self, root: Path) -> str:
        """Return a file in the form that most of its files have: the form of the batches to come."""
        return typical(self.path, self.files(root))


def typical(dataset: str, files: Sequence[str]) -> str:
    """Return the first of these files that has the form that most of them have."""
    read = sorted(file for file in files if supported(PurePosixPath(file).name))
    if not read:
        raise RepositoryError(
            f"{dataset}: the dataset has no file of a form that driftd reads",
            remedy="use CSV, TSV, Parquet, Arrow, JSON or JSONL",
        )
    forms = [suffixes(PurePosixPath(path).name) for path in read]
    return read[forms.index(max(sorted(set(forms)), key=forms.count))]


def find(tree: Worktree, dataset: str) -> Dataset:
    """Return the dataset of this path, or say what is in the way."""
    path = PurePosixPath(dataset)
    for pointer in tree.git.at(tree.root)("ls-files", "-z", "--", "*.dvc").split("\0"):
        if not pointer:
            continue
        entry = _entry(tree.root, pointer)
        if entry and PurePosixPath(os.path.normpath(PurePosixPath(pointer).parent / entry["path"])) == path:
            return Dataset(str(path), pointer, str(entry.get("md5", "")).endswith(".dir"))
    raise _obstacle(tree, str(path))


def _entry(root: Path, pointer: str) -> dict[str, Any] | None:
    content = document((root / pointer).read_bytes(), str(root / pointer))
    entry = next(iter(content.get("outs", ())), None)
    return {**entry, "path": f"{content.get('wdir', '.')}/{entry['path']}"} if entry else None


def _obstacle(tree: Worktree, path: str) -> RepositoryError:
    lock = tree.root / "dvc.lock"
    made = {out: stage for stage, out, _ in outputs(document(lock.read_bytes(), "dvc.lock"))} if lock.exists() else {}
    if path in made:
        return RepositoryError(
            f"the dataset {path} is made by the stage {made[path]}, so rows that are added to it would be overwritten",
            remedy="set retrain.dataset to the data that the first stage reads",
        )
    if (tree.root / path).exists():
        return RepositoryError(
            f"the dataset {path} is tracked by git, not by DVC",
            remedy=f"`git rm -r --cached {path}`, `dvc add {path}`, and commit {path}.dvc",
        )
    return RepositoryError(
        f"the dataset {path} is tracked neither by DVC nor by git",
        remedy="set retrain.dataset to a path with a .dvc file",
    )


def count(root: Path, dataset: Dataset) -> int:
    """Return how many files the .dvc file says that the dataset has."""
    entry = _entry(root, dataset.pointer) or {}
    return int(entry.get("nfiles", 1))


def add_files(dvc: Dvc, root: Path, dataset: Dataset, batches: Sequence[Path]) -> list[str]:
    """Add those batch files to a dataset folder that it lacks; return their names.

    `dvc add` of a folder that is not fully checked out shrinks the dataset without a word, so it is counted before and after.
    """
    folder, before = root / dataset.path, _complete(root, dataset)
    new = [batch for batch in batches if not (folder / batch.name).exists()]
    if not new:
        return []
    for batch in new:
        shutil.copyfile(batch, folder / batch.name)
    dvc(root, "add", *(f"{dataset.path}/{batch.name}" for batch in new))
    after = count(root, dataset)
    if after != before + len(new):
        raise RepositoryError(
            f"{dataset.path}: {before} files and {len(new)} new ones became {after} in {dataset.pointer}",
            remedy="nothing was promoted; please report this",
        )
    return [batch.name for batch in new]


def replace_files(dvc: Dvc, root: Path, dataset: Dataset, files: Mapping[str, Path]) -> None:
    """Let a dataset folder have these data files, by their names in it; what is no file of rows stays."""
    folder = root / dataset.path
    _complete(root, dataset)
    for path in map(Path, dataset.files(root)):
        if os.path.relpath(path, folder) not in files:
            path.unlink()
    for name, source in files.items():
        if not (folder / name).exists():
            shutil.copyfile(source, folder / name)
    dvc(root, "add", dataset.path)
    there, after = sum(len(names) for _, _, names in os.walk(folder)), count(root, dataset)
    if there != after:
        raise RepositoryError(
            f"{dataset.path}: {there} files became {after} in {dataset.pointer}",
            remedy="nothing was promoted; please report this",
        )


def _complete(root: Path, dataset: Dataset) -> int:
    """Return how many files a dataset folder has, all of which are there."""
    before = count(root, dataset)
    present = sum(len(names) for _, _, names in os.walk(root / dataset.path))
    if present != before:
        raise RepositoryError(
            f"{dataset.path}: {present} of {before} files could be checked out",
            remedy="`dvc pull` in the repository, or restore its cache",
        )
    return before
