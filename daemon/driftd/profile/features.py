"""What of each column is profiled: a column itself, or a few numbers of it (times, texts, labels)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from driftd.profile.vectors import DIRECTIONS, vector_part
from driftd.profile.words import Documents, Known, text_of_entities

LABELS = 32
UNSEEN = "unseen"
_SHARES = {"digits": "[0-9]", "capitals": r"\p{Lu}", "punctuation": r"\p{P}"}


class Column(Protocol):
    """A column as the readers describe it; its kind is one of numeric, categorical, boolean, datetime, text, vector, entities."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def kind(self) -> str:
        """What it holds."""


@dataclass(frozen=True)
class Feature:
    """One thing that is counted: a column, or a part of it."""

    column: str
    kind: str
    part: str = ""

    @property
    def name(self) -> str:
        """The column's name, with the part where there is one."""
        return f"{self.column}.{self.part}" if self.part else self.column

    @property
    def ordered(self) -> bool:
        """Whether its values are numbers on an axis."""
        return self.kind not in ("categorical", "boolean")

    @property
    def held_out(self) -> bool:
        """Whether it is made of some rows of a reference, so that only the others may be compared with it."""
        return self.part == UNSEEN


@dataclass(frozen=True)
class Numbers:
    """Values of an ordered feature that are not null, and how many rows are null."""

    values: NDArray[np.float64]
    valid: NDArray[np.bool_] | None
    nulls: int


def features_of(columns: Iterable[Column], labels: Sequence[str]) -> list[Feature]:
    """Return what is profiled of columns; `labels` are the entity labels that the reference holds."""
    columns = list(columns)
    pointed = text_of_entities(c.name for c in columns if c.kind == "text") is not None
    parts: dict[str, Sequence[str]] = {
        "datetime": ("hour", "weekday"),
        "vector": ("norm", *(f"direction{i}" for i in range(1, DIRECTIONS + 1))),
        "text": ("length", "words", *_SHARES, UNSEEN),
        "entities": ("count", *(f"label.{label}" for label in labels), *([UNSEEN] if pointed else [])),
    }
    return [Feature(c.name, str(c.kind), part) for c in columns for part in parts.get(c.kind, ("",))]


def labels_in(batch: pa.RecordBatch, columns: Iterable[Column]) -> list[str]:
    """Return the most frequent entity labels, at most LABELS, by name."""
    found: dict[str, int] = {}
    for column in columns:
        if column.kind == "entities":
            for each in pc.value_counts(_labels(batch.column(column.name))).to_pylist():
                found[each["values"]] = found.get(each["values"], 0) + each["counts"]
    return sorted(sorted(found, key=lambda label: (-found[label], label))[:LABELS])


def extract(
    batch: pa.RecordBatch, features: Sequence[Feature], documents: Mapping[str, Documents], known: Mapping[str, Known]
) -> Iterator[Numbers | pa.DictionaryArray]:
    """Return the values of each feature, in order.

    Args:
        batch: The rows.
        features: What is wanted.
        documents: The terms of columns of text and entities in these rows.
        known: Which terms of those columns are known.
    """
    for feature in features:
        column = batch.column(feature.column)
        if feature.held_out:
            shares = documents[feature.column].unseen(known[feature.column])
            yield _numbers(pa.array(shares, mask=column.is_null().to_numpy(zero_copy_only=False)))
        elif feature.ordered:
            yield _numbers(_part(column, feature))
        elif feature.kind == "boolean":
            yield column.cast(pa.string()).dictionary_encode()
        else:
            yield column if pa.types.is_dictionary(column.type) else column.dictionary_encode()


def _part(column: pa.Array, feature: Feature) -> pa.Array:
    if feature.kind == "datetime":
        return pc.hour(column) if feature.part == "hour" else pc.day_of_week(column)
    if feature.kind == "text":
        return _text_part(column, feature.part)
    if feature.kind == "vector":
        return vector_part(column, feature.part)
    if feature.kind == "entities":
        return _entity_part(column, feature.part)
    return column


def _text_part(column: pa.Array, part: str) -> pa.Array:
    if part == "length":
        return pc.utf8_length(column)
    if part == "words":
        return pc.count_substring_regex(column, r"\S+")
    matches = pc.count_substring_regex(column, _SHARES[part]).cast(pa.float64())
    length = pc.max_element_wise(pc.utf8_length(column).cast(pa.float64()), 1.0, skip_nulls=False)
    return pc.divide(matches, length)


def _entity_part(column: pa.Array, part: str) -> pa.Array:
    if part == "count":
        return pc.list_value_length(column)
    wanted = pc.equal(_labels(column), part.removeprefix("label."))
    rows = pc.list_parent_indices(column).filter(wanted).to_numpy(zero_copy_only=False)
    counts = np.bincount(rows, minlength=len(column))
    return pa.array(counts, mask=column.is_null().to_numpy(zero_copy_only=False))


def _labels(column: pa.Array) -> pa.Array:
    return pc.struct_field(pc.list_flatten(column), "label")


def _numbers(column: pa.Array) -> Numbers:
    nulls = column.null_count
    if not nulls:
        return Numbers(column.to_numpy(zero_copy_only=False).astype(np.float64, copy=False), None, 0)
    valid = column.is_valid().to_numpy(zero_copy_only=False)
    kept = column.drop_null().to_numpy(zero_copy_only=False).astype(np.float64, copy=False)
    return Numbers(kept, valid, nulls)
