"""What code, parameters and data say: label columns, per-row results, how test rows are told, and what is fitted."""

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

from driftd.adopt.proposal import Setting
from driftd.adopt.repository_files import Contents
from driftd.adopt.stage_graph import Out, Stage
from driftd.adopt.stage_roles import Rescoring
from driftd.errors import DataError, RepositoryError
from driftd.readers import Kind, Schema, supported
from driftd.retrain.repository.dvc import document

FILES = 200  # of a dataset that are looked at
COUNTED = 64 << 20  # bytes of data up to which rows are counted
CHECKED = 200  # per-row results whose identity is looked for in the data
NAMES = ("label", "labels", "target", "y", "class", "outcome")
TARGET = r"(?:y|targets?|labels?|outcome)(?:_\w+)?"
HASHES = re.compile(
    r"\b(hashlib|sha256|sha1|md5|blake2[bs]|crc32|xxhash|murmur\w*|farmhash|hash_pandas_object|siphash)\b"
)
RUNNERS = frozenset({"uv", "poetry", "pipenv", "pdm", "hatch", "pixi"})
FITS = re.compile(r"\.(?:partial_)?fit(?:_transform)?\(|\.adapt\(")


@dataclass(frozen=True)
class Line:
    """A line of code that says something."""

    path: str
    number: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}, line {self.number}: `{self.text.strip()}`"


@dataclass(frozen=True)
class Data:
    """What is in a dataset, as far as it is there; `rows` is None where there are too many to count."""

    paths: tuple[str, ...]
    schema: Schema
    rows: int | None


def look(contents: Contents, dataset: Out) -> Data | None:
    """Look into a dataset; None where its data are not there."""
    from driftd.readers import infer, inspect

    found = [str(path) for path in islice(contents.files(dataset), FILES + 1) if supported(path.name)]
    if not found:
        return None
    try:
        schema = infer(found)
        whole = len(found) <= FILES and sum(Path(path).stat().st_size for path in found) <= COUNTED
        rows = sum(inspect(path, schema, max_bad_ratio=0.99).rows for path in found) if whole else None
    except DataError as error:
        raise RepositoryError(f"the dataset cannot be read: {error.message}", remedy=error.remedy) from error
    return Data(tuple(found), schema, rows)


def code(contents: Contents, stages: Iterable[Stage]) -> list[Line]:
    """Return the lines of the Python files that stages depend on or run."""
    paths = dict.fromkeys(path for stage in stages for path in _scripts(stage))
    return [
        Line(path, number, text)
        for path in paths
        for number, text in enumerate((contents.text(path) or "").splitlines(), 1)
    ]


def _scripts(stage: Stage) -> Iterator[str]:
    yield from (dep for dep in stage.deps if dep.endswith(".py"))
    for command in stage.commands:
        try:
            words = shlex.split(command)
        except ValueError:
            continue
        yield from (str(PurePosixPath(stage.folder) / word) for word in words if word.endswith(".py"))


def find_labels(schema: Schema, lines: Sequence[Line], params: Mapping[str, Any]) -> Setting | None:
    """Return the columns that are labels, as params.yaml, the code or else their names say; entities are without being told."""
    columns = [name for name, kind in schema.kinds.items() if kind is not Kind.ENTITIES]
    for key, value in _leaves(params):
        named = (
            [value]
            if isinstance(value, str)
            else [v for v in value if isinstance(v, str)]
            if isinstance(value, list)
            else []
        )
        if re.fullmatch(TARGET, key.rpartition(".")[2], re.IGNORECASE) and named and set(named) <= set(columns):
            return Setting("labels", named, f"params.yaml says {key}: {value}")
    for name in columns:
        quoted = rf"[\"']{re.escape(name)}[\"']"
        told = re.compile(rf"\.pop\(\s*{quoted}|^\s*(?:\w+\s*,\s*)*{TARGET}\b[^=]*=[^=].*{quoted}", re.IGNORECASE)
        for line in lines:
            if told.search(line.text):
                return Setting("labels", [name], f"{line}")
    for name in NAMES:
        if found := [column for column in columns if column.lower() == name]:
            return Setting("labels", found, f"assumed: a column called {found[0]} is one")
    return None


