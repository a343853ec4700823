"""The words of documents and the entities in them, as hashes: in how many rows is each, and which are new? No text is kept."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from driftd.profile.binning import Floats, Ints, digest

Known = NDArray[np.bool_]  # the terms that are known, shape (KNOWN,)

BUCKETS = 1 << 11  # that terms are counted in
KNOWN = 1 << 18  # bits of what is known; a new term looks known with the share of those that are set
# scripts that are written without spaces: each of their letters is a term
UNSPACED = r"([\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}])"
BETWEEN = r"[^\p{L}\p{M}\p{N}]+"
NUMBER = r"\p{N}+"  # any number is the same term, as dates and amounts are always new


@dataclass(frozen=True)
class Documents:
    """The terms of a column's rows: the words of texts, or the entities, each with its label.

    Attributes:
        rows: The row of each term, shape (terms,), rising.
        hashes: 63 bits that stand for each term, shape (terms,).
        valid: Which rows are not null, shape (rows,).
    """

    rows: Ints
    hashes: Ints
    valid: NDArray[np.bool_]

    @classmethod
    def of_texts(cls, column: pa.Array) -> "Documents":
        """Take texts apart: the words in lower case, without punctuation."""
        return cls._of(words(column), column)

    @classmethod
    def of_entities(cls, column: pa.Array, texts: pa.Array) -> "Documents":
        """Take the entities of texts: label and surface, the text between their ends."""
        return cls._of(surfaces(column, texts), column)

    @classmethod
    def _of(cls, terms: pa.Array, column: pa.Array) -> "Documents":
        encoded = pc.list_flatten(terms).dictionary_encode()
        digests = np.array([digest(term) for term in encoded.dictionary.to_pylist()], dtype=np.int64)
        hashes = digests[encoded.indices.to_numpy(zero_copy_only=False)] if len(encoded) else digests
        rows = pc.list_parent_indices(terms).to_numpy(zero_copy_only=False).astype(np.int64)
        return cls(rows, hashes, column.is_valid().to_numpy(zero_copy_only=False))

    @cached_property
    def frequencies(self) -> Ints:
        """In how many rows is a term of each bucket, shape (BUCKETS,)."""
        places = np.unique(self.rows * BUCKETS + (self.hashes >> 20) % BUCKETS)
        return np.bincount(places % BUCKETS, minlength=BUCKETS).astype(np.int64)

    def known(self) -> Known:
        """Return what is known to one who has seen these terms."""
        bits = np.zeros(KNOWN, np.bool_)
        bits[self.hashes % KNOWN] = True
        return bits

    def unseen(self, known: Known) -> Floats:
        """Return the share of each row's terms that are not known, shape (rows,); 0 for a row without any."""
        rows = len(self.valid)
        new = np.bincount(self.rows, weights=~known[self.hashes % KNOWN], minlength=rows)
        return np.asarray(new / np.maximum(np.bincount(self.rows, minlength=rows), 1))


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


def words(column: pa.Array) -> pa.Array:
    """Return the words of each text as a list, which is empty where the text is null."""
    lower = pc.utf8_lower(column.fill_null(""))
    spaced = pc.replace_substring_regex(lower, UNSPACED, r" \1 ")
    plain = pc.replace_substring_regex(pc.replace_substring_regex(spaced, BETWEEN, " "), NUMBER, "0")
    trimmed = pc.utf8_trim_whitespace(plain)
    split = pc.utf8_split_whitespace(trimmed)  # of nothing it makes one empty word
    return pc.if_else(pc.equal(trimmed, ""), pa.scalar([], split.type), split)


def surfaces(column: pa.Array, texts: pa.Array) -> pa.Array:
    """Return label and surface of each row's entities as a list."""
    found = [
        [f"{each['label']}\n{text[each['start'] : each['end']].lower()}" for each in entities] if entities and text else []
        for entities, text in zip(column.to_pylist(), texts.to_pylist(), strict=True)
    ]  # fmt: skip
    return pa.array(found, pa.list_(pa.string()))
