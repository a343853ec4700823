"""The rows most worth a label, written to a file while an incident waits for labels."""

import logging
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from driftd.config import Project
from driftd.detect.tasks.protocol import choose
from driftd.incidents import lifecycle
from driftd.journal import Journal, tables
from driftd.journal.files import write_file
from driftd.journal.records import Incident
from driftd.journal.window_spans import held_against, spans_of, still_there
from driftd.projects.scheduling.label_counts import FRESH, Labels
from driftd.readers import Schema
from driftd.retrain.runner import Runner

logger = logging.getLogger(__name__)

BEFORE = 20  # windows before the change whose words are known


class ToLabel:
    """Keeps `to_label.jsonl` in the project's folder: there while labels are waited for, and gone with the incident."""

    def __init__(
        self, name: str, settings: Project, journal: Journal, runner: Runner, labels: Labels, wake: Callable[[], None]
    ) -> None:
        self.name = name
        self.most = settings.retrain.to_label
        self.journal = journal
        self.runner = runner
        self.labels = labels
        self.path = runner.layout.to_label
        self._wake = wake
        self._choosing: tuple[dict[str, Any], Future[tuple[bytes, int]]] | None = None
        self._failed: dict[str, Any] | None = None

    def offer(self, incident: Incident, labelled: int, rows: int) -> str:
        """Have the file written if it is due; return what is to be said of it by now.

        It is due when it is not there, when labels have come, and when the regime's rows have doubled.
        """
        if not self.most or incident.onset_window is None or incident.reference_id is None:
            return ""
        there = incident.detail.get("to_label")
        stale = there is None or there["labelled"] != labelled or rows >= 2 * there["of"] or not self.path.exists()
        basis = {"incident": incident.id, "labelled": labelled, "of": rows}
        if self._choosing is None and stale and basis != self._failed:
            self._choosing = (basis, self._choose(incident, incident.onset_window, incident.reference_id))
            self._choosing[1].add_done_callback(lambda _: self._wake())
        self._take_over()
        return f"; those most worth it are in {self.path}" if self.path.exists() else ""

    def withdraw(self) -> None:
        """Remove the file: nobody waits for labels any more."""
        self._choosing = None
        if self.path.exists():
            self.path.unlink()

    def _choose(self, incident: Incident, onset: int, reference_id: int) -> Future[tuple[bytes, int]]:
        layout = self.runner.layout
        reference = (layout.references / tables.references.get(self.journal, reference_id).profile).read_bytes()
        effects = {c["name"]: c["effect"] for c in incident.detail["verdict"]["columns"] if c["drift"]}
        fresh = tables.windows.all(self.journal, FRESH, self.name, onset, order="number")
        before = held_against(self.journal, self.name, reference_id, onset, BEFORE)
        before, fresh = (still_there(self.journal, windows) for windows in (before, fresh))
        return self.runner.executor.submit(
            choose,
            reference,
            effects,
            spans_of(self.journal, before),
            spans_of(self.journal, fresh, layout.labels),
            Schema.from_json(tables.projects.get(self.journal, self.name).columns or []),
            self.labels.known,
            self.most,
        )

    def _take_over(self) -> None:
        if self._choosing is None or not self._choosing[1].done():
            return
        (basis, chosen), self._choosing = self._choosing, None
        try:
            content, count = chosen.result()
            write_file(self.path, content, 0o640)
        except Exception as error:  # noqa: BLE001  # without the file all the rest goes on
            self._failed = basis
            logger.error("the rows most worth a label could not be written to %s: %s", self.path, error)  # noqa: TRY400
            return
        with self.journal.write():
            found = {"file": str(self.path), "rows": count, "labelled": basis["labelled"], "of": basis["of"]}
            lifecycle.wants_labels(self.journal, basis["incident"], found)
