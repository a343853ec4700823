"""Changes that no column shows by itself, and changes of texts and entities: rows for `power.py`."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from driftd.readers import Column, Kind

Draw = Callable[[np.random.Generator, int], pa.RecordBatch]

ALPHABET = np.array(list("abcdefghijklmnopqrstuvwxyz"))
NUMBERS = [Column(f"n{i}", Kind.NUMERIC) for i in range(10)]
DOCUMENTS = [Column("text", Kind.TEXT), Column("entities", Kind.ENTITIES)]
ENTITY = pa.struct([("start", pa.int32()), ("end", pa.int32()), ("label", pa.string())])
LENGTH, WORDS, PLACES = 6, 14, (3, 9)  # letters of a word, words of a document, which of them are entities


def spellings(count: int, seed: int) -> np.ndarray:
    """Make words of one length."""
    rng = np.random.default_rng(seed)
    return np.array(["".join(each) for each in rng.choice(ALPHABET, (count, LENGTH))])


COMMON, NEW, SURFACES = spellings(600, 1), spellings(60, 2), spellings(80, 3)
SORTED = np.sort(COMMON)
FOLLOWING = np.random.default_rng(4).permutation(SORTED)  # of each the word that it is a phrase with
RATES = 1 / np.arange(1, len(COMMON) + 1)
RATES /= RATES.sum()


def normal(correlation: float) -> Draw:
    """Ten standard normal columns, of which the first two go together."""

    def draw(rng: np.random.Generator, rows: int) -> pa.RecordBatch:
        table = rng.normal(size=(rows, len(NUMBERS)))
        table[:, 1] = correlation * table[:, 0] + np.sqrt(1 - correlation**2) * table[:, 1]
        return pa.RecordBatch.from_arrays([pa.array(column) for column in table.T], [c.name for c in NUMBERS])

    return draw


def documents(
    *,
    new_words: float = 0.0,
    other_rates: float = 0.0,
    person: float = 0.5,
    new_surface: float = 0.0,
    turned: float | None = None,
) -> Draw:
    """Texts of one length, each with two entities.

    Args:
        new_words: Share of the words that are new ones.
        other_rates: Share of the words that are drawn with the rates of common and rare words turned round.
        person: Share of the entities that are labelled PER and not ORG.
        new_surface: Share of the documents of which one entity is one that was never seen.
        turned: Share of the documents whose phrases of two words are turned round; None where words are no phrases.
    """

    def draw(rng: np.random.Generator, rows: int) -> pa.RecordBatch:
        words = rng.choice(COMMON, (rows, WORDS), p=RATES)
        words = np.where(rng.random(words.shape) < other_rates, rng.choice(COMMON, words.shape, p=RATES[::-1]), words)
        words = np.where(rng.random(words.shape) < new_words, rng.choice(NEW, words.shape), words)
        if turned is not None:
            words[:, 1::2] = FOLLOWING[np.searchsorted(SORTED, words[:, ::2])]
            other = rng.random(rows) < turned
            words[other] = words[other].reshape(-1, WORDS // 2, 2)[..., ::-1].reshape(-1, WORDS)
        for place in PLACES:
            words[:, place] = rng.choice(SURFACES, rows)
        words[:, PLACES[0]] = np.where(rng.random(rows) < new_surface, "qqzzqq", words[:, PLACES[0]])
        labels = np.where(rng.random((rows, len(PLACES))) < person, "PER", "ORG")
        texts = [" ".join(each) for each in words.tolist()]
        entities = [
            [
                {"start": p * (LENGTH + 1), "end": p * (LENGTH + 1) + LENGTH, "label": label}
                for p, label in zip(PLACES, own, strict=True)
            ]
            for own in labels.tolist()
        ]
        return pa.RecordBatch.from_arrays([pa.array(texts), pa.array(entities, pa.list_(ENTITY))], ["text", "entities"])

    return draw


# what changes, the columns, those of which one is to be named, and the rows before and after
STRUCTURE: dict[str, tuple[list[Column], set[str], Draw, Draw]] = {
    "correlation 0.8 becomes -0.8": (NUMBERS, {"n0", "n1"}, normal(0.8), normal(-0.8)),
    "correlation 0.4 becomes -0.4": (NUMBERS, {"n0", "n1"}, normal(0.4), normal(-0.4)),
    "correlation 0.5 becomes 0": (NUMBERS, {"n0", "n1"}, normal(0.5), normal(0.0)),
    "5 % of the words are new": (DOCUMENTS, {"text"}, documents(), documents(new_words=0.05)),
    "20 % of the words are new": (DOCUMENTS, {"text"}, documents(), documents(new_words=0.2)),
    "20 % of the words at other rates": (DOCUMENTS, {"text"}, documents(), documents(other_rates=0.2)),
    "phrases turned round in 20 % of the texts": (DOCUMENTS, {"text"}, documents(turned=0), documents(turned=0.2)),
    "phrases turned round in 50 % of the texts": (DOCUMENTS, {"text"}, documents(turned=0), documents(turned=0.5)),
    "label PER 50 % becomes 60 %": (DOCUMENTS, {"entities"}, documents(), documents(person=0.6)),
    "label PER 50 % becomes 70 %": (DOCUMENTS, {"entities"}, documents(), documents(person=0.7)),
    "an entity never seen, 3 %": (DOCUMENTS, {"entities", "text"}, documents(), documents(new_surface=0.03)),
    "an entity never seen, 10 %": (DOCUMENTS, {"entities", "text"}, documents(), documents(new_surface=0.1)),
}
