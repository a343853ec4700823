"""What differs between two models, for pages: read from the repository once, because commits never change."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from driftd.config import Project
from driftd.errors import DriftdError
from driftd.journal import Journal
from driftd.journal.layout import Layout
from driftd.observe.views import ModelView
from driftd.retrain.evaluation.model_diff import diff_models

REMEMBERED = 32


class Differences:
    """Compares models of the projects in force."""

    def __init__(self, projects: Callable[[], Mapping[str, Project]]) -> None:
        self._projects = projects
        self._known: OrderedDict[tuple[str, str, str], dict[str, Any]] = OrderedDict()

    def between(self, journal: Journal, old: ModelView, new: ModelView) -> dict[str, Any] | str:
        """Return what `driftd diff` tells, or why it cannot be told."""
        settings = self._projects().get(old.project)
        if settings is None:
            return f"the settings have no project {old.project}, so its repository is not known"
        key = (str(settings.repository), old.revision, new.revision)
        if key not in self._known:
            layout = Layout(journal.path.parent, old.project)
            try:
                self._known[key] = diff_models(settings, journal, layout, old.version, new.version, patch=False)
            except DriftdError as error:
                return str(error)
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return self._known[key]
