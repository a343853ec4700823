"""Labels that come later: files that bring them are told from data, and joined with the rows that wait."""

import errno
import time
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Future
from hashlib import sha256
from pathlib import Path

from driftd.config import Project
from driftd.errors import DriftdError
from driftd.intake.late_labels.label_files import UNLOOKED, waiting
from driftd.intake.late_labels.task import Joined, Looked, Waiting, look
from driftd.journal import Journal, tables
from driftd.journal.files import make_folder
from driftd.journal.layout import Layout
from driftd.journal.records import File, FileState
from driftd.journal.window_spans import span_of
from driftd.projects.scheduling.label_counts import Labels
from driftd.readers import Schema
from driftd.retrain.runner import Runner

READ = 3600.0  # seconds after which nobody reads a file any more that was replaced
EVERY = 2**63 - 1  # a number that no file has
DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}  # what passes, and is no fault of a file


class Joining:
    """Looks at each file that may bring labels once, between its admission and the windows that its rows go into."""

    def __init__(
        self, name: str, settings: Project, journal: Journal, layout: Layout, runner: Runner, wake: Callable[[], None]
    ) -> None:
        self.name = name
        self.settings = settings
        self.journal = journal
        self.layout = layout
        self.runner = runner
        self.labels = Labels(name, settings, journal, runner)
        self._wake = wake
        self._reading: tuple[int, Future[Looked]] | None = None
        self._killed: int | None = None  # the file whose last reading was killed

    def step(self) -> bool:
        """Take over what is known by now; return whether a file is still being looked at, for which windows have to wait."""
        while (file := tables.files.first(self.journal, UNLOOKED, self.name, order="id")) is not None:
            if self._reading is None or self._reading[0] != file.id:
                self._reading = (file.id, self._look(file))
                self._reading[1].add_done_callback(lambda _: self._wake())
            _, reading = self._reading
            if not reading.done():
                return True
            self._reading = None
            try:
                looked = reading.result()
            except OSError as error:
                if error.errno in DISK_FULL:
                    raise  # its labels are not to be lost, nor its rows to count twice: it is looked at again
                self._give_up(file, error)
            except BrokenExecutor as error:  # the first time something else may have killed it
                if self._killed == file.id:
                    self._give_up(file, error)
                self._killed = file.id
            except DriftdError as error:
                self._give_up(file, error)
            else:
                self._take_over(file, looked)
        return False

    def _look(self, file: File) -> Future[Looked]:
        """Have a file read; one in the inbox must hold nothing but rows that are known by their content."""
        only_known = file.state is FileState.ADMITTED
        key = None if only_known else self.settings.key
        self._sweep()
        schema = Schema.from_json(tables.projects.get(self.journal, self.name).columns or [])
        found = waiting(self.journal, self.settings.source, self.name, file.admitted_at or 0.0, file.id)
        rows = [Waiting(each.id, span_of(each, self.layout.labels), str(self._ids(each.id, key))) for each in found]
        return self.runner.executor.submit(
            look,
            span_of(file),
            schema,
            self.labels.known,
            key,
            rows,
            self.layout.labels,
            f"{file.id:06d}",
            only_known=only_known,
        )

    def _ids(self, number: int, key: str | None) -> Path:
        """Return where the identities of a file's rows are kept, which depend on what is a label."""
        kind = sha256(repr((key, self.labels.known)).encode()).hexdigest()[:8]
        return self.layout.labels / f"{number:06d}-{kind}.ids"

    def _give_up(self, file: File, error: Exception) -> None:
        """Take a file that cannot be looked at for what it is without: data in the inbox, nothing in the folder of labels."""
        with self.journal.write():
            tables.files.update(self.journal, file.id, unlabelled=0)
            self.journal.emit("labels-failed", project=self.name, subject=file.id, file=file.name, error=str(error))

    def _take_over(self, file: File, looked: Looked) -> None:
        with self.journal.write():
            if looked.joined is None:
                tables.files.update(self.journal, file.id, unlabelled=looked.blank)
            else:
                self._join(file, looked.joined)

    def _join(self, file: File, joined: Joined) -> None:
        tables.files.update(self.journal, file.id, state=FileState.LABELS, unlabelled=0)
        for number, name in joined.files.items():
            tables.files.update(self.journal, number, labels=name)
            inside = "project = ? AND batch IS NULL AND EXISTS (SELECT 1 FROM json_each(spans) WHERE value ->> 0 = ?)"
            tables.windows.set(self.journal, inside, self.name, number, labelled=None)
        self.journal.emit(
            "labels-joined",
            project=self.name,
            subject=file.id,
            file=file.name,
            labelled=joined.labelled,
            joined=joined.found,
            unknown=joined.labelled - joined.found,
        )

    def _sweep(self) -> None:
        """Remove what no row names any more, and what nobody can be reading still."""
        make_folder(self.layout.labels)
        query = "SELECT labels FROM files WHERE project = ? AND labels IS NOT NULL"
        named = {row["labels"] for row in self.journal.rows(query, self.name)}
        for file in waiting(self.journal, self.settings.source, self.name, self.journal.clock(), EVERY):
            named |= {self._ids(file.id, key).name for key in (None, self.settings.key)}
        for path in self.layout.labels.iterdir():
            if path.name not in named and time.time() - path.stat().st_mtime > READ:
                path.unlink()
