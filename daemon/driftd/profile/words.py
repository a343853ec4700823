"""The words of documents and the entities in them, as hashes: in how many rows is each, and which are new? No text is kept."""

import re
import unicodedata
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from itertools import groupby, pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from driftd.profile.binning import Floats, Ints, digest

Known = NDArray[np.bool_]  # the terms that are known, shape (KNOWN,)

AT_ONCE = 1 << 12  # rows whose terms are looked at, and held as text, at once
BUCKETS = 1 << 11  # that terms are counted in, and as many for pairs of neighbours
MIX = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9)  # odd, without a pattern (Steele et al. 2014)
KNOWN = 1 << 18  # bits of what is known; a new term looks known with the share of those that are set
# Han and kana, Thai, Lao, Burmese and Khmer are written without spaces: each of their letters is a term
UNSPACED = "\u0e01-\u0eff\u1000-\u109f\u1780-\u17ff\u3041-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
REMEMBERED = 64  # letters of a term whose hash is; longer ones are files in letters, and would fill the memory
NUMBER = re.compile(r"\d+")  # any number is the same term, as dates and amounts are always new


@dataclass(frozen=True)
class Documents:
    """The terms of a column's rows: the words of texts, or the entities, each with its label.

    Attributes:
        rows: The row of each term, shape (terms,), rising.
        hashes: 31 bits that stand for each term, shape (terms,).
        valid: Which rows are not null, shape (rows,).
    """

    rows: NDArray[np.int32]
    hashes: NDArray[np.int32]
    valid: NDArray[np.bool_]

    @classmethod
    def of_texts(cls, column: pa.Array) -> "Documents":
        """Take texts apart: the words in lower case, without punctuation."""
        return cls._of(words, column)

    @classmethod
    def of_entities(cls, column: pa.Array, texts: pa.Array) -> "Documents":
        """Take the entities of texts: label and surface, the text between their ends."""
        return cls._of(surfaces, column, texts)

    @classmethod
    def _of(cls, apart: Callable[..., list[list[str]]], column: pa.Array, *more: pa.Array) -> "Documents":
        hashes, lengths = array("i"), array("i")
        for first in range(0, len(column), AT_ONCE):
            known = _Hashes()
            for terms in apart(*(each.slice(first, AT_ONCE) for each in (column, *more))):
                lengths.append(len(terms))
                hashes.extend(map(known.__getitem__, terms))
        rows = np.repeat(np.arange(len(column), dtype=np.int32), np.array(lengths, np.int32))
        return cls(rows, np.array(hashes, np.int32), column.is_valid().to_numpy(zero_copy_only=False))

    @cached_property
    def frequencies(self) -> Ints:
        """In how many rows is a term of each bucket, and then two neighbouring terms of each, shape (2 * BUCKETS,)."""
        counts = np.zeros((2, BUCKETS), np.int64)
        for _, rows, hashes in self._parts():
            counts[0] += _rows_with(rows, (hashes >> 20) % BUCKETS)
            together = rows[1:] == rows[:-1]
            counts[1] += _rows_with(rows[1:][together], _paired(hashes[:-1], hashes[1:])[together])
        return counts.ravel()

    def known(self) -> Known:
        """Return what is known to one who has seen these terms."""
        bits = np.zeros(KNOWN, np.bool_)
        bits[self.hashes % KNOWN] = True
        return bits

    def unseen(self, known: Known) -> Floats:
        """Return the share of each row's terms that are not known, shape (rows,); 0 for a row without any."""
        shares = np.zeros(len(self.valid))
        for first, rows, hashes in self._parts():
            part = shares[first : first + AT_ONCE]
            new = np.bincount(rows, weights=~known[hashes % KNOWN], minlength=len(part))
            part[:] = new / np.maximum(np.bincount(rows, minlength=len(part)), 1)
        return shares

    def _parts(self) -> Iterator[tuple[int, NDArray[np.int32], NDArray[np.int32]]]:
        """Yield the terms of so many rows that not too much of them is held at once: the first row, the rows from it on, and the hashes."""
        firsts = range(0, len(self.valid), AT_ONCE)
        ends = np.searchsorted(self.rows, [*firsts, len(self.valid)])
        for first, (start, end) in zip(firsts, pairwise(ends), strict=True):
            yield first, self.rows[start:end] - first, self.hashes[start:end]


