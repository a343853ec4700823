"""How many of the windows' rows have labels; counted once, and remembered with the window."""

from driftd.config import Project
from driftd.errors import DriftdError
from driftd.journal import Journal, tables
from driftd.journal.records import Window
from driftd.journal.window_spans import spans_of, still_there
from driftd.readers import Schema, label_columns
from driftd.retrain.dataset.batches import count_labelled
from driftd.retrain.runner import Runner

# Windows, from a number on, that a run may add to the dataset.
FRESH = "project = ? AND number >= ? AND batch IS NULL AND state NOT IN ('closed', 'held')"


class Labels:
    """The labels of one project's rows."""

    def __init__(self, name: str, settings: Project, journal: Journal, runner: Runner) -> None:
        self.name = name
        self.settings = settings
        self.journal = journal
        self.runner = runner

    @property
    def known(self) -> tuple[str, ...]:
        """The columns that are labels; none before the first model."""
        columns = tables.projects.get(self.journal, self.name).columns
        return label_columns(Schema.from_json(columns), self.settings.labels) if columns else ()

    def count(self, first: int, last: int = 2**62) -> int:
        """Return how many rows have a label that a run may add to the dataset, from one window to another."""
        where = f"{FRESH} AND number <= ? AND labelled IS NULL"
        for window in tables.windows.all(self.journal, where, self.name, first, last, order="number"):
            self.look(window)
        query = f"SELECT coalesce(sum(labelled), 0) AS n FROM windows WHERE {FRESH} AND number <= ?"  # noqa: S608  # a constant
        return int(self.journal.rows(query, self.name, first, last)[0]["n"])

    def look(self, window: Window) -> None:
        """Count the labelled rows of a window, and remember it; of one whose rows cannot be read any more, none is."""
        schema = Schema.from_json(tables.projects.get(self.journal, self.name).columns or [])
        spans = spans_of(self.journal, [window], self.runner.layout.labels)
        labelled, why = 0, None
        try:
            labelled = self.runner.executor.submit(count_labelled, spans, schema, self.known).result()
        except (DriftdError, OSError) as error:  # the rows may have been removed since
            if isinstance(error, OSError) and still_there(self.journal, [window]):
                raise  # a fault of the disk passes
            why = str(error)
        with self.journal.write():
            tables.windows.update(self.journal, window.id, labelled=labelled)
            if why is not None:
                self.journal.emit(
                    "rows-lost", project=self.name, subject=window.id, window=window.number, rows=window.rows, error=why
                )
