import pytest
from watchdog.events import (
    DirCreatedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileMovedEvent,
)

from driftd.intake.change_hints import _Hints
from driftd.intake.folders import Places
from driftd.intake.listing import Found
from driftd.intake.settling import Settling


@pytest.fixture
def heard(tmp_path):
    """Return what a hint did: whether it woke the loop, and whether it completed `a.csv`."""
    settling = Settling(600.0, lambda: 0.0, lambda: 0.0)
    woken = []
    hints = _Hints(Places(tmp_path), settling, lambda: woken.append(True))
    root = str(tmp_path)

    def hear(*events):
        for kind, *paths in events:
            hints.dispatch(kind(*(f"{root}/{path}" if path else "" for path in paths)))
        complete, _ = settling.ready([Found(f"{root}/a.csv".encode(), 1, 1)])
        return bool(woken), bool(complete)

    return hear


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([(FileCreatedEvent, "a.csv")], (True, False)),
        ([(FileCreatedEvent, "a.csv"), (FileClosedEvent, "a.csv")], (True, True)),
        ([(FileMovedEvent, "", "a.csv")], (True, True)),
        ([(FileMovedEvent, "a.csv.tmp", "a.csv")], (True, True)),
        ([(FileClosedEvent, "a.csv"), (FileCreatedEvent, "a.csv")], (True, False)),
        ([(DirCreatedEvent, "sub")], (True, False)),
        ([(DirMovedEvent, "", "a.csv")], (True, False)),
    ],
)
def test_what_arrives_wakes_and_what_is_whole_is_complete(heard, events, expected):
    assert heard(*events) == expected


@pytest.mark.parametrize(
    "event",
    [
        (FileMovedEvent, "a.csv", "processed/000001-a.csv"),
        (FileMovedEvent, "processed/000001-a.csv", "quarantine/000001-a.csv"),
        (FileMovedEvent, "a.csv", ""),
        (FileClosedEvent, "quarantine/000001-a.csv"),
        (DirCreatedEvent, "processed/sub"),
    ],
)
def test_what_is_moved_away_or_by_driftd_itself_is_no_hint(heard, event):
    assert heard(event) == (False, False)


def test_more_hints_than_are_kept_are_forgotten_not_stored(monkeypatch):
    monkeypatch.setattr("driftd.intake.settling.HINTS", 2)
    settling = Settling(600.0, lambda: 0.0, lambda: 0.0)
    for i in range(5):
        settling.closed(b"%d" % i)
    assert len(settling.ready([Found(b"%d" % i, 1, 1) for i in range(5)])[0]) == 2
