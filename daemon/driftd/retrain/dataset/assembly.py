"""The dataset of a candidate: what the base has, what earlier champions were made of, and the new rows; or those that `retrain.rows` chooses."""

import os
import shutil
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from driftd.config import Choice, choice
from driftd.journal import Journal, season_references, tables
from driftd.journal.records import Window
from driftd.journal.window_spans import spans_of, still_there
from driftd.readers import Schema, label_columns
from driftd.retrain.context import Context
from driftd.retrain.dataset import batches, dvc_dataset, row_selection
from driftd.retrain.dataset.dvc_dataset import Dataset
from driftd.retrain.dataset.row_selection import Part
from driftd.retrain.repository.worktree import Worktree

IN_BATCHES = (
    "SELECT number, batch, closed_at FROM windows WHERE project = ? AND state NOT IN ('closed', 'held') ORDER BY number"
)
CUTS = """
    SELECT DISTINCT value ->> 'name' AS name FROM steps JOIN runs ON runs.id = run_id, json_each(result, '$.selection.files')
    WHERE project = ? AND name = 'snapshot' AND value ->> 'cut'
"""


def fill(ctx: Context, tree: Worktree, data: Dataset, new: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Put the rows of a candidate into the worktree's dataset; return what was added, and what was chosen."""
    chosen, border = choice(ctx.settings.retrain.rows), ctx.results["prepare"]["regime_from"]
    if chosen.kind == "regime" and border is None:  # the only regime so far
        chosen = Choice("all")
    listed = _listed(ctx, data, new)
    own = _own(ctx, tree, data, {each.batch for each in listed})
    if chosen.kind == "all" and not own.cuts:
        return {"added": _add(ctx, tree.root, data, list(dict.fromkeys(each.batch for each in listed)))}
    since = max((each.closed_at for each in listed), default=0.0) - chosen.seconds if chosen.seconds else 0.0
    parts = [*(own.parts if own.at >= since else ()), *_parts(ctx, listed, border, since)]
    files = _select(ctx, tree.root, data, parts, chosen)
    rows = {side: sum(file.rows for file in files if file.new is side) for side in (True, False)}
    said = _said(ctx.settings.retrain.rows, rows[True], rows[False])
    ctx.log.line(f"  {said['sentence']}")
    known = {each.batch for each in listed} | {part.name for part in own.parts}
    mine = {part.name for part in parts} - {part.name for part in own.parts}
    details = [
        {"name": each.name, "rows": each.rows, "new": each.new, "cut": each.part in mine and each.name not in known}
        for each in files
    ]
    return {"added": [each["name"] for each in details], "selection": said | {"files": details}}


def regime_from(journal: Journal, project: str, plan: Mapping[str, Any]) -> int | None:
    """Return the window that the regime of a run began with; None while there has been no other."""
    if plan.get("regime_from"):
        return int(plan["regime_from"])
    row = tables.projects.get(journal, project)
    season = season_references.on(journal, project)
    if season is not None and row.reference_id is not None and row.reference_id == season.reference_id:
        return season.first_window
    if row.reference_id is not None:
        return tables.references.get(journal, row.reference_id).first_window
    found: int | None = row.detail.get("collecting", {}).get("from")
    return found


def write_windows(ctx: Context, windows: Sequence[Window], like: str) -> batches.Written | None:
    """Write the labelled rows of windows as a batch, in the form of the file `like`."""
    schema, labels = columns(ctx)
    spans = spans_of(ctx.journal, windows, ctx.layout.labels)
    written: batches.Written | None = ctx.submit(
        batches.write, spans, schema, labels, ctx.layout.batches, batches.stem(windows), like
    )
    return written


def _said(rule: str, new: int, older: int) -> dict[str, Any]:
    split = f", {new} of the new regime and {older} older ones" if new else ""
    told = f"Made of {new + older} rows, as `rows: {rule}` has it{split}."
    return {"rule": rule, "new": new, "older": older, "sentence": told}


def columns(ctx: Context) -> tuple[Schema, tuple[str, ...]]:
    """Return the project's columns, and which of them are labels."""
    schema = Schema.from_json(tables.projects.get(ctx.journal, ctx.project).columns or [])
    return schema, label_columns(schema, ctx.settings.labels)


@dataclass(frozen=True)
class _Listed:
    """A window whose rows are in a batch."""

    number: int
    batch: str
    closed_at: float


def _listed(ctx: Context, data: Dataset, new: Sequence[dict[str, Any]]) -> list[_Listed]:
    """Return the windows of earlier promotions and of the run; for a single file not those that the base descends from."""
    inside = set() if data.folder else _inside(ctx)
    made = {
        number: each["name"]
        for each in new
        for number in range(each["windows"][0], each["windows"][1] + 1)
        if number not in each["gone"]
    }
    found = []
    for row in ctx.journal.rows(IN_BATCHES, ctx.project):
        batch = row["batch"] or made.get(row["number"])
        if batch and batch not in inside:
            found.append(_Listed(row["number"], batch, row["closed_at"]))
    return found


def _inside(ctx: Context) -> set[str]:
    """Return the batches whose rows the base has, because a person has merged driftd's branch."""
    base, inside = ctx.results["prepare"]["base"], set[str]()
    for model in tables.models.all(ctx.journal, "project = ? AND run_id IS NOT NULL", ctx.project):
        step = tables.steps.first(ctx.journal, "run_id = ? AND name = 'snapshot'", model.run_id)
        if step and step.result and ctx.repository.git.is_ancestor(model.revision, base):
            inside |= {batch["name"] for batch in step.result["batches"]} | set(step.result["added"])
    return inside


@dataclass(frozen=True)
class _Own:
    """What the base has beside batches; `cuts` are files of chosen rows, which the batches have too."""

    parts: Sequence[Part]
    at: float  # when the dataset was last committed
    cuts: Collection[str]


def _own(ctx: Context, tree: Worktree, data: Dataset, known: Collection[str]) -> _Own:
    at = float(tree.git("log", "-1", "--format=%ct", "HEAD", "--", ctx.repository.prefix + data.pointer) or 0)
    place = tree.root / data.path
    if not data.folder:
        return _Own([Part(place.name, str(place), new=False)], at, ())
    names = {os.path.relpath(path, place): path for path in data.files(tree.root)}
    cuts = names.keys() & {row["name"] for row in ctx.journal.rows(CUTS, ctx.project)}
    parts = [Part(name, path, new=False) for name, path in names.items() if name not in {*known, *cuts}]
    return _Own(parts, at, cuts)


def _parts(ctx: Context, listed: Sequence[_Listed], border: int | None, since: float) -> Iterator[Part]:
    """Yield batches, oldest first; one that the regime or the time cuts is written anew from its windows."""
    whole = Counter(each.batch for each in listed)

    def side(each: _Listed) -> tuple[str, bool, bool]:
        return each.batch, border is not None and each.number >= border, each.closed_at >= since

    for (batch, new, recent), group in groupby(listed, side):
        numbers = {each.number for each in group}
        name: str | None = batch if recent else None
        if recent and len(numbers) < whole[batch]:
            name = _rewritten(ctx, batch, numbers)
        if name is not None:
            yield Part(name, str(ctx.layout.batches / name), new)


def _rewritten(ctx: Context, batch: str, numbers: Collection[int]) -> str | None:
    """Write some windows of a batch as one of their own, without those whose files are gone; return its name."""
    where = "project = ? AND number BETWEEN ? AND ?"
    found = tables.windows.all(ctx.journal, where, ctx.project, min(numbers), max(numbers), order="number")
    windows = still_there(ctx.journal, [window for window in found if window.number in numbers])
    if gone := sorted(set(numbers) - {window.number for window in windows}):
        ctx.log.line(f"  {batch} is cut without the windows whose files are gone: {', '.join(map(str, gone))}")
    if not windows:
        return None
    written = write_windows(ctx, windows, str(ctx.layout.batches / batch))
    return written.name if written else None


def _select(
    ctx: Context, root: Path, data: Dataset, parts: Sequence[Part], chosen: Choice
) -> list[row_selection.Chosen]:
    """Let the dataset be the chosen rows of the parts."""
    schema, labels = columns(ctx)
    files: list[row_selection.Chosen]
    if not data.folder:
        files = ctx.submit(row_selection.rewrite, str(root / data.path), parts, chosen, schema, labels)
        ctx.dvc(root, "add", data.path)
        return files
    aside = ctx.file("selected")
    files = ctx.submit(row_selection.select, parts, chosen, schema, labels, aside)
    dvc_dataset.replace_files(ctx.dvc, root, data, {each.name: Path(each.path) for each in files})
    shutil.rmtree(aside, ignore_errors=True)
    return files


def _add(ctx: Context, root: Path, data: Dataset, names: Sequence[str]) -> list[str]:
    paths = [ctx.layout.batches / name for name in names]
    if data.folder:
        return dvc_dataset.add_files(ctx.dvc, root, data, paths)
    if paths:
        rows = ctx.submit(batches.extend, str(root / data.path), [str(path) for path in paths], columns(ctx)[0])
        ctx.log.line(f"  {data.path} has {rows} rows now")
        ctx.dvc(root, "add", data.path)
    return [path.name for path in paths]
