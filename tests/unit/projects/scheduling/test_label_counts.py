"""How many rows have labels, also where somebody has removed files."""

import resource

import pytest

from driftd.journal import tables
from driftd.projects.scheduling.label_counts import Labels
from support.retraining import COLUMNS, Retraining


@pytest.fixture
def kinds(tmp_path):
    kinds = Retraining(tmp_path / "repository", tmp_path / "state")
    with kinds.journal.write():
        tables.projects.update(kinds.journal, kinds.name, columns=COLUMNS)
    for number in (1, 2, 3):
        kinds.arrive(number, "ab", each=5)
    yield kinds
    kinds.journal.close()


def test_a_file_that_is_gone_counts_as_without_labels_and_is_named_once(kinds):
    gone, cut = (kinds.state_dir / "processed" / name for name in ("1.csv", "2.csv"))
    gone.unlink()
    cut.write_text("".join(cut.read_text().splitlines(keepends=True)[:4]))
    labels = Labels(kinds.name, kinds.settings, kinds.journal, kinds.runner)
    assert labels.count(0) == labels.count(0) == 10
    assert [each.labelled for each in tables.windows.all(kinds.journal, order="number")] == [0, 0, 10]
    lost = tables.events.all(kinds.journal, "kind = 'rows-lost'", order="id")
    assert [(each.data["window"], each.data["rows"]) for each in lost] == [(1, 10), (2, 10)]
    assert str(gone) in lost[0].data["error"]
    assert str(cut) in lost[1].data["error"]


def test_a_fault_that_passes_takes_no_labels_away(kinds):
    labels = Labels(kinds.name, kinds.settings, kinds.journal, kinds.runner)
    assert labels.count(3) == 10  # what a reader needs is imported
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, before[1]))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            labels.count(0)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert labels.count(0) == 30
    assert not tables.events.all(kinds.journal, "kind = 'rows-lost'")
