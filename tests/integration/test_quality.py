"""Broken data are not drift: their windows are held back, no run starts, and a person or the next sound window ends it."""

import pytest

from support.daemon import wait_until
from support.project import write_rows
from support.running import Kinds

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def kinds(watched, tmp_path_factory):
    kinds = Kinds.copy(watched, tmp_path_factory.mktemp("quality"))
    with kinds.daemon():
        kinds.wait_for_model()
        yield kinds
    assert kinds.json("verify")["ok"]


def judged(kinds, number, dropped):
    """Let a window arrive and be looked at; return its state."""
    dropped(number)
    query = f"SELECT state FROM windows WHERE number = {number} AND state <> 'closed'"  # noqa: S608  # a number
    return wait_until(lambda: kinds.rows(query), what=f"window {number}")[0][0]


def sound(kinds):
    return lambda number: kinds.drop(number, "ab")


def broken(kinds):
    """Drop a file in which every second row has lost its kind."""

    def drop(number):
        path = write_rows(kinds.folder / "aside" / f"{number}.csv", "ab", start=number * 10_000, each=30)
        path.write_text(path.read_text().replace(",a,", ",,"))
        path.rename(kinds.incoming / path.name)

    return drop


def open_incidents(kinds):
    return [(each["kind"], each["state"]) for each in kinds.json("incidents", "list")]


def test_a_break_is_a_quality_incident_and_holds_its_windows_and_all_runs_back(kinds):
    assert judged(kinds, 1, sound(kinds)) == "judged"
    assert judged(kinds, 2, broken(kinds)) == "held"
    assert judged(kinds, 3, broken(kinds)) == "held"
    assert open_incidents(kinds) == [("quality", "open")]
    [incident] = kinds.json("incidents", "list")
    assert incident["summary"] == "kind: null: 50.0% instead of 0.0%"
    assert incident["onset_window"] == 2
    answer = kinds.json("trigger", "kinds")
    assert "the data are broken" in answer["answer"]["message"]
    assert kinds.one("SELECT count(*) FROM runs") == 1


def test_a_sound_window_ends_it_and_what_was_held_back_stays_out(kinds):
    assert judged(kinds, 4, sound(kinds)) == "judged"
    wait_until(lambda: ("quality", "open") not in open_incidents(kinds), what="recovery")
    kinds.wait_for_event("run-kept", "run-promoted", "run-failed", times=2)
    batches = sorted((kinds.folder / "state" / "kinds" / "batches").glob("*"))
    rows = [row for batch in batches for row in batch.read_text().splitlines()[1:]]
    assert len(rows) == 2 * 60
    assert not [row for row in rows if ",," in row]
    assert kinds.rows("SELECT number FROM windows WHERE state = 'held'") == [(2,), (3,)]


def test_a_person_who_says_that_it_is_right_makes_it_a_new_regime(kinds):
    assert judged(kinds, 5, broken(kinds)) == "held"
    [incident] = [each for each in kinds.json("incidents", "list") if each["kind"] == "quality"]
    kinds.driftd("incidents", "dismiss", str(incident["id"]))
    assert judged(kinds, 6, broken(kinds)) == "collected"
    assert kinds.rows("SELECT state FROM windows WHERE number = 5") == [("collected",)]
    assert ("quality", "open") not in open_incidents(kinds)


def test_a_file_of_an_unusual_size_is_broken_and_no_drift(kinds):
    for number in range(7, 27):
        assert judged(kinds, number, sound(kinds)) in {"collected", "judged"}
    path = write_rows(kinds.folder / "aside" / "large.csv", "ab", start=900_000, each=150)
    path.rename(kinds.incoming / path.name)
    query = "SELECT number, state FROM windows WHERE number > 26 AND state <> 'closed'"
    assert wait_until(lambda: len(found := kinds.rows(query)) == 5 and found, what="the windows of the file") == [
        (number, "held") for number in range(27, 32)
    ]
    [incident] = [each for each in kinds.json("incidents", "list") if each["state"] == "open"]
    assert incident["kind"] == "quality"
    assert incident["summary"] == "volume: large.csv has 300 rows instead of about 60"
