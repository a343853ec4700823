"""What a worker does with labels that come later than their rows: it finds the rows by their content, or by a key."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from driftd.intake.late_labels.task import Joined, Looked
from driftd.journal.files import write_file
from driftd.readers import Span, delivered, has_label, read_spans, row_digests
from driftd.readers.conform import arrow_schema
from driftd.readers.label_overlay import ROW, read_overlay, write_overlay

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftd.intake.late_labels.task import Waiting
    from driftd.readers import Schema

ID = 16  # bytes of a row's identity that are kept: a mix-up is out of the question
NOBODY = bytes(ID)  # the identity of a row whose key is missing
ALIKE = 2  # more rows than this to a delivered one, and content does not tell rows apart
FORM = np.dtype([("blank", "?"), ("id", f"S{ID}")])  # of a row as `Waiting.ids` keeps it


def look(
    span: Span,
    schema: Schema,
    labels: Sequence[str],
    key: str | None,
    waiting: Sequence[Waiting],
    folder: Path,
    stem: str,
    *,
    only_known: bool,
) -> Looked:
    """Write the labels of a file beside the rows that they belong to, as `folder/FILE-stem.labels`.

    With `only_known` it is data, and nothing is written, if one of its rows is in no waiting file, or if rows repeat so much that finding them
    says nothing.
    """
    given = _Given(span, delivered(schema, labels, key), labels, key)
    if not len(given.ids):
        return Looked(given.blank, Joined(0, 0, {}))
    found = {}
    seen = np.zeros(len(given.ids), bool)
    hits = 0
    for each in waiting:
        try:
            rows = _rows(each, schema, labels, key)
        except FileNotFoundError:  # somebody has moved it away; nobody can train on it any more
            continue
        place, there = given.places(rows["id"])
        seen[place[there]] = True
        hits += int(there.sum())
        joins = np.flatnonzero(there & rows["blank"] & (given.label[place] >= 0))
        if len(joins):
            found[each.file] = (each, joins, given.label[place[joins]])
    if only_known and (not seen.all() or hits > ALIKE * len(seen)):
        return Looked(given.blank, None)
    files = {}
    for number, (each, rows, places) in found.items():
        files[number] = f"{number:06d}-{stem}.labels"
        write_file(folder / files[number], _merged(each.span, rows, given.labels.take(places)))
    named = given.label >= 0
    return Looked(given.blank, Joined(int(named.sum()), int((named & seen).sum()), files))


class _Given:
    """A file that may bring labels: the distinct identities in it, sorted, and which of its labels are theirs: the last ones that came."""

    def __init__(self, span: Span, schema: Schema, labels: Sequence[str], key: str | None) -> None:
        form = arrow_schema(schema.subset(labels))
        ids, masks, kept = [], [], []
        for batch in read_spans([span], schema):
            mask = has_label(batch, labels)
            ids.append(_identities(batch, labels, key))
            masks.append(mask.to_numpy(zero_copy_only=False))
            kept.append(batch.select(form.names).filter(mask))
        every = np.concatenate(ids) if ids else np.empty(0, FORM["id"])
        labelled = np.concatenate(masks) if masks else np.empty(0, bool)
        self.blank = int((~labelled).sum())
        table = pa.Table.from_batches(kept, form).unify_dictionaries().combine_chunks()
        self.labels = table.to_batches()[0] if table.num_rows else pa.RecordBatch.from_pylist([], form)
        self.ids = np.unique(every[every != NOBODY])
        self.label = np.full(len(self.ids), -1)
        named = labelled & (every != NOBODY)
        self.label[np.searchsorted(self.ids, every[named])] = (np.cumsum(labelled) - 1)[
            named
        ]  # the last of several stays

    def places(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return where identities stand in `ids`, and which of them do at all."""
        place = np.minimum(np.searchsorted(self.ids, ids), len(self.ids) - 1)
        return place, self.ids[place] == ids


def _merged(span: Span, rows: np.ndarray, labels: pa.RecordBatch) -> bytes:
    """Return the labels of a file's rows: new ones in the place of those that came before, which stay where nothing is new."""
    if not span.labels:
        return write_overlay(pa.array(rows), labels)
    before = read_overlay(span.labels)
    old = before.column(ROW).to_numpy()
    union = np.union1d(rows, old)
    new_at, old_at = _index(union, rows), _index(union, old)
    columns = []
    for name in labels.schema.names:
        new, kept = labels.column(name), before.column(name)
        use = new_at >= 0
        use[use] = new.is_valid().to_numpy(zero_copy_only=False)[new_at[use]]
        place = np.where(use, new_at, np.where(old_at >= 0, len(new) + old_at, new_at))
        both = pa.chunked_array([new, kept]).unify_dictionaries()
        columns.append(pa.concat_arrays(both.chunks).take(pa.array(place)))
    return write_overlay(pa.array(union), pa.RecordBatch.from_arrays(columns, names=labels.schema.names))


def _index(union: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return where each member of `union` stands in `rows`, -1 where it does not."""
    index = np.full(len(union), -1)
    index[np.searchsorted(union, rows)] = np.arange(len(rows))
    return index


def _rows(waiting: Waiting, schema: Schema, labels: Sequence[str], key: str | None) -> np.ndarray:
    """Return which rows of a file came without a label, and the identities of all; read from it once, then kept."""
    path = Path(waiting.ids)
    if not path.exists():
        parts = []
        for batch in read_spans([Span(waiting.span.path, waiting.span.first, waiting.span.rows)], schema):
            part = np.empty(batch.num_rows, FORM)
            part["blank"] = ~has_label(batch, labels).to_numpy(zero_copy_only=False)
            part["id"] = _identities(batch, labels, key)
            parts.append(part.tobytes())
        write_file(path, b"".join(parts))
    return np.fromfile(path, FORM)


def _identities(batch: pa.RecordBatch, labels: Sequence[str], key: str | None) -> np.ndarray:
    """Return the identity of each row; NOBODY where its key is missing."""
    digests = row_digests(batch if key is None else batch.select([key]), labels)
    ids = np.frombuffer(b"".join(digest[:ID] for digest in digests), FORM["id"]).copy()
    if key is not None:
        ids[~batch.column(key).is_valid().to_numpy(zero_copy_only=False)] = NOBODY
    return ids
