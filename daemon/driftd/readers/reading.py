"""Reading files in record batches, looking at a whole file, and reading spans of files again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from driftd.errors import DataError, TooManyBadRowsError
from driftd.readers import conform
from driftd.readers.inference import infer
from driftd.readers.label_columns import has_label, label_columns
from driftd.readers.label_overlay import laid_over
from driftd.readers.registry import format_of
from driftd.readers.types import BadRow, Batch, FileReport, Schema, Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import pyarrow as pa

    from driftd.readers.source import Mark

ROWS = 65536
NAMED = 20  # bad rows that a report names
TOLD = 3  # of them that an error tells
MARKED = 64  # files whose marks are kept


def read(path: str, schema: Schema | None = None, *, batch_rows: int = ROWS) -> Iterator[Batch]:
    """Read a file in batches of at most `batch_rows` good rows, in bounded memory.

    The columns are those of the schema, in its order and types; without one it is inferred from the file's first rows. A file is sound only
    once it was read to its end: errors of later rows come after batches of earlier ones.

    Raises:
        UnreadableFileError: The file is not what its name says, is damaged, or may not be read.
        SchemaMismatchError: A column is missing or of another kind.
    """
    yield from _read(path, schema or infer([path]), {}, batch_rows)


def _read(path: str, schema: Schema, extra: dict[str, None], batch_rows: int) -> Iterator[Batch]:
    name, form = format_of(path)
    conformer = conform.Conformer(path, schema, form.SPARSE, extra)
    yield from conform.batches(form.blocks(path, name, schema), conformer, batch_rows)


def inspect(path: str, schema: Schema | None = None, *, max_bad_ratio: float, labels: Sequence[str] = ()) -> FileReport:
    """Read a file to its end and report what is in it; `labels` names columns that are labels. A file without rows is sound.

    Raises:
        UnreadableFileError: See `read`.
        SchemaMismatchError: See `read`.
        TooManyBadRowsError: More than `max_bad_ratio` of its rows are bad.
    """
    schema = schema or infer([path])
    extra: dict[str, None] = {}
    named: list[BadRow] = []
    rows = bad_rows = unlabelled = 0
    found = label_columns(schema, labels)
    for batch in _read(path, schema, extra, ROWS):
        rows += batch.rows.num_rows
        unlabelled += batch.rows.num_rows - has_label(batch.rows, found).true_count if found else 0
        bad_rows += len(batch.bad)
        named += batch.bad[: NAMED - len(named)]
    if bad_rows > max_bad_ratio * (rows + bad_rows):
        told = "; ".join(f"line {each.line}: {each.reason}" for each in named[:TOLD])
        more = f"; and {bad_rows - TOLD} more" if bad_rows > TOLD else ""
        raise TooManyBadRowsError(
            f"{path}: {bad_rows} of {rows + bad_rows} rows cannot be read ({told}{more})",
            remedy=f"correct the rows, or raise intake.bad_rows above {bad_rows / (rows + bad_rows):.2g}",
        )
    return FileReport(rows, bad_rows, tuple(named), tuple(extra), schema, unlabelled)


def read_spans(spans: Iterable[Span], schema: Schema, *, batch_rows: int = ROWS) -> Iterator[pa.RecordBatch]:
    """Read good rows of files again, in the order of the spans.

    Raises:
        DataError: A file has fewer rows than a span says; it is not the one that was admitted.
    """
    for span in spans:
        left = span.rows
        found = _from(span.path, schema, span.first)
        for rows in laid_over(span.labels, span.first, found) if span.labels else found:
            kept = rows.slice(0, left)
            left -= kept.num_rows
            for first in range(0, kept.num_rows, batch_rows):
                yield kept.slice(first, batch_rows)
            if not left:
                break
        if left:
            raise DataError(f"{span.path}: has {left} rows fewer than when it was admitted", remedy="restore the file")


_marks: dict[object, list[tuple[int, Mark]]] = {}
"""How many good rows precede a mark, for files of late: a file is read in many spans, and each would begin at its start."""


def _from(path: str, schema: Schema, first: int) -> Iterator[pa.RecordBatch]:
    """Read the rows of a file from a good row on, beginning at the last mark before it."""
    name, form = format_of(path)
    marks = _marks_of(path, schema)
    rows, start = next(((rows, mark) for rows, mark in reversed(marks) if rows <= first), (0, None))
    conformer = conform.Conformer(path, schema, form.SPARSE, whole=start is None)
    for block in form.blocks(path, name, schema, start):
        if not marks or (rows >= marks[-1][0] and block.mark.at > marks[-1][1].at):
            marks.append((rows, block.mark))
        batch = conformer.batch(block).rows
        if first < rows + batch.num_rows:
            yield batch.slice(max(first - rows, 0))
        rows += batch.num_rows


def _marks_of(path: str, schema: Schema) -> list[tuple[int, Mark]]:
    found = Path(path).stat()
    key = (path, found.st_size, found.st_mtime_ns, found.st_ino, schema)
    marks = _marks.pop(key, [])
    _marks[key] = marks
    if len(_marks) > MARKED:
        del _marks[next(iter(_marks))]
    return marks
