"""Rows of `data/`: the forms that labelled text comes in, and what makes a row the same row in every version of the data.

A file is JSON lines (`.jsonl`, `.ndjson`) or one JSON document (`.json`), packed with gzip (`.gz`) or zstandard (`.zst`) or not:

    {"text": "Uber blew through $1 million", "entities": [[0, 4, "ORG"], {"start": 18, "end": 28, "label": "MONEY"}]}
    {"spacy_data": [["Uber blew through $1 million", [[0, 4, "ORG"]]], ...]}

`spans` (Prodigy), `label` and `labels` (doccano) are read as `entities` are; offsets count characters. A row that has none of them
is not labelled yet.
"""

import gzip
import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

LINES = {".jsonl", ".ndjson"}
DOCUMENTS = {".json"}
PACKED = {".gz", ".zst"}
LABEL_KEYS = ("entities", "spans", "label", "labels")
UNFINISHED = {".tmp", ".part"}

Entity = tuple[int, int, str]


class RowError(Exception):
    """A file in `data/` cannot be read; the message names the file, the line and what is wrong there."""


@dataclass(frozen=True)
class Row:
    """One text, its entities (None: not labelled yet), the file it came in and the place there."""

    text: str
    entities: tuple[Entity, ...] | None
    file: str
    where: str

    @property
    def id(self) -> str:
        """What the row is known by, whatever its labels are."""
        return row_id(self.text)


def row_id(text: str) -> str:
    """SHA-256 over the canonical JSON of a row without its labels; driftd computes the same."""
    canonical = json.dumps({"text": text}, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def place(identity: str) -> float:
    """Where a row stands between 0 and 1 when data are split: the same in every version of the data."""
    return int(identity[:8], 16) / 2**32


def data_files(folder: Path) -> tuple[list[Path], list[Path]]:
    """The files of a folder that hold rows, and those whose names say that they do not."""
    readable: list[Path] = []
    other: list[Path] = []
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if hidden or not path.is_file() or path.suffix in UNFINISHED:
            continue
        (readable if _form(path) in LINES | DOCUMENTS else other).append(path)
    return readable, other


def _form(path: Path) -> str:
    name = path.with_suffix("") if path.suffix in PACKED else path
    return name.suffix


def read(path: Path, folder: Path) -> Iterator[Row]:
    """The rows of one file of a folder in their order.

    Raises:
        RowError: at the first thing that is wrong.
    """
    name = path.relative_to(folder).as_posix()
    with _opened(path) as stream:
        items = _document(stream.read(), path) if _form(path) in DOCUMENTS else _lines(stream, path)
        for where, item in items:
            try:
                yield _row(item, name, where)
            except ValueError as error:
                raise RowError(f"{path}, {where}: {error}") from None


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    try:
        if path.suffix == ".zst":
            import pyarrow as pa  # only who has such files needs it

            with pa.input_stream(str(path), compression="zstd") as packed:
                yield io.BufferedReader(cast("io.RawIOBase", packed))
        else:
            with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
                yield cast("IO[bytes]", stream)
    except ImportError:
        raise RowError(f"{path}: reading .zst files takes pyarrow; add it to the project's environment") from None
    except (OSError, EOFError) as error:
        raise RowError(f"{path}: {error}") from None


def _lines(stream: IO[bytes], path: Path) -> Iterator[tuple[str, object]]:
    for number, line in enumerate(stream, start=1):
        if not line.strip():
            continue
        where = f"line {number}"
        try:
            yield where, json.loads(line.decode("utf-8-sig"))
        except json.JSONDecodeError as error:
            raise RowError(f"{path}, {where}: not valid JSON ({error.msg}, column {error.colno})") from None
        except UnicodeDecodeError as error:
            raise RowError(f"{path}, {where}: not UTF-8 (byte {error.start + 1})") from None


def _document(content: bytes, path: Path) -> Iterator[tuple[str, object]]:
    try:
        document = json.loads(content.decode("utf-8-sig"))
    except json.JSONDecodeError as error:
        raise RowError(f"{path}, line {error.lineno}: not valid JSON ({error.msg}, column {error.colno})") from None
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise RowError(f"{path}, line {line}: not UTF-8") from None
    items = document.get("spacy_data") if isinstance(document, dict) else document
    if not isinstance(items, list):
        raise RowError(f'{path}: neither {{"spacy_data": [...]}} nor a list of rows')
    for number, item in enumerate(items, start=1):
        yield f"row {number}", item


def _row(item: Any, file: str, where: str) -> Row:
    match item:
        case [str(text), list() | dict() | None as labels]:
            entities = _labels({"entities": labels})
        case {"text": str(text)}:
            entities = _labels(item)
        case dict():
            raise ValueError("a row takes a `text`, a string")
        case _:
            raise ValueError("a row is an object with `text`, or a pair of text and entities")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("the text has half a surrogate pair, which is no character") from None
    return Row(text, None if entities is None else tuple(_entity(entity) for entity in entities), file, where)


def _labels(item: Mapping[str, object]) -> list[object] | None:
    """What stands under the first key that has entities; a category of the whole text (`label: "spam"`) is none."""
    if item.get("answer") in ("reject", "ignore"):  # a row that Prodigy's user did not stand for
        return None
    for key in LABEL_KEYS:
        value = item.get(key)
        if isinstance(value, dict):
            value = value.get("entities")
        if isinstance(value, list) and not any(isinstance(each, str) for each in value):
            return value
        if value is not None and key in ("entities", "spans"):
            raise ValueError(f"`{key}` is no list of entities")
    return None


def _entity(value: object) -> Entity:
    match value:
        case [int(start), int(end), str(label)]:
            return start, end, label
        case {"start": int(start), "end": int(end), "label": str(label)}:
            return start, end, label
        case {"start_offset": int(start), "end_offset": int(end), "label": str(label)}:
            return start, end, label
    raise ValueError(f"an entity is [start, end, label], not {json.dumps(value, ensure_ascii=False)}")
