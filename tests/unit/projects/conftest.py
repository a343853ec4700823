import pytest

from driftd.journal import tables
from driftd.journal.records import ProjectState
from support.retraining import Retraining


@pytest.fixture
def kinds(tmp_path):
    kinds = Retraining(tmp_path / "repository", tmp_path / "state")
    with kinds.journal.write():
        tables.projects.update(kinds.journal, kinds.name, state=ProjectState.ACTIVE, columns=[])
    yield kinds
    kinds.journal.close()
