"""Texts with labelled spans, in the spellings of spaCy, Prodigy and doccano: what JSONL and JSON share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, cast

import msgspec
import pyarrow as pa

from driftd.readers.cells import ENTITY

if TYPE_CHECKING:
    from collections.abc import Iterable

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
    for spans in (row.entities, row.spans, row.label, row.labels):
        if isinstance(spans, Wrapped):
            return spans.entities
        if isinstance(spans, list) and not any(isinstance(each, str) for each in spans):
            return cast("Spans", spans)
    return None


def _parts(span: Labelled) -> tuple[int | None, int | None, str]:
    start = span.start_offset if span.start is None else span.start
    end = span.end_offset if span.end is None else span.end
    return start, end, span.label


def arrays(pairs: Iterable[tuple[str | None, Spans | Wrapped | None]]) -> tuple[pa.Array, pa.Array]:
    """Return texts and entities as columns; whether spans lie in their text is not judged here."""
    texts: list[str | None] = []
    places: list[int | None] = []
    starts: list[int | None] = []
    ends: list[int | None] = []
    labels: list[str] = []
    for text, found in pairs:
        spans = found.entities if isinstance(found, Wrapped) else found
        texts.append(text)
        places.append(None if spans is None else len(labels))
        for span in spans or ():
            start, end, label = _parts(span) if isinstance(span, Labelled) else span
            starts.append(start)
            ends.append(end)
            labels.append(label)
    flat = pa.StructArray.from_arrays(
        [pa.array(values, part.type) for values, part in zip((starts, ends, labels), ENTITY, strict=True)],
        fields=list(ENTITY),
    )
    return pa.array(texts, pa.string()), pa.ListArray.from_arrays(pa.array([*places, len(labels)], pa.int32()), flat)
