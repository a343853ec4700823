"""What the steps of one run share."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from driftd.config import Project
from driftd.journal import Journal, tables
from driftd.journal.layout import Layout
from driftd.journal.records import Assignment, Model, Run
from driftd.retrain.process.run_log import RunLog
from driftd.retrain.publication.version_tags import Tags
from driftd.retrain.repository.dvc import Dvc
from driftd.retrain.repository.worktree import Repository, Worktree, own_branch


@dataclass(frozen=True)
class Context:
    """One run at work. `results` holds what its finished steps returned."""

    run: Run
    settings: Project
    journal: Journal
    layout: Layout
    executor: Executor
    clock: Callable[[], float]
    repository: Repository
    dvc: Dvc
    log: RunLog
    results: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def project(self) -> str:
        return self.layout.project

    @property
    def branch(self) -> str:
        return own_branch(self.project)

    def worktree(self, commit: str, name: str = "run") -> Worktree:
        """Return a clean worktree at a commit."""
        return self.repository.worktree(self.layout.worktrees / name, commit)

    def here(self) -> Worktree:
        """Return the run's worktree as its last step left it."""
        path = self.layout.worktrees / "run"
        return Worktree(path, path / self.repository.prefix, self.repository.git.at(path))

    def tags(self) -> Tags:
        return Tags.read(self.repository.git, self.project)

    def base_branch(self) -> str:
        """Return the branch that runs start from; what HEAD named at first stays, whatever a person switches to."""
        known = tables.projects.get(self.journal, self.project).detail.get("base")
        return self.settings.retrain.base or known or self.repository.default_branch()

    def submit(self, function: Callable[..., Any], *values: object) -> Any:
        """Do heavy work in a worker."""
        return self.executor.submit(function, *values).result()

    def file(self, name: str) -> Path:
        """Return the path of something that the run keeps."""
        return self.layout.run(self.run.id) / name


def champion(journal: Journal, project: str) -> tuple[Assignment, Model] | None:
    """Return what is in production."""
    last = tables.assignments.newest(journal, project, by="number")
    return (last, tables.models.get(journal, last.model_id)) if last else None


def metric_files(settings: Project) -> Sequence[str]:
    """Return the metric files that a promotion looks at."""
    metrics = [settings.promote.metric, *(guard.metric for guard in settings.promote.guards)]
    files = dict.fromkeys(metric.partition(":")[0] for metric in metrics)
    return [file for file in files if "*" not in file and file != "regimes"]
