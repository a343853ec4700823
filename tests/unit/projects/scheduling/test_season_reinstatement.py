"""When the champion of a season is tried."""

import pytest

from driftd.journal import tables
from driftd.journal.records import RunState
from driftd.projects.scheduling import season_reinstatement
from support.retraining import Retraining


@pytest.fixture
def kinds(tmp_path):
    """A project whose season has just ended; before it another model was in production."""
    kinds = Retraining(tmp_path / "repository", tmp_path / "state")
    with kinds.journal.write():
        usual, of_season = (
            tables.models.add(
                kinds.journal,
                project=kinds.name,
                version=f"v{number}.0.0",
                revision="0",
                scores={},
                digest="0",
                created_at=1.0,
            )
            for number in (1, 2)
        )
        tables.assignments.add(
            kinds.journal, project=kinds.name, number=1, model_id=of_season, cause="promotion", assigned_at=1.0
        )
        tables.seasons.add(
            kinds.journal,
            project=kinds.name,
            name="christmas",
            year=2025,
            first_window=3,
            last_window=9,
            before_id=usual,
            champion_id=of_season,
            began_at=1.0,
            ended_at=2.0,
        )
    yield kinds
    kinds.journal.close()


def tried(kinds, state):
    """Let the run that is due end; return how long after it the next one is due."""
    plan = season_reinstatement.plan(kinds.journal, kinds.name)
    run = kinds.start("recall", **plan)
    with kinds.journal.write():
        tables.runs.update(kinds.journal, run, state=state, ended_at=kinds.clock.now)
    ended = kinds.clock.now
    for seconds in (10, 59, 61, 119, 121, 10**6):
        kinds.clock.now = ended + seconds - 1  # a reading takes a second
        if season_reinstatement.plan(kinds.journal, kinds.name) is not None:
            return seconds
    return None


def test_a_run_that_failed_is_made_again_after_a_while_and_one_that_decided_is_not(kinds):
    assert [tried(kinds, RunState.FAILED), tried(kinds, RunState.FAILED), tried(kinds, RunState.KEPT)] == [
        61,
        121,
        None,
    ]
