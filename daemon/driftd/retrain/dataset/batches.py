"""Rows of windows become files of the dataset. The functions that read rows run in a worker."""

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import file_digest
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from driftd.errors import RepositoryError
from driftd.journal.files import durable_rename, make_folder
from driftd.journal.records import Window
from driftd.readers import Kind, Schema, Span, has_label, label_columns
from driftd.readers.registry import COMPRESSIONS

if TYPE_CHECKING:
    import pyarrow as pa

HASH = 12  # digits of a batch's content hash in its name


@dataclass(frozen=True)
class Written:
    """A batch in Layout.batches, named by its windows and its content."""

    name: str
    rows: int
    unlabelled: int  # rows left out because nobody has labelled them


def parts(windows: Sequence[Window], regime_from: int | None) -> list[list[Window]]:
    """Cut windows where the new regime begins, so that a test row's file tells its regime."""
    border = regime_from or 0
    return [list(part) for _, part in groupby(windows, key=lambda window: window.number >= border)]


def stem(windows: Sequence[Window]) -> str:
    return f"driftd-{windows[0].number:06d}-{windows[-1].number:06d}"


def write(
    spans: Sequence[Span], schema: Schema, labels: Sequence[str], folder: Path, stem: str, like: str
) -> Written | None:
    """Write the labelled rows of spans as `folder/stem-<hash>` in the form and the spelling of the file `like`.

    The same rows come out as the same file. None where no row is labelled.
    """
    from driftd.readers import read_spans

    labelled = _Labelled(labels)
    stored = store(labelled.only(read_spans(spans, schema)), schema, folder, stem, like)
    return Written(*stored, labelled.left_out) if stored else None


def store(
    rows: "Iterable[pa.RecordBatch]", schema: Schema, folder: Path, stem: str, like: str
) -> tuple[str, int] | None:
    """Write rows as a file that its content names, in the form and the spelling of the file `like`; return its name, and how many rows."""
    from driftd.readers import write as write_rows

    suffix = suffixes(Path(like).name)
    make_folder(folder)
    with tempfile.TemporaryDirectory(prefix=".", dir=folder) as temporary:
        path = Path(temporary) / f"{stem}{suffix}"
        count = write_rows(str(path), schema, rows, like=like)
        if not count:
            return None
        with path.open("rb") as file:
            name = f"{stem}-{file_digest(file, 'sha256').hexdigest()[:HASH]}{suffix}"
        path.chmod(0o644)
        durable_rename(path, folder / name)
    return name, count


class _Labelled:
    """Lets rows pass of which at least one label is known; without label columns all do."""

    def __init__(self, labels: Sequence[str]) -> None:
        self._labels = labels
        self.left_out = 0

    def only(self, batches: "Iterable[pa.RecordBatch]") -> "Iterator[pa.RecordBatch]":
        for batch in batches:
            if not self._labels:
                yield batch
                continue
            kept = batch.filter(has_label(batch, self._labels))
            self.left_out += batch.num_rows - kept.num_rows
            yield kept


def labelled(rows: "Iterable[pa.RecordBatch]", labels: Sequence[str]) -> "Iterator[pa.RecordBatch]":
    """Let rows pass of which at least one label is known."""
    return _Labelled(labels).only(rows)


def write_labelled(spans: Sequence[Span], schema: Schema, labels: Sequence[str], path: Path, like: str) -> int:
    """Write the labelled rows of spans to a file in the form and the spelling of the file `like`; return how many."""
    from driftd.readers import read_spans
    from driftd.readers import write as write_rows

    return write_rows(str(path), schema, labelled(read_spans(spans, schema), labels), like=like)


def count_labelled(spans: Sequence[Span], schema: Schema, labels: Sequence[str]) -> int:
    """Return how many rows have a label."""
    from driftd.readers import read_spans

    return sum(has_label(batch, labels).true_count for batch in read_spans(spans, schema))


def suffixes(name: str) -> str:
    """Return the part of a data file's name that says its form: `.csv`, `.jsonl.gz`."""
    found = Path(name).suffixes
    return "".join(found[-2:] if found[-1].lower() in COMPRESSIONS else found[-1:])


def last_rows(
    paths: Sequence[str], kinds: Mapping[str, Kind], labels: Sequence[str], rows: int
) -> tuple[Schema, list[Span]]:
    """Return the dataset's schema and where its last rows are, in the order of its files."""
    from driftd.readers import infer, inspect

    inferred = infer(paths, kinds)
    schema = inferred.with_optional(label_columns(inferred, labels))
    spans: list[Span] = []
    wanted = rows
    for path in reversed(paths):
        there = inspect(path, schema, max_bad_ratio=1.0).rows
        if take := min(there, wanted):
            spans.insert(0, Span(path, there - take, take))
            wanted -= take
        if not wanted:
            break
    if not spans:
        raise RepositoryError(
            f"{', '.join(paths[:3])}: the dataset has no rows", remedy="add data before driftd starts"
        )
    return schema, spans


def extend(dataset: str, batches: Sequence[str], schema: Schema) -> int:
    """Add the rows of batches to a dataset that is a single file, in its own form; return the rows that it has then."""
    from driftd.readers import append

    return append(dataset, batches, schema)
