"""Which rows are most worth a label: those that make up the change, and no two alike.

A row's worth is the mean over the drifted columns, weighted by their effects, of max(0, 1 - p/q): p and q are the shares of the reference and
of the new rows in the row's cell, so it is the share of the new rows there for which the reference does not account. Of a column with
several features the largest counts; of a text also the share of its words that the windows before do not have. Rows are picked one by one:
always the one with the largest product of worth and distance from those picked before (farthest-first traversal, Gonzalez 1985, weighted).
The same rows give the same picks.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from zlib import crc32

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from driftd.detect.reference import Reference
from driftd.profile import Layout, systematic
from driftd.profile.binning import Axis, Floats, Ints
from driftd.profile.features import Numbers
from driftd.profile.words import words
from driftd.readers import Kind, Schema, Span, has_label, read_spans, row_ids
from driftd.readers.row_identity import canonical

POOL = 1 << 14  # rows that are looked at: every n-th of more
CANDIDATES = 5  # rows of most worth for each one that is wanted, among which distance decides
GROUPS = 16  # cells of an axis are brought together to so many of about equal mass
LEAST = 0.01  # worth of a row that is like the reference: where none is worth more, distance alone decides
BUCKETS = 64  # of hashed words, in which texts are compared


def choose(
    reference: bytes,
    effects: Mapping[str, float],
    before: Sequence[Span],
    spans: Sequence[Span],
    schema: Schema,
    labels: Sequence[str],
    most: int,
) -> tuple[bytes, int]:
    """Return at most `most` unlabelled rows of the spans as JSON lines, the most informative first, and how many they are.

    Args:
        reference: What the windows have left.
        effects: The columns that drifted, with their effects.
        before: Rows from before the change, whose words are known.
        spans: Rows of the new regime, with the labels that came for them.
        schema: The project's columns.
        labels: Which of them are labels.
        most: Rows that are wanted.
    """
    pool = systematic(_unlabelled(spans, schema, labels), POOL)
    if pool is None or not pool.num_rows:
        return b"", 0
    known = Reference.from_bytes(reference)
    worth = _worth(known, pool, effects, _new_words(pool, effects, before, schema, labels))
    pool, ids, worth = _best(pool, row_ids(pool, labels), worth, CANDIDATES * most)
    picked = pick(worth, *_points(known.layout, pool, schema, labels), most)
    lines = _lines(pool.take(pa.array(picked)), schema, labels, [ids[place] for place in picked], worth[picked])
    return "".join(lines).encode(), len(picked)


def pick(worth: Floats, points: Floats, kinds: Ints, most: int) -> list[int]:
    """Pick rows by worth and distance; return at most `most` places, the first picked first.

    Args:
        worth: Shape (n,).
        points: Shape (n, d), compared by Euclid.
        kinds: Shape (n, c), compared by whether they are the same: a difference is a distance of 1.
        most: Rows that are wanted.
    """
    picked: list[int] = []
    far = np.ones(len(worth))
    for _ in range(min(most, len(worth))):
        place = int(np.argmax((LEAST + worth) * far))
        picked.append(place)
        squares = ((points - points[place]) ** 2).sum(1) + (kinds != kinds[place]).sum(1)
        distance = np.sqrt(squares) + 1e-9  # rows that are alike in all of it are picked in their order
        far = np.minimum(far, distance) if len(picked) > 1 else distance
        far[picked] = -1.0
    return picked


def _best(
    pool: pa.RecordBatch, ids: Sequence[str], worth: Floats, most: int
) -> tuple[pa.RecordBatch, list[str], Floats]:
    """Keep the rows of most worth, each once and in their order; among equals the identity decides, which is as good as chance."""
    first = sorted({identity: place for place, identity in reversed(list(enumerate(ids)))}.values())
    kept = sorted(sorted(first, key=lambda place: (-worth[place], ids[place]))[:most])
    return pool.take(pa.array(kept)), [ids[place] for place in kept], worth[kept]


def _unlabelled(spans: Sequence[Span], schema: Schema, labels: Sequence[str]) -> Iterator[pa.RecordBatch]:
    for batch in read_spans(spans, schema):
        yield batch.filter(pc.invert(has_label(batch, labels)))


def _worth(
    reference: Reference, pool: pa.RecordBatch, effects: Mapping[str, float], new_words: Mapping[str, Floats]
) -> Floats:
    codes = reference.layout.codes(pool)
    by_column: dict[str, Floats] = dict(new_words)
    for place, feature in enumerate(reference.layout.features):
        if feature.column in effects:
            excess = _excess(reference, place, codes[place])
            by_column[feature.column] = np.maximum(by_column.get(feature.column, 0.0), excess)
    if not by_column:
        return np.zeros(codes.shape[1])
    columns = list(by_column)
    weights = np.array([max(effects[name], 1e-9) for name in columns])
    return np.average(np.array([by_column[name] for name in columns]), axis=0, weights=weights)


def _excess(reference: Reference, place: int, codes: Ints) -> Floats:
    """Return for each row the share of the rows in its cell for which the reference does not account; 0 for a row without a cell."""
    binning = reference.layout.binnings[place]
    there = codes >= 0
    before = _shares(reference.compared.cells[place, : binning.size])
    now = _shares(np.bincount(codes[there], minlength=binning.size))
    if isinstance(binning, Axis):
        both = (before + now) / 2
        group = np.minimum((np.cumsum(both) - both / 2) * GROUPS, GROUPS - 1).astype(np.int64)
        before, now = (np.bincount(group, each)[group].astype(np.float64) for each in (before, now))
    excess: Floats = np.maximum(0.0, 1 - before / np.maximum(now, 1e-12))
    return np.where(there, excess[codes], 0.0)


def _shares(counts: Ints) -> Floats:
    return counts.astype(np.float64) / max(int(counts.sum()), 1)


def _points(layout: Layout, pool: pa.RecordBatch, schema: Schema, labels: Sequence[str]) -> tuple[Floats, Ints]:
    """Return what `pick` compares rows by: ranks among them and words of texts, each from 0 to 1; and categories."""
    rows = pool.num_rows
    points, kinds = [np.zeros((rows, 1))], [np.zeros((rows, 1), np.int64)]
    features = [
        feature for feature in layout.features if feature.column in pool.schema.names and feature.column not in labels
    ]
    for values in layout.extract(pool, features):
        if isinstance(values, Numbers):
            points.append(_ranks(values, rows)[:, None])
        else:
            kinds.append(values.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)[:, None])
    for name in _texts(schema, labels):
        counts = np.zeros((rows, BUCKETS))
        for row, each in enumerate(words(pool.column(name))):
            np.add.at(counts[row], [crc32(word.encode()) % BUCKETS for word in each], 1.0)
        points.append(counts / np.maximum(np.linalg.norm(counts, axis=1, keepdims=True), 1e-12) * np.sqrt(0.5))
    return np.hstack(points), np.hstack(kinds)


def _ranks(values: Numbers, rows: int) -> Floats:
    """Return where each row's value stands among all, from 0 to 1; -0.5 where it has none."""
    ranks = np.full(rows, -0.5)
    finite = np.isfinite(values.values)
    there = np.flatnonzero(finite) if values.valid is None else np.flatnonzero(values.valid)[finite]
    ranks[there] = np.searchsorted(np.sort(values.values[finite]), values.values[finite]) / max(len(there), 1)
    return ranks


