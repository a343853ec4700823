"""Versions and assignments as GTO reads them: annotated tags `PROJECT@v2.0.0` and `PROJECT#prod#2`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from driftd.config.settings import StageEnvironment
from driftd.journal.layout import Layout
from driftd.retrain.repository.environment import environment
from driftd.retrain.repository.git import Git

STAGE = "prod"
_VERSION = re.compile(r"v(\d+)\.(\d+)\.(\d+)")


@dataclass(frozen=True)
class Tags:
    """The tags of one project, with the commits that they name."""

    project: str
    commits: Mapping[str, str]

    @classmethod
    def read(cls, git: Git, project: str) -> "Tags":
        form = "%(refname:lstrip=2) %(*objectname)"  # lightweight tags have no second object; GTO ignores them
        patterns = [f"refs/tags/{project}@*", f"refs/tags/{project}#*"]
        lines = [line.split() for line in git("for-each-ref", f"--format={form}", *patterns).splitlines()]
        return cls(project, {line[0]: line[1] for line in lines if len(line) == 2})  # noqa: PLR2004  # name and commit

    def versions(self) -> list[str]:
        """Return the versions, oldest first; pre-releases and what is no version are left out."""
        prefix = f"{self.project}@"
        names = [tag.removeprefix(prefix) for tag in self.commits if tag.startswith(prefix)]
        return sorted(filter(_VERSION.fullmatch, names), key=_key)

    def numbers(self) -> list[int]:
        """Return the numbers of assignments to production."""
        prefix = f"{self.project}#{STAGE}#"
        found = (tag.removeprefix(prefix) for tag in self.commits if tag.startswith(prefix))
        return sorted(int(number) for number in found if number.isdecimal())

    def current(self) -> str | None:
        """Return the version that the last assignment put into production, or else the newest one."""
        versions, numbers = self.versions(), self.numbers()
        assigned = self.commits[self.assignment_tag(numbers[-1])] if numbers else None
        there = [version for version in versions if self.commits[self.version_tag(version)] == assigned]
        return next(iter(there[-1:] or versions[-1:]), None)

    def version_tag(self, version: str) -> str:
        return f"{self.project}@{version}"

    def assignment_tag(self, number: int) -> str:
        return f"{self.project}#{STAGE}#{number}"

    def next_version(self) -> str:
        versions = self.versions()
        return f"v{_key(versions[-1])[0] + 1 if versions else 1}.0.0"


def tags(repository: Path, layout: Layout) -> dict[str, str]:
    """Return the project's annotated tags and the commits that they name."""
    git = Git(repository, environment(layout, StageEnvironment(), "tags"))
    return dict(Tags.read(git, layout.project).commits)


def _key(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.removeprefix("v").split(".")))
