"""What differs between two models: scores, parameters, data and code. Reads git and the journal only."""

import os
from collections.abc import Mapping
from typing import Any

from driftd.config import Project
from driftd.config.settings import StageEnvironment
from driftd.errors import RefusedError
from driftd.journal import Journal, tables
from driftd.journal.layout import Layout
from driftd.journal.records import Model
from driftd.retrain.repository.dvc import document
from driftd.retrain.repository.environment import environment
from driftd.retrain.repository.worktree import Repository

COMMITS = 50  # commits that a comparison names
MADE = ("dvc.lock", "*.dvc")  # what a run changes by itself, and is no code


def model_of(journal: Journal, project: str, version: str) -> Model:
    """Return a version, named as `v2.0.0` or as its tag."""
    found = tables.models.first(journal, "project = ? AND version = ?", project, version.rpartition("@")[2])
    if found is None:
        known = [model.version for model in tables.models.of(journal, project)]
        raise RefusedError(
            f"{project} has no version {version}", remedy=f"its versions are: {', '.join(known) or 'none so far'}"
        )
    return found


def diff_models(
    settings: Project, journal: Journal, layout: Layout, old: str, new: str, *, patch: bool = True
) -> dict[str, Any]:
    """Compare two versions.

    Returns:
        {"old", "new": {"version", "revision"}, "scores" and "params": {name: [old, new]} of what differs, each as it was measured
        or set then, "data": {"files", "size": [old, new], "batches": [those that only the new one has]}, "code": {"commits":
        [{"revision", "subject"} of people, that only the new one has, the newest first], "files": [{"path", "added", "removed"}],
        "patch": text, where it is asked for}}.
    """
    before, after = (model_of(journal, layout.project, version) for version in (old, new))
    repository = Repository(settings.repository, environment(layout, StageEnvironment(), "diff"))
    locks = [_document(repository, model, "dvc.lock") for model in (before, after)]
    data = [_data(repository, model, settings.retrain.dataset) for model in (before, after)]
    return {
        "old": {"version": before.version, "revision": before.revision},
        "new": {"version": after.version, "revision": after.revision},
        "scores": _changed(before.scores, after.scores),
        "params": _changed(*map(_params, locks)),
        "data": {
            "files": [entry.get("nfiles", 1 if entry else 0) for entry in data],
            "size": [entry.get("size", 0) for entry in data],
            "batches": _batches(journal, before, after),
        },
        "code": _code(repository, before, after, settings.promote.metric.partition(":")[0], patch=patch),
    }


def _document(repository: Repository, model: Model, path: str) -> dict[str, Any]:
    return document(repository.read(model.revision, path), f"{path} at {model.version}")


def _data(repository: Repository, model: Model, dataset: str) -> dict[str, Any]:
    outs = _document(repository, model, f"{dataset}.dvc").get("outs") or [{}]
    return dict(outs[0])


def _params(lock: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of all stages, by file and dotted name."""
    return {
        f"{file}:{name}": value
        for stage in lock.get("stages", {}).values()
        for file, values in stage.get("params", {}).items()
        for name, value in _flat(values)
    }


def _flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, value in values.items():
        found += _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else [(f"{prefix}{name}", value)]
    return found


def _changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, list[Any]]:
    names = sorted({*old, *new})
    return {name: [old.get(name), new.get(name)] for name in names if old.get(name) != new.get(name)}


def _batches(journal: Journal, old: Model, new: Model) -> list[str]:
    """Return the batches that the runs of the models after `old`, up to `new`, have added."""
    rows = journal.rows(
        "SELECT batch.value ->> 'name' AS name FROM models JOIN steps USING (run_id), json_each(steps.result, '$.batches') AS batch"
        " WHERE models.project = ? AND models.run_id > ? AND models.run_id <= ? AND steps.name = 'snapshot'",
        new.project,
        old.run_id or 0,
        new.run_id or 0,
    )
    return sorted({row["name"] for row in rows})


def _code(repository: Repository, old: Model, new: Model, metric_file: str, *, patch: bool) -> dict[str, Any]:
    paths = ["--", ".", *(f":(exclude){name}" for name in (*MADE, metric_file))]
    numbers = repository.git("diff", "--numstat", "--no-renames", old.revision, new.revision, *paths)
    files = [
        {
            "path": path,
            "added": int(added) if added != "-" else None,
            "removed": int(removed) if removed != "-" else None,
        }
        for added, removed, path in (line.split("\t", 2) for line in numbers.splitlines())
    ]
    found: dict[str, Any] = {"commits": _commits(repository, old, new), "files": files}
    if patch:
        lines = repository.git("diff", "--no-color", old.revision, new.revision, *paths)
        found["patch"] = os.fsencode(lines).decode(errors="replace")
    return found


def _commits(repository: Repository, old: Model, new: Model) -> list[dict[str, str]]:
    """Return the commits between two models, without those of promotions."""
    said = repository.git(
        "log",
        "--no-merges",
        "--invert-grep",
        "--grep=^Driftd-Run: ",
        f"--max-count={COMMITS}",
        "--format=%H %s",
        f"{old.revision}..{new.revision}",
        "--",
        ".",
    )
    parts = (line.partition(" ") for line in said.splitlines())
    return [{"revision": revision, "subject": subject} for revision, _, subject in parts]
