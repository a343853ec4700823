"""A recorded stream: its windows, and rows of it as files in the form of the dataset."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from driftd.backtest.model_factory import Part
from driftd.readers import Schema, Span
from driftd.retrain.dataset.batches import labelled, store, suffixes

if TYPE_CHECKING:
    import pyarrow as pa

OLDER, NEW = "older", "regime"  # what the names of a dataset's files begin with


@dataclass(frozen=True)
class Recorded:
    """Rows in order of time; the first ones make the first model, windows follow. The last rows may be no whole window."""

    path: Path
    schema: Schema
    labels: tuple[str, ...]
    first: int
    window: int
    rows: int

    @property
    def windows(self) -> int:
        return max(0, (self.rows - self.first) // self.window)

    def part(self, windows: range) -> Part:
        """Return where windows, numbered from 1, are."""
        return Part(self.first + (windows.start - 1) * self.window, self.first + (windows.stop - 1) * self.window)

    def read(self, part: Part) -> "Iterator[pa.RecordBatch]":
        """Yield the rows of a part; of a share those that `retrain.rows` would sample."""
        from driftd.readers import read_spans, row_ids
        from driftd.retrain.dataset.row_selection import KEYS, key

        for batch in read_spans([Span(str(self.path), part.first, part.last - part.first)], self.schema):
            if part.share >= 1:
                yield batch
                continue
            import pyarrow as pa

            drawn = [key(identity) < part.share * KEYS for identity in row_ids(batch, self.labels)]
            yield batch.filter(pa.array(drawn))

    def write(self, parts: Sequence[Part], folder: Path, like: Path) -> list[Path]:
        """Write the labelled rows of parts as files that their content names; a part without any has none."""
        return [path for part in parts if (path := self._write(part, folder, like)) is not None]

    def _write(self, part: Part, folder: Path, like: Path) -> Path | None:
        stem = f"{NEW if part.new else OLDER}-{part.first:09}-{part.last:09}-{part.share:g}"
        if found := next(folder.glob(f"{stem}-*{suffixes(like.name)}"), None):
            return found
        stored = store(labelled(self.read(part), self.labels), self.schema, folder, stem, str(like))
        return folder / stored[0] if stored else None

    def write_windows(self, windows: range, path: Path, like: Path) -> list[int]:
        """Write the labelled rows of windows into one file; return how many each has."""
        from driftd.readers import write

        counts: list[int] = []

        def rows() -> "Iterator[pa.RecordBatch]":
            for window in windows:
                counts.append(0)
                for batch in labelled(self.read(self.part(range(window, window + 1))), self.labels):
                    counts[-1] += batch.num_rows
                    yield batch

        write(str(path), self.schema, rows(), like=str(like))
        return counts
