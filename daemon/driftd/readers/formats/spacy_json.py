"""JSON of the form {"spacy_data": [[text, [[start, end, label], ...]], ...]}."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from driftd.readers import source
from driftd.readers.conform import Block
from driftd.readers.formats import entities, entity_jsonl, json_columns, json_lines
from driftd.readers.formats.json_list import Elements
from driftd.readers.types import BadRow, Kind, Schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import pyarrow as pa

    from driftd.readers.formats.json_list import Piece
    from driftd.readers.registry import Name
    from driftd.readers.source import Mark

SPARSE = False
_ELEMENT = entities.Row | entities.Pair
_LIST = msgspec.json.Decoder(list[_ELEMENT])
_ONE = msgspec.json.Decoder(_ELEMENT)


def blocks(path: str, name: Name, schema: Schema | None, start: Mark | None = None) -> Iterator[Block]:
    """Read the elements of the list, many at a time."""
    wanted = schema or entity_jsonl.PLAIN
    with source.opened(path, name) as stream:
        if start is not None:
            source.forward(stream, start.at)
        for piece in Elements(path, stream, _LIST, start).pieces():
            yield _block(piece, wanted)


def _block(piece: Piece, schema: Schema) -> Block:
    numbers: Sequence[int] = range(len(piece.rows or ()))
    bad: list[BadRow] = []
    try:
        pairs = [_pair(row) for row in piece.rows or ()]
    except json_lines.WrongRowError:
        piece.rows = None
    if piece.rows is None:
        numbers, pairs, bad = _one_by_one(piece)
    text, spans = entities.arrays(pairs)
    columns = {schema.text_of_entities or "text": text, next(iter(schema.of_kind(Kind.ENTITIES)), "entities"): spans}
    return Block(
        columns,
        len(pairs),
        lambda row: piece.line(numbers[row]),
        piece.start,
        tuple(bad),
        place=lambda row: _place(piece, numbers[row]),
    )


def _one_by_one(piece: Piece) -> tuple[list[int], list[tuple[str, Any]], list[BadRow]]:
    numbers: list[int] = []
    pairs: list[tuple[str, Any]] = []
    bad: list[BadRow] = []
    for number, element in enumerate(piece.elements()):
        try:
            pairs.append(_pair(_ONE.decode(element)))
            numbers.append(number)
        except json_lines.FAULTS as fault:
            reason = str(fault) if isinstance(fault, json_lines.WrongRowError) else json_lines.reason(fault)
            bad.append(BadRow(piece.line(number), _place(piece, number) + reason))
    return numbers, pairs, bad


def _place(piece: Piece, number: int) -> str:
    return f"element {piece.start.row + number + 1}: "


def _pair(element: entities.Row | entities.Pair) -> tuple[str, Any]:
    if isinstance(element, tuple):
        return element
    if element.text is None:
        raise json_lines.WrongRowError("the element has no text")
    return element.text, entities.spans_of(element)


def write(path: str, name: Name, schema: Schema, batches: Iterable[pa.RecordBatch], like: str | None) -> int:  # noqa: ARG001  # JSON has one spelling
    """Write a document with an element a line."""
    with source.created(path, name) as sink:
        sink.write(b'{"spacy_data": [')
        rows = _written(sink, schema, batches, b"\n")
        sink.write(b"\n]}\n")
    return rows


def extend(path: str, name: Name, schema: Schema, batches: Iterable[pa.RecordBatch], old: str) -> int:
    """Copy a document with more elements at its list's end."""
    with source.opened(old, name) as stream:
        walked = Elements(old, stream, _LIST)
        some = sum(1 for _ in walked.pieces())
    with source.created(path, name) as sink, source.opened(old, name) as stream:
        source.copied(stream, sink, walked.end)
        rows = _written(sink, schema, batches, b",\n" if some else b"\n")
        source.copied(stream, sink)
    return rows


def _written(sink: pa.NativeFile, schema: Schema, batches: Iterable[pa.RecordBatch], separator: bytes) -> int:
    text, spans = schema.text_of_entities or "text", next(iter(schema.of_kind(Kind.ENTITIES)), "entities")
    encoder = msgspec.json.Encoder()
    rows = 0
    for batch in batches:
        pairs = zip(json_columns.values(batch.column(text)), json_columns.values(batch.column(spans)), strict=True)
        for pair in pairs:
            sink.write(separator + encoder.encode(pair))
            separator = b",\n"
        rows += batch.num_rows
    return rows
