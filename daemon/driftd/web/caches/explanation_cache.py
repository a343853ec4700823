"""Explanations for pages and API: made by the daemon's workers, remembered while they are asked for."""

from collections import OrderedDict
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import msgspec

from driftd.journal import Journal
from driftd.observe import views
from driftd.service.explanations import Material, of_incident, of_project, told

REMEMBERED = 32
PATIENCE = 20.0  # seconds that a busy worker has

Answer = list[dict[str, Any]]


class Explainer:
    """Explains by what the state folder holds."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._known: OrderedDict[int, Answer] = OrderedDict()

    def incident(self, journal: Journal, number: int) -> Answer:
        return self._told(of_incident(journal, _folder(journal), views.incident(journal, number)))

    def project(self, journal: Journal, name: str) -> Answer:
        return self._told(of_project(journal, _folder(journal), name))

    def _told(self, material: Material | None) -> Answer:
        if material is None:
            return []
        key = _key(material)
        answer = self._known.get(key)
        if answer is None:
            answer = self._known[key] = self._executor.submit(told, material).result(PATIENCE)
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return answer


def _key(material: Material) -> int:
    """Return what tells materials apart. A project and its incident may have the same counts, but not both have rows."""
    columns = msgspec.json.encode(material.columns)
    return hash((material.reference, material.windows, columns, material.before, material.now, material.schema))


def _folder(journal: Journal) -> Path:
    return journal.path.parent
