"""Proves that journal, files, git tags and the pointer agree. It reads only, and reports everything that it finds."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path

from driftd.config import Project, Settings
from driftd.journal import Journal, tables
from driftd.journal.layout import Layout
from driftd.journal.records import File, FileState, WindowState
from driftd.retrain.publication import model_store, version_tags


@dataclass(frozen=True)
class Finding:
    """Something that does not agree, and where."""

    project: str | None
    message: str


def verify(
    settings: Settings, journal: Journal, track: Callable[[Sequence[File]], Iterable[File]] = iter
) -> list[Finding]:
    """Check the journal itself, then every project that it knows and the settings name; `track` watches files being read."""
    found = [Finding(None, f"journal: {row['integrity_check']}") for row in journal.rows("PRAGMA integrity_check")]
    found = [finding for finding in found if not finding.message.endswith(": ok")]
    found += [
        Finding(None, f"journal: a row of {row['table']} names a row of {row['parent']} that is not there")
        for row in journal.rows("PRAGMA foreign_key_check")
    ]
    for name, project in settings.projects.items():
        if tables.projects.first(journal, "name = ?", name) is not None:
            layout = Layout(settings.state_dir, name)
            checks = (
                _files(journal, layout, track),
                _windows(journal, layout),
                _profiles(journal, layout),
                _models(journal, layout, project),
            )
            found += [Finding(name, message) for check in checks for message in check]
    return found


def _files(journal: Journal, layout: Layout, track: Callable[[Sequence[File]], Iterable[File]]) -> Iterator[str]:
    """Every admitted file is where its row says, with the content that was admitted."""
    held = (FileState.ADMITTED, FileState.LABELS, FileState.QUARANTINED)
    for file in track(tables.files.all(journal, "project = ? AND state IN (?, ?, ?)", layout.project, *held)):
        path = Path(os.fsdecode(file.location))
        try:
            with path.open("rb") as content:
                digest = file_digest(content, "sha256").hexdigest()
        except OSError as error:
            yield f"file {file.id} ({file.name}): {error.strerror}: {path}"
            continue
        if digest != file.sha256:
            yield f"file {file.id} ({file.name}): its content has changed since it was admitted: {path}"
        if file.labels and not (layout.labels / file.labels).is_file():
            yield f"file {file.id} ({file.name}): the labels that came for it are gone: {layout.labels / file.labels}"


def _windows(journal: Journal, layout: Layout) -> Iterator[str]:
    """Windows have no gaps and hold every admitted row once, in the order of admission."""
    files = iter(tables.files.all(journal, "project = ? AND state = 'admitted'", layout.project, order="id"))
    cut: dict[int, int] = {}
    number, file = 0, next(files, None)
    for window in tables.windows.of(journal, layout.project, order="number"):
        number += 1
        if window.number != number:
            yield f"window {number} is missing"
            number = window.number
        if sum(rows for _, _, rows in window.spans) != window.rows:
            yield f"window {number}: its spans do not add up to its {window.rows} rows"
        for file_id, first, rows in window.spans:
            while file is not None and cut.get(file.id, 0) >= file.rows:
                file = next(files, None)
            if file is None or file.id != file_id or first != cut.get(file_id, 0):
                yield f"window {number}: the rows {first}.. of file {file_id} are not the next in order"
            cut[file_id] = first + rows
    yield from _cut_differs(journal, layout, cut)


def _cut_differs(journal: Journal, layout: Layout, cut: dict[int, int]) -> Iterator[str]:
    def wrong(file: File) -> bool:
        return file.windowed != cut.get(file.id, 0) or file.windowed > file.rows

    for file in filter(wrong, tables.files.of(journal, layout.project)):
        yield f"file {file.id} ({file.name}): {cut.get(file.id, 0)} of its {file.rows} rows are in windows, its row says {file.windowed}"


def _profiles(journal: Journal, layout: Layout) -> Iterator[str]:
    """Every profile that a row names is there."""
    for window in tables.windows.all(journal, "project = ? AND state = ?", layout.project, WindowState.JUDGED):
        if not (layout.windows / (window.profile or "")).is_file():
            yield f"window {window.number}: its profile {window.profile} is missing"
    for reference in tables.references.of(journal, layout.project):
        if not (layout.references / reference.profile).is_file():
            yield f"reference {reference.id}: its profile {reference.profile} is missing"


def _models(journal: Journal, layout: Layout, project: Project) -> Iterator[str]:
    """Versions are tagged as the journal says, served copies are whole, and the pointer names the champion's."""
    tagged = version_tags.tags(project.repository, layout)
    for model in tables.models.of(journal, layout.project, order="id"):
        tag = f"{layout.project}@{model.version}"
        if tagged.get(tag) != model.revision:
            yield f"model {model.version}: the tag {tag} is at {tagged.get(tag)}, not at {model.revision}"
        copy = layout.models / model.version
        if copy.exists() and model_store.digest(copy) != model.digest:
            yield f"model {model.version}: its served copy {copy} has changed"
    last = tables.assignments.newest(journal, layout.project, by="number")
    if last is None:
        return
    champion = tables.models.get(journal, last.model_id)
    tag = f"{layout.project}#prod#{last.number}"
    if tagged.get(tag) != champion.revision:
        yield f"model {champion.version}: the tag {tag} is at {tagged.get(tag)}, not at {champion.revision}"
    target = layout.current.readlink().name if layout.current.is_symlink() else None
    if target != champion.version:
        yield f"the pointer {layout.current} names {target}, the champion is {champion.version}"
    elif not layout.current.exists():
        yield f"the pointer {layout.current} leads nowhere"
