"""JSONL of texts with labelled spans, as Prodigy, doccano and spaCy users write it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from driftd.readers import conversion
from driftd.readers.conform import Block
from driftd.readers.formats import entities, json_columns, json_lines
from driftd.readers.types import Column, Kind, Schema

if TYPE_CHECKING:
    from driftd.readers.source import Chunk

PLAIN = Schema((Column("text", Kind.TEXT), Column("entities", Kind.ENTITIES)))


def recognised(head: list[dict[str, Any]]) -> bool:
    """Say whether these first rows are texts with spans: `text` is a string, and some row has spans or at least an empty list of them."""
    spans = [row[key] for row in head for key in entities.SPELLINGS if isinstance(row.get("text"), str) and key in row]
    lists = [each["entities"] if isinstance(each, dict) and "entities" in each else each for each in spans]
    some = [each for each in lists if isinstance(each, list)]
    return bool(some) and all(isinstance(span, list | dict) for each in some for span in each)


class Reader:
    """Reads chunks of lines; columns of the schema beside text and entities are read as in a table."""

    def __init__(self, schema: Schema | None) -> None:
        wanted = schema or PLAIN
        self._spans = wanted.of_kind(Kind.ENTITIES)[0]
        self._text = wanted.text_of_entities or "text"
        self._others = [column for column in wanted.columns if column.name not in (self._spans, self._text)]
        fields: list[Any] = [(f"c{i}", Any, None) for i in range(len(self._others))]
        keys = {f"c{i}": column.name for i, column in enumerate(self._others)}
        row: type[entities.Row] = msgspec.defstruct("Row", fields, bases=(entities.Row,), rename=keys, gc=False)  # type: ignore[assignment]  # it says less than it does
        self._decoder = msgspec.json.Decoder(row)

    def __call__(self, chunk: Chunk) -> Block:
        found = json_lines.decode(chunk, self._decoder)
        textless = any(row.text is None for row in found.rows)
        if textless:
            found = found.only(lambda row: row.text is not None, "the row has no text")
        texts, spans = entities.arrays([(row.text or "", entities.spans_of(row)) for row in found.rows])
        columns = {self._text: texts, self._spans: spans}
        if not found.rows:
            del columns[self._text]  # it may be missing in the whole file
        bad_cells: dict[str, conversion.Bad] = {}
        for i, column in enumerate(self._others):
            values = [self._cell(getattr(row, f"c{i}"), column, n, bad_cells) for n, row in enumerate(found.rows)]
            if any(value is not None for value in values) or bad_cells.get(column.name):
                columns[column.name] = json_columns.column(values, column.kind)
        lacking = frozenset({self._text} if textless else ())
        return Block(columns, len(found.rows), found.line, chunk.start, tuple(found.bad), bad_cells, lacking=lacking)

    @staticmethod
    def _cell(value: object, column: Column, row: int, bad_cells: dict[str, conversion.Bad]) -> Any:
        try:
            return json_columns.cell(value, column.kind)
        except ValueError:
            bad_cells.setdefault(column.name, {})[row] = conversion.shown(value)
            return None
