"""The words and entities that came and went between rows that are at hand. Their text is shown to who asks, and kept nowhere."""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.special import chdtri

from driftd.detect.evidence.terms import log_ratio
from driftd.profile.binning import Floats, Ints
from driftd.profile.features import Column
from driftd.profile.sample import first_rows
from driftd.profile.words import distinct, surfaces, text_of_entities, words

MOST = 2000  # rows that are looked at on either side
WORDS = 1 << 21  # terms of them, after which no further row is looked at: a page does not wait for whole books
AT_ONCE = 16  # rows whose terms are held as text at once
SHOWN = 8  # terms that came, and as many that went
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
        before: Rows of the reference; of either side the first MOST are counted, or as many as have WORDS terms.
        now: Rows of the change.
    """
    text = text_of_entities(column.name for column in columns if column.kind == "text")
    wanted = [c for c in columns if c.kind == "text" or (c.kind == "entities" and text is not None)]
    if not wanted:
        return {}
    known = {column.name: _Numbers() for column in wanted}
    old, new = (_read(wanted, text, rows, known) for rows in (before, now))
    return {c.name: _changes(list(known[c.name]), old[c.name], new[c.name], paired=c.kind == "text") for c in wanted}


class _Numbers(dict[str, int]):
    """Terms in the order in which they were met, each with its number."""

    def __missing__(self, term: str) -> int:
        self[term] = found = len(self)
        return found


class _Side:
    """The terms of one side's rows, in their order."""

    def __init__(self) -> None:
        self._terms, self._lengths = array("i"), array("i")
        self.valid = 0  # rows that are not null

    def __len__(self) -> int:
        return len(self._terms)

    def add(self, rows: Iterable[Sequence[str]], known: _Numbers) -> None:
        for terms in rows:
            self._terms.extend(map(known.__getitem__, terms))
            self._lengths.append(len(terms))

    @property
    def terms(self) -> NDArray[np.int32]:
        """The number of each term, shape (terms,)."""
        return np.array(self._terms, np.int32)

    @property
    def rows(self) -> NDArray[np.int32]:
        """The row of each, rising."""
        return np.repeat(np.arange(len(self._lengths), dtype=np.int32), np.array(self._lengths, np.int32))


def _read(
    columns: Sequence[Column], text: str | None, batches: Iterable[pa.RecordBatch], known: dict[str, _Numbers]
) -> dict[str, _Side]:
    found = {column.name: _Side() for column in columns}
    for batch in _in_pieces(first_rows(batches, MOST)):
        for column in columns:
            values, side = batch.column(column.name), found[column.name]
            apart = words(values) if column.kind == "text" else surfaces(values, batch.column(text))
            side.add(apart, known[column.name])
            side.valid += len(values) - values.null_count
        if sum(map(len, found.values())) >= WORDS:
            break
    return found


def _in_pieces(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    return (batch.slice(start, AT_ONCE) for batch in batches for start in range(0, batch.num_rows, AT_ONCE))


def _changes(names: Sequence[str], before: _Side, now: _Side, *, paired: bool) -> tuple[Term, ...]:
    n, m = before.valid, now.valid
    if not n or not m:
        return ()
    held, holds = (_rows_with(side, len(names)) for side in (before, now))
    surprise = _ratio(held, holds, n, m)
    found = [
        (ratio, _term(names[place], a / n, b / m))
        for place, (ratio, a, b) in enumerate(zip(surprise.tolist(), held.tolist(), holds.tolist(), strict=True))
        if ratio >= SURE
    ]
    if paired:
        (first, second), a, b = _pairs((before, now), (held, holds))
        ratios = _ratio(a, b, n, m)
        # a pair is told of where it says more than both its words by themselves
        for place in np.flatnonzero((ratios >= SURE) & (ratios > surprise[first] + surprise[second])):
            pair = f"{names[first[place]]} {names[second[place]]}"
            found.append((float(ratios[place]), Term(pair, "", float(a[place]) / n, float(b[place]) / m)))
    ordered = [term for _, term in sorted(found, key=lambda each: (-each[0], each[1].term, each[1].label))]
    came = [term for term in ordered if term.current > term.reference][:SHOWN]
    went = [term for term in ordered if term.current < term.reference][:SHOWN]
    return (*came, *went)


def _term(name: str, before: float, now: float) -> Term:
    label, entity, term = name.partition("\n")  # a label is one line; an entity may go over several
    return Term(term if entity else name, label if entity else "", before, now)


def _ratio(held: Floats, holds: Floats, n: int, m: int) -> Floats:
    return 2 * log_ratio(held, holds, np.array(float(n)), np.array(float(m)))


def _rows_with(side: _Side, terms: int) -> Floats:
    """Return in how many rows each term is, shape (terms,)."""
    return np.bincount(distinct(side.rows, side.terms, terms), minlength=terms).astype(np.float64)


def _pairs(sides: tuple[_Side, _Side], words: tuple[Floats, Floats]) -> tuple[tuple[Ints, Ints], Floats, Floats]:
    """Return the pairs of words that follow each other and may be sure: the numbers of both, and the rows that hold them before and now.

    So many rows say most where the other side has none, and a pair is in no more rows than its rarer word. So only pairs are counted
    both of whose words are in enough rows of the same side.

    Args:
        sides: The words of the reference, and those of the change.
        words: In how many rows of either each word is.
    """
    least = _least(*(side.valid for side in sides))
    enough = np.array([rows >= fewest for rows, fewest in zip(words, least, strict=True)])
    frequent = np.flatnonzero(enough.any(0))
    place, size = np.cumsum(enough.any(0)) - 1, max(len(frequent), 1)
    counted = []
    for side in sides:
        terms, rows = side.terms, side.rows
        apart = enough[:, terms]
        wanted = (apart[:, :-1] & apart[:, 1:]).any(0) & (rows[:-1] == rows[1:])
        pairs = place[terms[:-1][wanted]] * size + place[terms[1:][wanted]]
        counted.append(np.unique(distinct(rows[1:][wanted], pairs, size**2), return_counts=True))
    sure = [pairs[counts >= fewest] for (pairs, counts), fewest in zip(counted, least, strict=True)]
    known = np.union1d(*sure)
    held, holds = np.zeros((2, len(known)))
    for each, (pairs, counts) in zip((held, holds), counted, strict=True):
        there = np.isin(pairs, known)
        each[np.searchsorted(known, pairs[there])] = counts[there]
    return (frequent[known // size], frequent[known % size]), held, holds


def _least(n: int, m: int) -> tuple[int, int]:
    """Return how many rows of either side make a term sure that the other has not; more than there are where none do."""
    before, now = np.arange(n + 1.0), np.arange(m + 1.0)
    return (
        int(np.searchsorted(_ratio(before, before * 0, n, m), SURE)),
        int(np.searchsorted(_ratio(now * 0, now, n, m), SURE)),
    )