def _leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def params(contents: Contents) -> dict[str, Any]:
    return document((contents.text("params.yaml") or "").encode(), "params.yaml")


def find_per_row(contents: Contents, stages: Iterable[Stage]) -> tuple[Setting, Path] | None:
    """Return the output of a scoring stage that holds results for each row."""
    from driftd.retrain.evaluation.scores import read_rows

    for stage in stages:
        for out in stage.outs:
            if not out.path.endswith(".jsonl") or (path := contents.file(out)) is None:
                continue
            try:
                rows = read_rows(path)
            except RepositoryError:
                continue
            if rows:
                return Setting(
                    "promote.per_row", out.path, f"the stage {stage.name} writes it, a line for each test row"
                ), path
    return None


def find_scorer(per_row: Setting | None, split: Setting, rescoring: Rescoring) -> Setting | None:
    """Propose the stages that score a champion for rows as they arrive, where they read these rows and tell test rows by content."""
    if per_row is None or split.value != "content_hash" or not rescoring.fresh:
        return None
    why = "they also score the model in production on the test rows among those that arrive; errors that rise are an incident; a program that scores every row sees it sooner (docs/how-to/score-decay.md)"
    return Setting("drift.scorer", {"stages": list(rescoring.setting.value)}, why)


def find_split(data: Data | None, labels: Sequence[str], per_row: Path | None, lines: Sequence[Line]) -> Setting:
    """Say that test rows are told by content hash only where results and code both say so."""
    hashing = next((line for line in lines if HASHES.search(line.text)), None)
    project = "approval is manual unless `approval: auto` is set, as a model may be tested on rows that another one was trained on"
    if per_row is None:
        return Setting("promote.split", "project", f"no per-row results show how test rows are told; {project}")
    if hashing is None:
        return Setting("promote.split", "project", f"no stage's code hashes rows; {project}")
    if data is None or not _known(per_row, data, labels):
        return Setting("promote.split", "project", f"the per-row results name rows in a way of their own; {project}")
    return Setting(
        "promote.split",
        "content_hash",
        f"results name rows by the hash of their content, and {hashing.path} hashes them",
    )


def _known(per_row: Path, data: Data, labels: Sequence[str]) -> bool:
    """Return whether the results name rows by the identity that driftd gives them."""
    from driftd.readers import read, row_ids
    from driftd.retrain.evaluation.scores import read_rows

    wanted = {result.row for result in read_rows(per_row)[:CHECKED]}
    for path in data.paths if data.rows is not None else ():
        for batch in read(path, data.schema):
            wanted -= set(row_ids(batch.rows, labels))
            if not wanted:
                return True
    return False


def runners(stages: Iterable[Stage]) -> Iterator[str]:
    """Yield what stages start their programs with that would look for an environment beside the code."""
    for stage in stages:
        words = {word for command in stage.commands for word in command.split()[:1]} & RUNNERS
        if words:
            name = words.pop()
            yield (
                f"the stage {stage.name} runs `{name} run`, which would make an environment anew in each worktree that a run works in;"
                f" let it run the program itself: `{name} run dvc repro` finds it too, and driftd by retrain.env.path"
            )


def cautions(rescoring: Rescoring, trained_by: str, before: Sequence[Stage], contents: Contents) -> Iterator[str]:
    """Yield what would make a comparison say less than it seems to."""
    if not rescoring.fresh:
        scoring = ", ".join(stage.name for stage in rescoring.stages)
        yield (
            f"no new rows get to {scoring} but through {trained_by}, which trains: models will be compared on the test rows of old;"
            " let a stage before it make the test rows of the dataset"
        )
    for stage in rescoring.stages:
        if stage in before and (line := next((e for e in code(contents, [stage]) if FITS.search(e.text)), None)):
            yield (
                f"{stage.name} fits something to its rows ({line}), and would fit it anew when it scores the model in production;"
                f" fit in {trained_by}, or in a stage that promote.score_stages leaves out"
            )