def _texts(schema: Schema, labels: Sequence[str]) -> list[str]:
    return [name for name in schema.of_kind(Kind.TEXT) if name not in labels]


def _new_words(
    pool: pa.RecordBatch, effects: Mapping[str, float], before: Sequence[Span], schema: Schema, labels: Sequence[str]
) -> dict[str, Floats]:
    """Return for texts that drifted the share of each one's words that are in no row before."""
    moved = [name for name in _texts(schema, labels) if name in effects]
    known: dict[str, set[str]] = {name: set() for name in moved}
    for batch in read_spans(before if moved else (), schema):
        for name in moved:
            known[name].update(word for text in words(batch.column(name)) for word in text)
    return {name: _share_of_new(words(pool.column(name)), known[name]) for name in moved if known[name]}


def _share_of_new(texts: Sequence[Sequence[str]], known: Collection[str]) -> Floats:
    return np.array([sum(word not in known for word in text) / max(len(text), 1) for text in texts])


def _lines(
    rows: pa.RecordBatch, schema: Schema, labels: Sequence[str], ids: Sequence[str], worth: Floats
) -> Iterator[str]:
    """Yield rows as JSON lines without their labels; an only text is under `text` too, where tools for labelling look for it."""
    plain = rows.select([name for name in schema.names if name not in labels])
    texts = schema.of_kind(Kind.TEXT)
    for row, identity, value in zip(plain.to_pylist(), ids, worth.tolist(), strict=True):
        line = {"text": row[texts[0]]} if len(texts) == 1 else {}
        line |= {name: canonical(each) for name, each in row.items()}
        line.setdefault("meta", {"row": identity, "worth": round(value, 3)})
        yield json.dumps(line, ensure_ascii=False) + "\n"
