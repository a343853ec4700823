"""Which rows of a dataset a candidate is made of: the last ones, or those of the new regime with a sample of the older. Runs in a worker.

A row is sampled by a key, SHA-256 over its identity and a word: the same rows come out every time, in whatever file they stand, and the
sample has its share of test rows, which are told by the identity itself.
"""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from hashlib import sha256
from heapq import nsmallest
from pathlib import Path
from typing import TYPE_CHECKING

from driftd.errors import DataError
from driftd.retrain.dataset.batches import HASH, store, suffixes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import pyarrow as pa

    from driftd.config.units import Choice
    from driftd.readers import Schema

KEYS = 2**64
_MADE = re.compile(rf"(driftd-\d+-\d+|.*-driftd)-[0-9a-f]{{{HASH}}}")


@dataclass(frozen=True)
class Part:
    """A file of rows that came together, in the order in which they came; `name` is the dataset's, where `path` may lie elsewhere."""

    name: str
    path: str
    new: bool  # of the regime that the run is for


@dataclass(frozen=True)
class Chosen:
    """A file of the dataset to be: a whole part, or some rows of one."""

    name: str
    path: str
    part: str  # the part's name
    rows: int
    new: bool


@dataclass(frozen=True)
class _Take:
    """Rows of a part: from the row `first` on, those whose key is below `limit`."""

    part: Part
    first: int = 0
    limit: int = KEYS

    @property
    def whole(self) -> bool:
        return self.first == 0 and self.limit >= KEYS


def select(parts: Sequence[Part], choice: Choice, schema: Schema, labels: Sequence[str], folder: Path) -> list[Chosen]:
    """Return the files of a dataset folder to be; what is left of a part is written into `folder`, named by its content."""
    chosen = []
    for take in _takes(parts, choice, schema, labels):
        if take.whole:
            rows, path, name = _count(take.part, schema), take.part.path, take.part.name
        else:
            rows, path, name = _write(take, schema, labels, folder)
        if rows:
            chosen.append(Chosen(name, path, take.part.name, rows, take.part.new))
    return _some(chosen)


def rewrite(dataset: str, parts: Sequence[Part], choice: Choice, schema: Schema, labels: Sequence[str]) -> list[Chosen]:
    """Replace a dataset that is a single file, which may be one of the parts, by the chosen rows in its own form."""
    from driftd.readers import write

    takes = _takes(parts, choice, schema, labels)
    counts = dict.fromkeys((take.part.name for take in takes), 0)

    def rows() -> Iterator[pa.RecordBatch]:
        for take in takes:
            for batch in _rows(take, schema, labels):
                counts[take.part.name] += batch.num_rows
                yield batch

    with tempfile.TemporaryDirectory(prefix=".", dir=Path(dataset).parent) as temporary:
        new = Path(temporary, Path(dataset).name)
        write(str(new), schema, rows(), like=dataset)
        new.chmod(Path(dataset).stat().st_mode)
        new.replace(dataset)
    name = Path(dataset).name
    return _some(
        [
            Chosen(name, dataset, take.part.name, counts[take.part.name], take.part.new)
            for take in takes
            if counts[take.part.name]
        ]
    )


def key(identity: str) -> int:
    """Return where a row stands in the order of sampling, below KEYS."""
    return int.from_bytes(sha256(f"replay {identity}".encode()).digest()[:8], "big")


def _some(chosen: list[Chosen]) -> list[Chosen]:
    if not chosen:
        raise DataError("retrain.rows leaves no row to train on", remedy="let it choose more of them")
    return chosen


def _takes(parts: Sequence[Part], choice: Choice, schema: Schema, labels: Sequence[str]) -> list[_Take]:
    if choice.kind == "last":
        return _last(parts, choice.rows, schema)
    if choice.kind == "regime":
        return _regime(parts, choice, schema, labels)
    return [_Take(part) for part in parts]


def _last(parts: Sequence[Part], wanted: int, schema: Schema) -> list[_Take]:
    takes: list[_Take] = []
    for part in reversed(parts):
        there = _count(part, schema)
        takes.insert(0, _Take(part, max(0, there - wanted)))
        wanted -= there
        if wanted <= 0:
            break
    return takes


def _regime(parts: Sequence[Part], choice: Choice, schema: Schema, labels: Sequence[str]) -> list[_Take]:
    limit = int(choice.share * KEYS)
    if choice.rows:
        old = (
            identity
            for part in parts
            if not part.new
            for batch in _rows(_Take(part), schema, labels)
            for identity in _keys(batch, labels)
        )
        smallest = nsmallest(choice.rows, old)
        limit = smallest[-1] + 1 if len(smallest) == choice.rows else KEYS
    return [_Take(part) if part.new else _Take(part, limit=limit) for part in parts if part.new or limit]


def _rows(take: _Take, schema: Schema, labels: Sequence[str]) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    from driftd.readers import read

    skip = take.first
    for each in read(take.part.path, schema):
        batch = each.rows.slice(min(skip, each.rows.num_rows))
        skip -= each.rows.num_rows - batch.num_rows
        if take.limit < KEYS:
            batch = batch.filter(pa.array([found < take.limit for found in _keys(batch, labels)], pa.bool_()))
        if batch.num_rows:
            yield batch


def _keys(batch: pa.RecordBatch, labels: Sequence[str]) -> Iterable[int]:
    from driftd.readers import row_ids

    return map(key, row_ids(batch, labels))


def _count(part: Part, schema: Schema) -> int:
    from driftd.readers import inspect

    return inspect(part.path, schema, max_bad_ratio=1.0).rows


def _write(take: _Take, schema: Schema, labels: Sequence[str], folder: Path) -> tuple[int, str, str]:
    """Write rows in the form of the part that they are from; return how many, the path, and the name in the dataset."""
    name = Path(take.part.name)
    stem = name.name.removesuffix(suffixes(name.name))
    made = _MADE.fullmatch(stem)
    stored = store(_rows(take, schema, labels), schema, folder, made[1] if made else f"{stem}-driftd", take.part.path)
    new, rows = stored or ("", 0)
    return rows, str(folder / new), str(name.with_name(new)) if new else ""
