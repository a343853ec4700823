"""Texts with labelled spans, in the spellings of spaCy, Prodigy and doccano: what JSONL and JSON share."""

from __future__ import annotations

from itertools import accumulate, chain
from typing import TYPE_CHECKING, Annotated, Any, cast

import msgspec
import numpy as np
import pyarrow as pa

from driftd.readers.conversion import ENTITY

if TYPE_CHECKING:
    from collections.abc import Sequence

Offset = Annotated[int, msgspec.Meta(ge=-(2**31), lt=2**31)]
SPELLINGS = ("entities", "spans", "label", "labels")
DISMISSED = ("reject", "ignore")  # answers in Prodigy: the spans of such a row are no labels


class Labelled(msgspec.Struct, gc=False):
    """One labelled span as an object; doccano says start_offset and end_offset."""

    label: str
    start: Offset | None = None
    end: Offset | None = None
    start_offset: Offset | None = None
    end_offset: Offset | None = None


Spans = list[tuple[Offset, Offset, str] | Labelled]


class Wrapped(msgspec.Struct, gc=False):
    """What spaCy's training examples have beside the text."""

    entities: Spans | None = None


# `label` may also be the category of a whole text, which says nothing of spans
Category = str | list[tuple[Offset, Offset, str] | Labelled | str]


class Row(msgspec.Struct, gc=False):
    """A text as a line of JSONL."""

    text: str | None = None
    entities: Spans | Wrapped | None = None
    spans: Spans | Wrapped | None = None
    label: Category | None = None
    labels: Category | None = None
    answer: Any = None


Pair = tuple[str, Spans | Wrapped | None]


def spans_of(row: Row) -> Spans | None:
    """Return the spans of a row, in whichever key they are; None if nobody has labelled it."""
    if row.answer in DISMISSED:
        return None
    for spans in (row.entities, row.spans):
        if spans is not None:
            return spans.entities if isinstance(spans, Wrapped) else spans
    for either in (row.label, row.labels):
        if isinstance(either, list) and not any(isinstance(each, str) for each in either):
            return cast("Spans", either)
    return None


def _parts(span: tuple[int, int, str] | Labelled) -> tuple[int | None, int | None, str]:
    if not isinstance(span, Labelled):
        return span
    start = span.start_offset if span.start is None else span.start
    end = span.end_offset if span.end is None else span.end
    return start, end, span.label


def arrays(pairs: Sequence[tuple[str, Spans | Wrapped | None]]) -> tuple[pa.Array, pa.Array]:
    """Return texts and entities as columns; whether spans lie in their text is not judged here."""
    found = [spans.entities if isinstance(spans, Wrapped) else spans for _, spans in pairs]
    flat = list(chain.from_iterable(spans for spans in found if spans))
    triples: list[Any] = list(map(_parts, flat)) if Labelled in set(map(type, flat)) else flat
    parts = [pa.array([triple[i] for triple in triples], part.type) for i, part in enumerate(ENTITY)]
    places = [0, *accumulate(0 if spans is None else len(spans) for spans in found)]
    offsets = pa.array(places, pa.int32(), mask=np.array([spans is None for spans in found] + [False]))
    entities = pa.ListArray.from_arrays(offsets, pa.StructArray.from_arrays(parts, fields=list(ENTITY)))
    return pa.array([text for text, _ in pairs], pa.string()), entities
