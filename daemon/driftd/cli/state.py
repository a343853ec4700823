"""What a command knows: settings, and the journal opened for looking."""

import difflib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from driftd import config
from driftd.config import Settings
from driftd.errors import UsageError
from driftd.journal import Journal, tables
from driftd.journal.layout import journal_path


@dataclass(frozen=True)
class State:
    """The state folder that the settings name."""

    settings: Settings
    journal: Journal

    @property
    def folder(self) -> Path:
        return self.settings.state_dir

    def project(self, name: str) -> str:
        """Return the name of a project that the settings or the journal know."""
        known = sorted({*self.settings.projects, *(row.name for row in tables.projects.all(self.journal))})
        if name in known:
            return name
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        raise UsageError(
            f"there is no project {name!r}",
            remedy=f"did you mean {near[0]!r}?" if near else f"the projects are: {', '.join(known)}",
        )

    def model(self, word: str) -> tuple[str, str]:
        """Return project and version of `PROJECT@v2.0.0`, or of `v2.0.0` where only one project has it."""
        project, at, version = word.rpartition("@")
        version = version if version.startswith("v") else f"v{version}"
        if at:
            return self.project(project), version
        having = [row.project for row in tables.models.all(self.journal, "version = ?", version)]
        if len(having) == 1:
            return having[0], version
        if having:
            raise UsageError(f"{', '.join(having)} have a {version}", remedy=f"say which: {having[0]}@{version}")
        raise UsageError(f"there is no model {version}", remedy="see `driftd history PROJECT`")


def load_settings(path: Path | None) -> Settings:
    return config.load(config.find_file(path))


@contextmanager
def looking(path: Path | None) -> Iterator[State]:
    """Open the state folder of the settings for looking."""
    settings = load_settings(path)
    journal = Journal.read_only(journal_path(settings.state_dir))
    try:
        yield State(settings, journal)
    finally:
        journal.close()
