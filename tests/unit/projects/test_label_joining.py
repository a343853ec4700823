import errno
import functools
import os
import threading

import pytest

from driftd.journal import tables
from driftd.journal.records import FileState
from driftd.projects.label_joining import Joining
from driftd.service.worker_pool import Workers
from support.daemon import wait_until
from support.intake import dies_at_once, dies_once
from support.project import write_rows
from support.retraining import COLUMNS, Retraining


@pytest.fixture
def kinds(tmp_path):
    source = {"path": tmp_path / "incoming", "labels": "labels"}
    kinds = Retraining(tmp_path / "repository", tmp_path / "state", {"project": {"key": "n", "source": source}})
    with kinds.journal.write():
        tables.projects.update(kinds.journal, kinds.name, columns=COLUMNS)
    yield kinds
    kinds.journal.close()


def arrive(kinds, name, *, state=FileState.ADMITTED, content=None, labelled=True):
    """Let a file of ten rows arrive; they are always the same ones."""
    path = write_rows(kinds.state_dir / "processed" / name, "a", start=100, each=10)
    if not labelled:
        path.write_text(path.read_text().replace(",A\n", ",\n"))
    if content is not None:
        path.write_bytes(content)
    with kinds.journal.write():
        return tables.files.add(
            kinds.journal,
            project=kinds.name,
            name=name,
            location=str(path).encode(),
            rows=10,
            state=state,
            sha256=name,
            size=1,
            mtime_ns=0,
            arrived_at=kinds.clock(),
            admitted_at=kinds.clock(),
        )


def finds_no_room(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def join(kinds):
    """Step as the loop does, until windows need not wait any more."""
    woken = threading.Event()
    joining = Joining(kinds.name, kinds.settings, kinds.journal, kinds.layout, kinds.runner, woken.set)
    wait_until(lambda: not joining.step(), 20, "all files are looked at")


@pytest.mark.parametrize("state", [FileState.ADMITTED, FileState.LABELS])
def test_a_file_that_cannot_be_looked_at_is_given_up_and_those_behind_it_are_not(kinds, state):
    rows = arrive(kinds, "rows.csv", labelled=False)
    broken = arrive(kinds, "broken.csv", state=state, content=b"kind,label\na,A\n")
    gone = arrive(kinds, "gone.csv", state=state)
    (kinds.state_dir / "processed" / "gone.csv").unlink()
    good = arrive(kinds, "good.csv", state=FileState.LABELS)
    join(kinds)
    failed = [each for each in tables.events.all(kinds.journal) if each.kind == "labels-failed"]
    assert [(each.subject, each.data["file"]) for each in failed] == [(broken, "broken.csv"), (gone, "gone.csv")]
    assert "broken.csv" in failed[0].data["error"]
    assert "gone.csv" in failed[1].data["error"]
    files = {each.id: (each.state, each.unlabelled) for each in tables.files.all(kinds.journal)}
    assert (files[broken], files[gone]) == ((state, 0), (state, 0))
    [joined] = [each for each in tables.events.all(kinds.journal) if each.kind == "labels-joined"]
    assert (joined.subject, joined.data["joined"], joined.data["unknown"]) == (good, 10, 0)
    assert tables.files.get(kinds.journal, rows).labels
    join(kinds)
    assert len([each for each in tables.events.all(kinds.journal) if each.kind == "labels-failed"]) == 2


def test_a_file_that_kills_the_process_which_looks_at_it_is_given_up(kinds, monkeypatch):
    killer = arrive(kinds, "killer.csv", state=FileState.LABELS)
    kinds.runner.executor = Workers(1)
    monkeypatch.setattr("driftd.projects.label_joining.look", dies_at_once)
    join(kinds)
    kinds.runner.executor.shutdown()
    [failed] = [each for each in tables.events.all(kinds.journal) if each.kind == "labels-failed"]
    assert failed.subject == killer
    assert tables.files.get(kinds.journal, killer).unlabelled == 0


def test_a_process_that_somebody_else_kills_takes_no_labels_away(kinds, tmp_path, monkeypatch):
    rows = arrive(kinds, "rows.csv", labelled=False)
    join(kinds)
    arrive(kinds, "labels.csv", state=FileState.LABELS)
    kinds.runner.executor = Workers(1)
    monkeypatch.setattr("driftd.projects.label_joining.look", functools.partial(dies_once, tmp_path / "killed"))
    join(kinds)
    kinds.runner.executor.shutdown()
    assert not tables.events.all(kinds.journal, "kind = 'labels-failed'")
    assert tables.files.get(kinds.journal, rows).labels


def test_a_full_disk_makes_no_data_of_labels(kinds, monkeypatch):
    rows = arrive(kinds, "rows.csv", labelled=False)
    labels = arrive(kinds, "labels.csv")
    with monkeypatch.context() as full:
        full.setattr("driftd.projects.label_joining.look", finds_no_room)
        with pytest.raises(OSError, match="No space left"):
            join(kinds)
    assert tables.files.get(kinds.journal, labels).unlabelled is None
    join(kinds)
    assert tables.files.get(kinds.journal, labels).state is FileState.LABELS
    assert tables.files.get(kinds.journal, rows).labels
