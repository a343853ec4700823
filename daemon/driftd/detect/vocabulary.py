"""The words and entities that came and went between rows that are at hand. Their text is shown to who asks, and kept nowhere."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
from scipy.special import chdtri

from driftd.detect.terms import log_ratio
from driftd.profile.features import Column
from driftd.profile.words import surfaces, text_of_entities, words

MOST = 2000  # rows that are looked at on either side
SHOWN = 8  # terms that came, and as many that went
PAIR = " "  # between two words, of which none has one
SURE = chdtri(1, 1e-4)  # the likelihood ratio from which a change is no chance


@dataclass(frozen=True)
class Term:
    """A word of texts or two that follow each other, or an entity with its label; and the share of the rows that hold it before and now."""

    term: str
    label: str
    reference: float
    current: float


def changed_terms(
    columns: Sequence[Column], before: Iterable[pa.RecordBatch], now: Iterable[pa.RecordBatch]
) -> dict[str, tuple[Term, ...]]:
    """Return what came and what went in columns of text and entities, each side's surest first.

    Args:
        columns: The columns; others than text and entities have none.
        before: Rows of the reference; of either side the first MOST are counted.
        now: Rows of the change.
    """
    text = text_of_entities(column.name for column in columns if column.kind == "text")
    wanted = [c for c in columns if c.kind == "text" or (c.kind == "entities" and text is not None)]
    if not wanted:
        return {}
    sides = [_count(wanted, text, rows) for rows in (before, now)]
    return {
        column.name: _changes(*((side[column.name][0], side[column.name][1]) for side in sides)) for column in wanted
    }


Counts = tuple[Counter[str], int]


def _count(columns: Sequence[Column], text: str | None, batches: Iterable[pa.RecordBatch]) -> dict[str, Counts]:
    """Count the rows of each term, and those that are not null."""
    found: dict[str, Counts] = {column.name: (Counter(), 0) for column in columns}
    for batch in _first(batches, MOST):
        for column in columns:
            values = batch.column(column.name)
            counter, rows = found[column.name]
            if column.kind == "text":
                for each in words(values):
                    counter.update({*each, *map(PAIR.join, pairwise(each))})
            else:
                for each in surfaces(values, batch.column(text)):
                    counter.update(set(each))
            found[column.name] = counter, rows + len(values) - values.null_count
    return found


def _first(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        if rows <= 0:
            return
        yield batch.slice(0, rows)
        rows -= batch.num_rows


def _changes(before: Counts, now: Counts) -> tuple[Term, ...]:
    (old, n), (new, m) = before, now
    if not n or not m:
        return ()
    found, names = [], sorted(old.keys() | new.keys())
    held, holds = (np.array([side[name] for name in names], np.float64) for side in (old, new))
    ratios = 2 * log_ratio(held, holds, np.array(float(n)), np.array(float(m)))
    surprise = dict(zip(names, ratios.tolist(), strict=True))
    for name, a, b in zip(names, held.tolist(), holds.tolist(), strict=True):
        ratio = surprise[name]
        if ratio >= SURE and ratio > sum(surprise[word] for word in _pair(name)):
            label, entity, term = name.partition("\n")  # a label is one line; an entity may go over several
            found.append((ratio, Term(term if entity else name, label if entity else "", a / n, b / m)))
    ordered = [term for _, term in sorted(found, key=lambda each: (-each[0], each[1].term, each[1].label))]
    came = [term for term in ordered if term.current > term.reference][:SHOWN]
    went = [term for term in ordered if term.current < term.reference][:SHOWN]
    return (*came, *went)


def _pair(name: str) -> Sequence[str]:
    """Return the two words of a pair, which is told of where it says more than both by themselves; nothing of other terms."""
    return name.split(PAIR) if PAIR in name and "\n" not in name else ()
