"""The loops of all projects: started, woken, exchanged when their settings change, stopped together."""

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

from driftd.config import Project
from driftd.journal import Journal
from driftd.projects.loop import ProjectLoop

logger = logging.getLogger(__name__)

EXCHANGE = 10.0  # seconds that a loop has to reach its next step before its exchange is put off


class Fleet:
    """One loop a project."""

    def __init__(
        self, journal: Journal, state_dir: Path, executor: Executor, url: Callable[[], str | None] = lambda: None
    ) -> None:
        self._journal = journal
        self._state_dir = state_dir
        self._executor = executor
        self._url = url
        self._loops: dict[str, ProjectLoop] = {}
        self._settings: dict[str, Project] = {}
        self._wanted: dict[str, Project] = {}

    @property
    def loops(self) -> Mapping[str, ProjectLoop]:
        return dict(self._loops)

    def want(self, projects: Mapping[str, Project]) -> list[str]:
        """Set what projects there shall be; return the names of those that differ from what there is."""
        self._wanted = dict(projects)
        return [name for name in {**self._settings, **projects} if self._settings.get(name) != projects.get(name)]

    def settle(self) -> None:
        """Make what there is what there shall be. A project that trains is left alone until its run has ended."""
        for name in [name for name in self._loops if self._wanted.get(name) != self._settings[name]]:
            loop = self._loops[name]
            if loop.dispatch.busy:
                continue
            if not loop.stop(EXCHANGE):
                logger.warning("project %s takes its new settings later: it is in the middle of something", name)
                continue
            del self._loops[name], self._settings[name]
        for name in [name for name in self._wanted if name not in self._loops]:
            loop = ProjectLoop(name, self._wanted[name], self._journal, self._state_dir, self._executor, url=self._url)
            self._loops[name], self._settings[name] = loop, self._wanted[name]
            loop.start()

    def wake(self, name: str | None = None) -> None:
        """Wake one project, or all, to look for what is to be done."""
        for loop in self.loops.values():
            if name in (None, loop.name):
                loop.wake()

    def stop(self, timeout: float) -> list[str]:
        """Stop all projects at once; return those that did not end in time."""
        loops = list(self._loops.values())
        if not loops:
            return []
        with ThreadPoolExecutor(len(loops)) as pool:
            ended = pool.map(lambda loop: loop.stop(timeout), loops)
            return [loop.name for loop, done in zip(loops, ended, strict=True) if not done]
