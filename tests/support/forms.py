"""Files in every form that driftd reads, made without its own writers."""

import csv
import gzip
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from driftd.readers import Column, Kind, Schema, read, write

TABLE = Schema(
    (
        Column("n", Kind.NUMERIC),
        Column("color", Kind.CATEGORICAL),
        Column("ok", Kind.BOOLEAN),
        Column("when", Kind.DATETIME),
        Column("note", Kind.TEXT),
        Column("place", Kind.VECTOR),
    )
)
LABELLED = Schema((Column("text", Kind.TEXT), Column("entities", Kind.ENTITIES)))


@dataclass(frozen=True)
class Form:
    """A form of file: its suffixes, how its bytes are made, and what it can say."""

    suffix: str
    encode: Callable[[list[dict]], bytes]
    schema: Schema = TABLE
    lines: bool = True  # a row has a line
    header: int = 0
    typed: bool = True  # the file knows the types of its columns

    def __str__(self):
        return self.suffix + (" of entities" if self.entities else "")

    @property
    def entities(self):
        return self.schema is LABELLED

    @property
    def columnar(self):
        return not self.lines

    def rows(self, count):
        return [labelled(i) if self.entities else row(i) for i in range(count)]

    def make(self, folder, rows, name="data"):
        path = folder / f"{name}{self.suffix}"
        path.write_bytes(self.encode(rows))
        return str(path)

    def multiply(self, small, times):
        """Write a file with the rows of another so many times."""
        large = small.replace("small", "large")
        if self.columnar:
            write(large, self.schema, [batch.rows for batch in read(small, self.schema)] * times)
            return large
        with pa.input_stream(small) as file:
            content = file.read()
        start = content.index(b"\n") + 1 if self.header else 0
        end, between = (
            (content.rindex(b"\n]}"), b",\n")
            if self.suffix.startswith(".json") and self.header
            else (len(content), b"")
        )
        content = content[:start] + between.join([content[start:end]] * times) + content[end:]
        if small.endswith(".gz"):
            Path(large).write_bytes(gzip.compress(content, 1))
        else:
            with pa.output_stream(large) as file:
                file.write(content)
        return large

    def spoil(self, row):
        """Make one bad row of a good one, and tell what its reason has to say."""
        if self.entities:
            return row | {"entities": [[0, len(row["text"]) + 2, "X"]]}, "does not lie in its text"
        return row | {"when": "yesterday"}, "column when: 'yesterday' is not a date or time"

    def line(self, index):
        """Where the row of this index is."""
        return index + 1 + self.header


def row(i):
    return {
        "n": i / 4,
        "color": ["red", "green", "dark, blue"][i % 3],
        "ok": i % 2 == 0,
        "when": (datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=i)).isoformat(),
        "note": f'Row "{i}", of wörds, 東京\nand two lines' if i % 5 == 0 else f"row {i} of rather many words",
        "place": [i / 4, -1.0, 1e-9 * i],
    }


def labelled(i):
    text = f"Zoë {i} lives in Des Moines 🙂"
    return {"text": text, "entities": [[0, 3, "PERSON"], [text.index("Des"), text.index("Des") + 10, "CITY"]]}


def read_back(value, kind):
    """What a reader has to return for a value of these rows."""
    if kind is Kind.DATETIME:
        return datetime.fromisoformat(value)
    if kind is Kind.ENTITIES and value is not None:
        return [{"start": start, "end": end, "label": label} for start, end, label in value]
    return value


def expected(rows, schema):
    return [{name: read_back(row[name], kind) for name, kind in schema.kinds.items()} for row in rows]


def delimited(delimiter):
    def encode(rows):
        out = io.StringIO()
        writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
        writer.writerow(rows[0] if rows else TABLE.names)
        for each in rows:
            writer.writerow(json.dumps(value) if isinstance(value, bool | list) else value for value in each.values())
        return out.getvalue().encode()

    return encode


def jsonl(rows):
    return "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in rows).encode()


def document(rows):
    body = ",\n".join(json.dumps([each.get("text"), each.get("entities")], ensure_ascii=False) for each in rows)
    return f'{{"spacy_data": [\n{body}\n]}}\n'.encode()


def table(rows):
    if not rows:
        types = {Kind.NUMERIC: pa.float64(), Kind.BOOLEAN: pa.bool_(), Kind.VECTOR: pa.list_(pa.float64())}
        return pa.schema([(c.name, types.get(c.kind, pa.string())) for c in TABLE.columns]).empty_table()
    return pa.Table.from_pylist(rows)


def parquet(rows):
    out = io.BytesIO()
    pq.write_table(table(rows), out, row_group_size=1000)
    return out.getvalue()


def arrow(rows, make=pa.ipc.new_file):
    out = io.BytesIO()
    content = table(rows)
    with make(out, content.schema) as writer:
        writer.write_table(content, max_chunksize=1000)
    return out.getvalue()


def arrow_stream(rows):
    return arrow(rows, pa.ipc.new_stream)


def packed(encode, codec):
    def encoded(rows):
        if codec == "gzip":
            return gzip.compress(encode(rows))
        return pa.Codec(codec).compress(encode(rows), asbytes=True)

    return encoded


def csv_form(suffix, encode):
    return Form(suffix, encode, header=1, typed=False)


FORMS = [
    csv_form(".csv", delimited(",")),
    csv_form(".csv.gz", packed(delimited(","), "gzip")),
    csv_form(".csv.zst", packed(delimited(","), "zstd")),
    csv_form(".tsv", delimited("\t")),
    Form(".parquet", parquet, lines=False),
    Form(".arrow", arrow, lines=False),
    Form(".feather", arrow, lines=False),
    Form(".ipc", arrow_stream, lines=False),
    Form(".jsonl", jsonl),
    Form(".ndjson", jsonl),
    Form(".jsonl.gz", packed(jsonl, "gzip")),
    Form(".jsonl.zst", packed(jsonl, "zstd")),
    Form(".jsonl", jsonl, LABELLED),
    Form(".jsonl.gz", packed(jsonl, "gzip"), LABELLED),
    Form(".json", document, LABELLED, header=1),
    Form(".json.zst", packed(document, "zstd"), LABELLED, header=1),
]
