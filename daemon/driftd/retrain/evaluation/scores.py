"""What an evaluate stage wrote: metric files, flattened to numbers by name, and per-row results."""

import json
import math
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import msgspec
import yaml

from driftd.errors import RepositoryError

LEAST = 30  # test rows of the newest regime that say alone what a model was accepted with

Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]  # sums of them are exact as floats


class RowResult(msgspec.Struct, frozen=True):
    """One line of per-row results: counts [tp, fp, fn] of each label, or the value whose mean is the metric."""

    row: str
    file: str = ""
    counts: dict[str, tuple[Count, Count, Count]] | None = None
    value: float | None = None


@dataclass(frozen=True)
class Metric:
    """`scores.json:ents_f`: a file of the DVC project and a name in it, both with wildcards where a guard uses them."""

    file: str
    name: str

    @classmethod
    def parse(cls, text: str) -> "Metric":
        file, _, name = text.partition(":")
        return cls(file, name)

    @property
    def text(self) -> str:
        return f"{self.file}:{self.name}"

    def matching(self, scores: Mapping[str, float]) -> list[str]:
        return sorted(name for name in scores if fnmatchcase(name, self.text))


def read_scores(root: Path, files: Iterable[str]) -> dict[str, float]:
    """Return every number in metric files as `file:dotted.name`."""
    found: dict[str, float] = {}
    for file in dict.fromkeys(files):
        path = root / file
        found |= {f"{file}:{name}": _finite(path, name, value) for name, value in _numbers(_document(path))}
    return found


def _document(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".toml":
            return tomllib.loads(text)
        return json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except OSError as error:
        raise RepositoryError(
            f"{path}: {error.strerror}: the stages did not write this metric file",
            remedy="correct promote.metric, or let the evaluate stage write it",
        ) from error
    except (ValueError, yaml.YAMLError) as error:
        raise RepositoryError(f"{path}: is no metric file: {error}", remedy="write JSON, YAML or TOML") from error


def _numbers(document: Any, prefix: str = "") -> Iterator[tuple[str, int | float]]:
    if isinstance(document, dict):
        for key, value in document.items():
            yield from _numbers(value, f"{prefix}.{key}" if prefix else str(key))
    elif isinstance(document, int | float) and not isinstance(document, bool):
        yield prefix, document


def _finite(path: Path, name: str, value: float) -> float:
    """Refuse what no comparison holds for: a model whose metric is not a number would be neither better nor worse."""
    try:
        if math.isfinite(found := float(value)):
            return found
    except OverflowError:
        found = math.inf if value > 0 else -math.inf
    raise RepositoryError(
        f"{path}: {name} is {found}, which cannot be compared",
        remedy="let the evaluate stage write a finite number, or leave the metric out where there is nothing to count",
    )


def read_rows(path: Path) -> list[RowResult]:
    """Return the per-row results of a file, one JSON object a line."""
    decoder = msgspec.json.Decoder(RowResult)
    found = []
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    found.append(_checked(decoder.decode(line), path, number))
    except OSError as error:
        raise RepositoryError(
            f"{path}: {error.strerror}: the stages did not write these per-row results",
            remedy="correct promote.per_row, or leave it out",
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RepositoryError(
            f"{path}, line {number}: {error}",
            remedy='write {"row": ROW ID, "file": FILE, "counts": {LABEL: [tp, fp, fn]}} or {"row", "file", "value"}',
        ) from error
    return found


def newest(results: list[RowResult], files: Collection[str]) -> list[RowResult]:
    """Return the results that say what a model was accepted with: those on rows of the newest regime, or all where they are few."""
    found = [result for result in results if result.file in files]
    return found if len(found) >= LEAST else results


def loss(result: RowResult, better: str = "higher") -> float:
    """Return what a row says against a model: 1 - its F1 over all labels, 0 where there are none; or the value, turned so that less is better."""
    if result.counts is None:
        value = result.value or 0.0
        return value if better == "lower" else 1.0 - value
    tp, fp, fn = (sum(count[term] for count in result.counts.values()) for term in range(3))
    return (fp + fn) / (2 * tp + fp + fn) if tp + fp + fn else 0.0


def _checked(result: RowResult, path: Path, number: int) -> RowResult:
    if (result.counts is None) == (result.value is None):
        raise RepositoryError(f"{path}, line {number}: a row has either counts or a value", remedy="write one of them")
    return result
