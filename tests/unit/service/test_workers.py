"""Real processes that die, and what becomes of the work."""

import operator
from concurrent.futures.process import BrokenProcessPool

import pytest

from driftd.service.workers import Workers
from support.doomed import Doom, die

PATIENCE = 30.0


@pytest.fixture
def workers():
    workers = Workers(2)
    yield workers
    workers.kill()


@pytest.fixture
def doom(tmp_path):
    with Doom(tmp_path / "doom") as doom:
        yield doom


def test_what_kills_its_process_is_tried_twice_however_much_other_work_comes(workers, doom):
    bad = workers.submit(die, doom.address)
    victim = doom.await_victim()
    assert workers.submit(operator.add, 1, 2).result(PATIENCE) == 3
    victim.send(None)
    victim = doom.await_victim()
    assert workers.submit(operator.add, 3, 4).result(PATIENCE) == 7
    assert not bad.done()
    victim.send(None)
    with pytest.raises(BrokenProcessPool):
        bad.result(PATIENCE)
    assert (workers.deaths, workers.tasks) == (1, 0)


def test_work_beside_what_is_tried_alone_is_to_blame_for_its_own_process(workers, doom):
    bad = workers.submit(die, doom.address)
    victim = doom.await_victim()
    workers.submit(operator.add, 1, 2).result(PATIENCE)
    victim.send(None)
    alone = doom.await_victim()
    other = workers.submit(die, doom.address)
    doom.strike()
    with pytest.raises(BrokenProcessPool):
        other.result(PATIENCE)
    assert not bad.done()
    alone.send(None)
    with pytest.raises(BrokenProcessPool):
        bad.result(PATIENCE)
    assert workers.deaths == 2
