"""Real processes that die, and what becomes of the work."""

import concurrent.futures.process as pools
import errno
import multiprocessing.util
import operator
import threading
from concurrent.futures.process import BrokenProcessPool

import pytest

from driftd.service import worker_pool as module
from driftd.service.worker_pool import Workers
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


def no_process(monkeypatch):
    monkeypatch.setattr(multiprocessing.util, "spawnv_passfds", raising(BlockingIOError(errno.EAGAIN, "fork")))


def no_pool(monkeypatch):
    monkeypatch.setattr(module, "_pool", raising(OSError(errno.ENOMEM, "no memory")))


def no_thread_of_a_pool(monkeypatch):
    monkeypatch.setattr(pools._ExecutorManagerThread, "start", raising(RuntimeError("can't start new thread")))


def no_thread(monkeypatch):
    start = threading.Thread.start

    def refused(thread):
        if thread.name == "worker-again":
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refused)


def raising(error):
    def refused(*_args):
        raise error

    return refused


@pytest.mark.parametrize("shortage", [no_process, no_pool, no_thread_of_a_pool, no_thread])
def test_work_that_cannot_be_tried_again_fails_and_is_not_waited_for(workers, doom, monkeypatch, shortage):
    bad = workers.submit(die, doom.address)
    victim = doom.await_victim()
    workers.submit(operator.add, 1, 2).result(PATIENCE)
    with monkeypatch.context() as patch:
        shortage(patch)
        victim.send(None)
        error = bad.exception(PATIENCE)
    assert isinstance(error, (OSError, RuntimeError))
    assert not isinstance(error, BrokenProcessPool)
    assert (workers.deaths, workers.tasks) == (0, 0)
    assert workers.submit(operator.add, 3, 4).result(PATIENCE) == 7


@pytest.mark.parametrize("shortage", [no_process, no_thread_of_a_pool])
def test_work_begins_once_the_system_has_room_again(workers, monkeypatch, shortage):
    with monkeypatch.context() as patch:
        shortage(patch)
        with pytest.raises((OSError, RuntimeError)):
            workers.submit(operator.add, 1, 2)
    assert workers.tasks == 0
    assert workers.submit(operator.add, 3, 4).result(PATIENCE) == 7
