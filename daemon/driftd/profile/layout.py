"""The fixed frame of a profile: features, their cells, and what was recognised about them."""

from base64 import b85decode, b85encode
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from driftd.profile.binning import Axis, Binning, Floats, Ints, Values, binning_from_json, binning_to_json
from driftd.profile.column_screening import category_trait, number_trait
from driftd.profile.features import Column, Feature, Numbers, extract, features_of, labels_in
from driftd.profile.pairs import Half, Inside, Pairs, values_of, whole
from driftd.profile.words import BUCKETS, KNOWN, Documents, Known, documents_of, text_of_entities

FAR = 3.0  # ranges of the reference beyond which a number is broken, not moved
# what is tallied for each feature beside its cells
TALLIES = ("rows", "nulls", "not_finite", "far_below", "far_above")


@dataclass(frozen=True)
class Layout:
    """Features in order with their binning, made once from the rows of a reference.

    Attributes:
        features: What is counted.
        binnings: The cells of each feature.
        skipped: For each feature why it is not tested, or "".
        notes: What was recognised and what was done about it, for a person.
        pairs: The columns that are counted two at a time.
        known: The terms of each column of text or entities that are not new.
        buckets: How many buckets of terms are counted.
    """

    features: tuple[Feature, ...]
    binnings: tuple[Binning, ...]
    skipped: tuple[str, ...]
    notes: tuple[str, ...] = ()
    pairs: Pairs = field(default_factory=Pairs)
    known: Mapping[str, Known] = field(default_factory=dict, compare=False)
    buckets: int = 2 * BUCKETS

    @classmethod
    def fit(
        cls,
        sample: pa.RecordBatch,
        columns: Sequence[Column],
        endless: Collection[str] = (),
        known_by: int | None = None,
        *,
        compared: bool = True,
    ) -> "Layout":
        """Fix the cells by rows of the reference, in their order of arrival.

        Args:
            sample: The rows.
            columns: What they are described as.
            endless: Columns of which no number is too large to be counted in a cell: the last one has room for all.
            known_by: How many of the rows say which terms are known, by default the first half. What is held out is fitted to the others.
            compared: Whether rows are to be compared with these: values of a category are then told by the first half, too, where some are rare.
        """
        features = features_of(columns, labels_in(sample, columns))
        first = sample.num_rows // 2 if known_by is None else known_by
        terms = _documents(sample.slice(0, first), features)
        known = {name: documents.known() for name, documents in terms.items()}
        values_of_all = _extract_fitted(sample, first, features, known)
        binnings: list[Binning] = []
        skipped, notes = [], []
        for feature, values in zip(features, values_of_all, strict=True):
            told = first if compared else sample.num_rows
            binning, skip, note = _recognise(feature, values, np.inf if feature.column in endless else FAR, told)
            if feature.held_out:
                skip, note = "held out", ""  # tested with the terms
            binnings.append(binning)
            skipped.append(skip)
            if note:
                notes.append(f"{feature.name}: {note}")
        columns_of = [
            values_of(feature, binning, sample) if whole(feature) else np.zeros(0)
            for feature, binning in zip(features, binnings, strict=True)
        ]
        pairs = Pairs.fit(features, binnings, skipped, columns_of)
        return cls(tuple(features), tuple(binnings), tuple(skipped), tuple(notes), pairs, known)

    @cached_property
    def width(self) -> int:
        """Cells of the feature that has most."""
        return max((binning.size for binning in self.binnings), default=1)

    @cached_property
    def ordered(self) -> Ints:
        """Places of the tested features on an axis."""
        return self._tested(True)

    @cached_property
    def unordered(self) -> Ints:
        """Places of the tested features in categories."""
        return self._tested(False)

    @cached_property
    def held_out(self) -> Ints:
        """Places of the features that the first rows of a reference say nothing about."""
        return np.array([i for i, f in enumerate(self.features) if f.held_out], dtype=np.int64)

    @cached_property
    def told(self) -> Ints:
        """Places of the categories whose values the first rows of a reference told."""
        return np.array([i for i, b in enumerate(self.binnings) if isinstance(b, Values) and b.told], dtype=np.int64)

    @cached_property
    def sources(self) -> tuple[str, ...]:
        """The columns whose terms are counted, in the order of the features: what is stored comes back in order of names."""
        return tuple(name for name in dict.fromkeys(feature.column for feature in self.features) if name in self.known)

    def _tested(self, ordered: bool) -> Ints:
        return np.array(
            [i for i, f in enumerate(self.features) if f.ordered is ordered and not self.skipped[i]], dtype=np.int64
        )

    def extract(self, batch: pa.RecordBatch, features: Sequence[Feature]) -> Iterator[Numbers | pa.DictionaryArray]:
        """Return the values of some of the features, in order."""
        return extract(batch, features, _documents(batch, features), self.known)

    def count(self, batch: pa.RecordBatch) -> tuple[Ints, Ints, Ints]:
        """Count rows: cells of shape (features, width), tallies of shape (features, 5), terms of shape (sources, buckets)."""
        cells = np.zeros((len(self.features), self.width), dtype=np.int64)
        tallies = np.zeros((len(self.features), len(TALLIES)), dtype=np.int64)
        documents = _documents(batch, self.features)
        for place, values in enumerate(extract(batch, self.features, documents, self.known)):
            binning = self.binnings[place]
            if isinstance(binning, Axis):
                finite = finite_of(values.values)
                counts, below, above = binning.count(finite)
                tallies[place] = (batch.num_rows, values.nulls, len(values.values) - len(finite), below, above)
            else:
                counts = binning.count(cast("pa.DictionaryArray", values))
                tallies[place, :2] = (batch.num_rows, cast("pa.DictionaryArray", values).null_count)
            cells[place, : len(counts)] = counts
        terms = [documents[name].frequencies[: self.buckets] for name in self.sources]
        return cells, tallies, np.array(terms, np.int64).reshape(len(terms), self.buckets)

    def inside(self, batch: pa.RecordBatch) -> Inside:
        """Say of each row in which halves of its values it is, shape (halves, rows)."""
        return self.pairs.inside(self.features, self.binnings, batch)

    def codes(self, batch: pa.RecordBatch) -> Ints:
        """Return the cell of each row for each feature, shape (features, rows); -1 where it has none."""
        codes = np.full((len(self.features), batch.num_rows), -1, dtype=np.int64)
        for place, values in enumerate(self.extract(batch, self.features)):
            binning = self.binnings[place]
            if isinstance(binning, Axis):
                where = slice(None) if values.valid is None else values.valid
                codes[place, where] = binning.codes(values.values)
            else:
                codes[place] = binning.codes(values)
        return codes

    def to_json(self) -> dict[str, Any]:
        """Return plain data that `from_json` reads without loss."""
        return {
            "features": [[f.column, f.kind, f.part] for f in self.features],
            "binnings": [binning_to_json(binning) for binning in self.binnings],
            "skipped": list(self.skipped),
            "notes": list(self.notes),
            "known": {name: b85encode(np.packbits(bits).tobytes()).decode() for name, bits in self.known.items()},
            "buckets": self.buckets,
            "halves": [[half.feature, half.low.hex(), half.high.hex()] for half in self.pairs.halves],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Layout":
        """Read what `to_json` wrote."""
        return cls(
            tuple(Feature(column, kind, part) for column, kind, part in data["features"]),
            tuple(binning_from_json(each) for each in data["binnings"]),
            tuple(data["skipped"]),
            tuple(data["notes"]),
            Pairs(tuple(Half(n, float.fromhex(low), float.fromhex(high)) for n, low, high in data["halves"])),
            {
                name: np.unpackbits(np.frombuffer(b85decode(bits), np.uint8), count=KNOWN).astype(np.bool_)
                for name, bits in data.get("known", {}).items()  # a layout of before there were terms has none
            },
            data.get("buckets", BUCKETS),  # and one of before there were pairs of them counts none
        )


def _documents(batch: pa.RecordBatch, features: Sequence[Feature]) -> dict[str, Documents]:
    kinds = {feature.column: feature.kind for feature in features}
    return documents_of(batch, kinds, text_of_entities(name for name, kind in kinds.items() if kind == "text"))


def _extract_fitted(
    sample: pa.RecordBatch, first: int, features: Sequence[Feature], known: Mapping[str, Known]
) -> Iterator[Numbers | pa.DictionaryArray]:
    """Return the values that each feature is fitted to: of what is held out those of the later rows."""
    later = sample.slice(first)
    whole = extract(sample, [f for f in features if not f.held_out], {}, known)
    held = extract(later, [f for f in features if f.held_out], _documents(later, features), known)
    return (next(held if feature.held_out else whole) for feature in features)


def finite_of(values: Floats) -> Floats:
    """Return the values that are finite, as they are where all of them are."""
    finite = np.isfinite(values)
    return values if finite.all() else values[finite]


def _recognise(
    feature: Feature, values: Numbers | pa.DictionaryArray, far: float, first: int
) -> tuple[Binning, str, str]:
    """Return the cells of one feature, why it is not tested or "", and a note."""
    if isinstance(values, Numbers):
        finite = finite_of(values.values)
        skip, note = number_trait(finite)
        return (
            Axis.fit(finite if len(finite) else np.zeros(1), far if feature.kind == "numeric" else np.inf),
            skip,
            note,
        )
    counts = _counts(values)
    skip, note = category_trait(counts)
    if skip:  # the values of an identifier tell nothing and may be personal: none is kept
        return Values.fit({}), skip, note
    if first < len(values) and Values.chosen(counts):
        return Values.fit(_counts(values.slice(0, first)), told=True), skip, note
    return Values.fit(counts), skip, note


def _counts(values: pa.DictionaryArray) -> dict[str, int]:
    counted = pc.value_counts(values).to_pylist()
    return {each["values"]: each["counts"] for each in counted if each["values"] is not None}