def _rows_with(rows: NDArray[np.int32], buckets: NDArray[np.int32]) -> Ints:
    """Return in how many rows each bucket is, shape (BUCKETS,)."""
    return np.bincount(distinct(rows, buckets, BUCKETS), minlength=BUCKETS)


def distinct(rows: NDArray[np.int32], terms: NDArray[np.int32] | Ints, size: int) -> NDArray[np.int32] | Ints:
    """Return the terms of each row, each once.

    Args:
        rows: The row of each term, shape (terms,), rising.
        terms: Numbers from 0 to below `size`, of the same shape.
        size: How many different ones there may be.
    """
    end = int(rows[-1]) + 1 if len(rows) else 1
    narrow = end * size <= np.iinfo(np.int32).max  # sorted in half the time
    places = np.sort(rows * size + terms if narrow else rows * np.int64(size) + terms)
    # numpy.unique takes twenty times as long, with a table of hashes
    return np.asarray(places[np.diff(places, prepend=-1) > 0] % size)


def _paired(first: NDArray[np.int32], second: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the bucket of terms followed by others; their order matters."""
    mixed = (first.astype(np.uint64) * MIX[0] + second.astype(np.uint64)) * MIX[1]
    return (mixed >> np.uint64(64 - 11)).astype(np.int32)


class _Hashes(dict[str, int]):
    """The hashes of terms, each found once."""

    def __missing__(self, term: str) -> int:
        self[term] = found = _hash(term)
        return found


def documents_of(batch: pa.RecordBatch, kinds: Mapping[str, str], text: str | None) -> dict[str, Documents]:
    """Take the columns of text and entities apart, as far as a batch has them.

    Args:
        batch: The rows.
        kinds: The kind of each column.
        text: The column that entities point into.
    """
    found = {}
    for name, kind in kinds.items():
        if kind == "text":
            found[name] = Documents.of_texts(batch.column(name))
        elif kind == "entities" and text is not None:
            found[name] = Documents.of_entities(batch.column(name), batch.column(text))
    return found


def text_of_entities(names: Iterable[str]) -> str | None:
    """Return which of the text columns entities point into: `text`, or the only one."""
    texts = list(names)
    return "text" if "text" in texts else texts[0] if len(texts) == 1 else None


def words(column: pa.Array) -> list[list[str]]:
    """Return the words of each text; none where the text is null."""
    find = _word().findall
    return [find(text.lower()) if text else [] for text in column.to_pylist()]


def surfaces(column: pa.Array, texts: pa.Array) -> list[list[str]]:
    """Return label and surface of each row's entities."""
    return [
        [f"{each['label']}\n{text[each['start'] : each['end']].lower()}" for each in entities]
        if entities and text
        else []
        for entities, text in zip(column.to_pylist(), texts.to_pylist(), strict=True)
    ]


@cache
def _word() -> re.Pattern[str]:
    """Return what a word looks like: one letter of an unspaced script, or letters, marks and digits of others; pictures are words, too."""
    alone = re.compile(f"[{UNSPACED}]")
    inside = [
        chr(code)
        for code in range(0x10000)
        if unicodedata.category(chr(code))[0] in "LMN" and not alone.match(chr(code))
    ]
    runs = "".join(f"{each[0]}-{each[-1]}" for each in _runs(inside))
    return re.compile(f"[{UNSPACED}]|[{runs}\U00010000-\U0001ffff]+")


def _runs(letters: list[str]) -> Iterator[list[str]]:
    """Yield letters that follow each other."""
    for _, run in groupby(enumerate(letters), lambda each: ord(each[1]) - each[0]):
        yield [letter for _, letter in run]


def _hash(term: str) -> int:
    return _short(term) if len(term) <= REMEMBERED else _digest(term)


@lru_cache(1 << 16)
def _short(term: str) -> int:
    return _digest(term)


def _digest(term: str) -> int:
    return digest(NUMBER.sub("0", term)) & 0x7FFFFFFF
