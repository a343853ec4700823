"""The graph of a repository as DVC itself understands it at a commit: templates, loops and several files resolved.

DVC reads through git's objects here; the repository's working tree, index and .dvc folder are not touched.
"""

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from driftd.adopt.stage_graph import Graph, Out, Stage
from driftd.errors import RepositoryError
from driftd.retrain.repository.dvc import document
from driftd.retrain.repository.worktree import Repository


def read(repository: Repository, commit: str, branch: str) -> Graph:
    """Return what the stages of a commit read and write."""
    from dvc.exceptions import DvcException
    from dvc.scm import SCMError

    where = f"{repository.folder} on {branch}"
    content = repository.read(commit, "dvc.yaml")
    if content is None:
        raise RepositoryError(
            f"{where} has no dvc.yaml, so there are no stages to rerun",
            remedy=f"describe the stages in dvc.yaml (`dvc stage add`), and commit it on {branch}",
        )
    try:
        stages, sources, models = _collect(repository, commit)
    except (DvcException, SCMError) as error:
        raise RepositoryError(f"{where}: DVC cannot read it: {error}", remedy="see `dvc status` there") from error
    if not stages:
        raise RepositoryError(f"{where}: dvc.yaml has no stages", remedy="add them with `dvc stage add`, and commit it")
    declared = document(content, "dvc.yaml").get("metrics") or ()
    metrics = [str(next(iter(each))) if isinstance(each, dict) else str(each) for each in declared]
    return Graph.of(stages, sources, metrics, models)


def _collect(repository: Repository, commit: str) -> tuple[list[Stage], list[Out], dict[str, str]]:
    from dvc.fs.git import GitFileSystem
    from dvc.repo import Repo
    from dvc.scm import SCM

    scm = SCM(str(repository.folder), search_parent_directories=True)
    root = f"/{repository.prefix}".rstrip("/") or "/"
    repo = Repo(root_dir=root, fs=GitFileSystem(scm=scm, rev=commit), scm=scm)
    try:
        stages: list[Stage] = []
        sources: list[Out] = []
        for stage in repo.index.stages:
            if stage.is_data_source:
                sources += _outs(stage, root)
            elif stage.path_in_repo == "dvc.yaml":
                stages.append(_stage(stage, root))
        return stages, sources, dict(_models(repo.artifacts.read()))
    finally:
        repo.close()


def _stage(stage: Any, root: str) -> Stage:
    commands = [stage.cmd] if isinstance(stage.cmd, str) else list(stage.cmd or ())
    deps = [_path(dep.fs_path, root) for dep in stage.deps if dep.is_in_repo and not getattr(dep, "params", None)]
    return Stage(
        name=stage.name,
        commands=tuple(commands),
        folder=_path(stage.wdir, root),
        deps=tuple(deps),
        outs=tuple(_outs(stage, root)),
    )


def _outs(stage: Any, root: str) -> Iterator[Out]:
    for out in stage.outs:
        if out.is_in_repo:
            yield Out(
                path=_path(out.fs_path, root),
                md5=out.hash_info.value if out.hash_info else None,
                size=out.meta.size or 0,
                cached=bool(out.use_cache),
                metric=bool(out.metric),
                plot=bool(out.plot),
            )


def _models(artifacts: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for name, artifact in artifacts.get("dvc.yaml", {}).items():
        if artifact.type == "model" and artifact.path:
            yield artifact.path, name


def _path(path: str, root: str) -> str:
    return str(PurePosixPath(path).relative_to(root))
