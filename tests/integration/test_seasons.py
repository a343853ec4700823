"""Named seasons, through real intake, windows, judging and references: years that pass by a made-up clock."""

import os
import random
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from driftd.config import Project
from driftd.incidents import data_quality, lifecycle
from driftd.journal import Journal, season_references, tables
from driftd.journal.layout import journal_path
from driftd.journal.records import IncidentState, Run, RunState
from driftd.observe import views
from driftd.projects import season_turns as projects_seasons
from driftd.projects.loop import ProjectLoop
from driftd.retrain.steps import outcome
from driftd.service import explanations
from support import adoption
from support.daemon import write_settings
from support.intake import write_csv
from support.project import BIN
from support.running import Kinds
from support.season import PROMOTE, make_season
from support.years import CHRISTMAS, REFERENCE, WINDOW, Years, moment

pytestmark = pytest.mark.slow

USUAL = 1
FIRST, PEOPLE = 1500, 125  # rows of the first model, and of a window
A_YEAR = [("2025-11", 0.0), ("2025-12", 1.0), ("2026-01", 0.0), ("2026-12", 1.0), ("2027-01", 0.0)]


@pytest.fixture
def years(tmp_path):
    made = Years(tmp_path, CHRISTMAS)
    yield made
    made.close()


def test_the_second_christmas_is_quiet_and_so_is_the_return(years):
    years.month("2025-11")
    assert years.seasons == []
    years.month("2025-12", shift=1.0)
    [incident] = years.incidents
    assert (incident.kind, incident.onset_window) == ("drift", 15)
    assert years.seasons[0].reference_id is None
    years.answer()
    years.month("2026-01")
    [first] = years.seasons
    assert (first.name, first.year, first.first_window, first.last_window) == ("christmas", 2025, 15, 28)
    assert (first.usual_id, years.project.reference_id) == (USUAL, USUAL)
    assert len(years.incidents) == 1, "January is what November was"

    years.month("2026-12", shift=1.0)
    second = years.seasons[1]
    assert (second.reference_id, second.usual_id) == (first.left_id, USUAL)
    assert {each.reference_id for each in years.windows if each.number >= second.first_window} == {first.left_id}
    years.month("2027-01")
    assert len(years.incidents) == 1
    assert years.project.reference_id == USUAL

    years.month("2027-12", shift=1.0)
    assert years.seasons[2].reference_id == years.seasons[1].left_id
    years.come("2027-12-29 08:00", shift=1.0, y=1.0)
    years.come("2027-12-30 08:00", shift=1.0, y=1.0)
    [_, change] = years.incidents
    assert [each["name"] for each in change.detail["verdict"]["columns"] if each["drift"]] == ["y"]
    assert change.reference_id == years.seasons[2].reference_id


def test_the_same_years_without_a_season_are_an_incident_at_each_turn(tmp_path):
    years = Years(tmp_path)
    turns = []
    for month, shift in A_YEAR:
        years.month(month, shift)
        if years.open:
            turns.append(month)
            years.answer()
    assert turns == ["2025-12", "2026-01", "2026-12", "2027-01"]
    years.close()


def test_a_christmas_that_does_not_come_is_an_incident(years):
    for month, shift in A_YEAR[:3]:
        years.month(month, shift)
    years.answer()
    years.month("2026-12")
    [_, absent] = years.incidents
    assert absent.reference_id == years.seasons[0].left_id
    assert absent.onset_window == years.seasons[1].first_window, "no window of before belongs to it"
    years.month("2027-01")
    assert years.project.reference_id == USUAL


def test_a_daemon_that_was_down_over_the_border_knows_which_files_came_before_it(years):
    for month, shift in A_YEAR[:3]:
        years.month(month, shift)
    years.answer()
    years.come("2026-11-27 08:00")
    for day in (28, 29, 30):
        years.write(f"2026-11-{day} 08:00")
    years.write("2026-12-01 08:00", shift=1.0)
    years.write("2026-12-02 08:00", shift=1.0)
    years = years.restart()
    years.look("2026-12-03 08:00")
    assert years.seasons[1].first_window == 47
    assert [each.reference_id for each in years.windows[-6:]] == [USUAL] * 4 + [years.seasons[0].left_id] * 2
    assert years.open == []
    years.close()


def test_a_file_is_of_the_time_when_it_came_whatever_its_date_says(years):
    years.come("2025-11-01 08:00")
    years.write("1980-01-01 00:00")
    years.write("2030-12-24 00:00")
    years.look("2025-11-02 08:00")
    assert [each.came_at for each in tables.files.all(years.journal)] == [
        moment("2025-11-01 08:00"),
        moment("2025-11-02 08:00") + 1,
        moment("2025-11-02 08:00") + 1,
    ]
    assert years.seasons == []


def test_a_window_ends_where_a_season_begins_or_ends(years):
    years.come("2025-11-30 22:00", rows=WINDOW // 2)
    years.come("2025-12-01 02:00", shift=1.0, rows=WINDOW // 2)
    years.come("2025-12-01 03:00", shift=1.0, rows=WINDOW)
    years.come("2026-01-01 03:00", rows=WINDOW)
    assert [(each.rows, each.closed_by) for each in years.windows] == [
        (WINDOW // 2, "season"),
        (WINDOW, "rows"),
        (WINDOW // 2, "season"),
        (WINDOW, "rows"),
    ]
    [christmas] = years.seasons
    assert (christmas.first_window, christmas.last_window) == (2, 3)


def test_too_few_rows_leave_nothing_and_what_was_left_before_stays(years):
    years.come("2025-12-01 08:00", shift=1.0)
    years.month("2026-01")
    [short] = years.seasons
    assert (short.left_id, short.reason) == (None, f"{WINDOW} rows of it were in control, and it takes {REFERENCE}")
    years.month("2026-12", shift=1.0)
    years.month("2027-01")
    full = years.seasons[1]
    assert (full.reference_id, full.left_id is None) == (None, False)
    years.answer()
    years.come("2027-12-01 08:00", shift=1.0)
    years.come("2028-01-01 08:00")
    years.month("2028-12", shift=1.0)
    assert [each.reference_id for each in years.seasons[2:]] == [full.left_id, full.left_id]
    assert years.open == []


def test_data_that_come_at_christmas_only_have_a_season_each_year(years):
    years.month("2025-12")
    years.month("2026-12")
    first, second = years.seasons
    assert (first.year, first.last_window, second.year, second.first_window) == (2025, 14, 2026, 15)
    assert (second.reference_id, second.usual_id) == (first.left_id, USUAL)


def test_rows_that_are_gone_leave_nothing_and_stop_nothing(years):
    years.month("2025-12")
    (years.incoming / "processed").rename(years.folder / "gone")
    years.month("2026-01")
    [christmas] = years.seasons
    assert christmas.left_id is None
    assert "processed" in christmas.reason
    assert years.windows[-1].state == "judged"


def test_a_season_that_is_set_or_taken_away_while_the_daemon_runs(years):
    years.reload()
    years.month("2025-12")
    assert years.seasons == []
    years.reload({"name": "end", "from": "12-28", "to": "12-31"})
    years.come("2025-12-29 08:00")
    years.reload(CHRISTMAS)
    for day in range(10):
        years.come(f"2025-12-30 {10 + day}:00")
    assert [(each.name, each.first_window, each.last_window) for each in years.seasons] == [
        ("end", 15, 15),
        ("christmas", 16, None),
    ]
    years.reload()
    years.come("2025-12-31 12:00")
    christmas = years.seasons[1]
    assert (christmas.last_window, years.project.reference_id) == (25, USUAL)
    assert christmas.left_id is not None


def test_a_new_regime_that_was_being_collected_begins_anew_after_the_season(years):
    for month, shift in A_YEAR[:3]:
        years.month(month, shift)
    years.answer()
    for day in (28, 29):
        years.come(f"2026-11-{day} 08:00", shift=-1.0)
    assert years.project.reference_id is None
    years.month("2026-12", shift=1.0)
    second = years.seasons[1]
    assert (second.usual_id, years.project.reference_id) == (None, second.reference_id)
    years.come("2027-01-01 08:00", shift=-1.0)
    assert years.project.detail["collecting"] == {"from": 59}
    assert years.windows[-1].number == 59
    years.month("2027-02", shift=-1.0)
    assert tables.references.get(years.journal, years.project.reference_id).first_window == 59


def test_a_model_for_a_change_before_the_season_is_not_bound_to_the_season(years):
    for month, shift in A_YEAR[:3]:
        years.month(month, shift)
    years.answer()
    years.come("2026-11-28 08:00", shift=-1.0)
    years.come("2026-12-01 08:00", shift=1.0)
    [waits] = years.open
    with years.journal.write():
        given = {"project": "p", "revision": "r", "digest": "d", "scores": {}, "created_at": 1.0}
        answer = season_references.reference_of(years.journal, "p", waits.onset_window)
        model = tables.models.add(years.journal, version="v2.0.0", reference_id=answer, **given)
        tables.assignments.add(years.journal, project="p", number=1, model_id=model, cause="promotion", assigned_at=2.0)
    ended(years, waits, RunState.PROMOTED)
    assert years.incidents[-1].resolution == "promotion"
    assert tables.models.get(years.journal, model).reference_id is None, "it was made for November's change"
    years.month("2027-01", shift=-1.0)
    assert tables.models.get(years.journal, model).reference_id == years.project.reference_id
    assert (
        tables.references.get(years.journal, years.project.reference_id).made_of["windows"][0]
        > years.seasons[1].last_window
    )


def test_what_a_person_says_of_an_incident_is_for_the_time_that_it_is_about(years):
    for month, shift in A_YEAR[:3]:
        years.month(month, shift)
    [first] = years.incidents
    years.month("2026-12", shift=1.0)
    held = years.project.reference_id
    with years.journal.write():
        lifecycle.dismiss(years.journal, first)
    assert years.project.reference_id == held, "an old Christmas changes nothing in a new one"
    years.come("2026-12-29 08:00", y=2.0)
    [_, second] = years.incidents
    years.come("2027-01-01 08:00")
    with years.journal.write():
        lifecycle.dismiss(years.journal, second)
    assert years.project.reference_id == USUAL, "January is not held against Christmas"


def test_a_model_that_is_brought_back_does_not_take_the_season_away(years):
    for month, shift in A_YEAR[:3]:
        years.month(month, shift)
    years.come("2026-12-01 08:00", shift=1.0)
    held = years.project.reference_id
    with years.journal.write():
        other = tables.references.add(
            years.journal, project="p", profile="first.reference", rows=1, made_of={}, armed=True, created_at=1.0
        )
        given = {"project": "p", "revision": "r", "digest": "d", "scores": {}, "created_at": 1.0}
        model = tables.models.add(years.journal, version="v1.0.0", reference_id=other, **given)
        outcome.bring_back(years.journal, tables.models.get(years.journal, model))
        assert years.project.reference_id == held
        seasonal = tables.models.add(years.journal, version="v2.0.0", reference_id=held, **given)
    years.come("2027-01-01 08:00")
    assert years.project.reference_id == other, "its reference is the usual one now"
    with years.journal.write():
        outcome.bring_back(years.journal, tables.models.get(years.journal, seasonal))
    assert years.project.reference_id == other, "Christmas is over, whatever model is in production"


def test_of_a_long_season_every_so_many_windows_tell(years, monkeypatch):
    monkeypatch.setattr(projects_seasons, "MOST", 1)
    years.month("2025-12")
    years.come("2026-01-01 08:00")
    left = tables.references.get(years.journal, years.seasons[0].left_id)
    assert (left.rows, left.made_of["windows"], left.armed) == (7 * WINDOW, [1, 14], True)


def test_a_rise_of_errors_that_is_older_than_the_season_takes_no_window_of_before(years):
    for month, shift in A_YEAR[:3]:
        years.month(month, shift)
    years.answer()
    years.come("2026-12-01 08:00", shift=1.0)
    years.come("2026-12-02 08:00", shift=1.0)
    first = years.seasons[1].first_window
    verdict = {"alarm": False, "columns": [], "decay": {"before": 0.1, "now": 0.5, "rows": 100}}
    with years.journal.write():
        lifecycle.harmed(years.journal, "p", first + 1, first - 3, verdict)
    assert (years.open[0].kind, years.open[0].onset_window) == ("score", first)
    assert years.project.detail["collecting"] == {"from": first}


def ended(years, incident, state):
    with years.journal.write():
        tables.incidents.update(years.journal, incident.id, state=IncidentState.RUNNING)
        run = tables.runs.add(
            years.journal,
            project="p",
            incident_id=incident.id,
            cause="drift",
            state=state,
            plan={},
            created_at=1.0,
            ended_at=2.0,
        )
        lifecycle.settle(years.journal, tables.runs.get(years.journal, run), 500)


def test_an_incident_that_no_candidate_answered_ends_with_its_season(years):
    years.month("2025-12", shift=1.0)
    ended(years, years.open[0], RunState.KEPT)
    assert years.open[0].state is IncidentState.UNRESOLVED
    years.come("2026-01-01 08:00")
    assert [(each.state, each.resolution) for each in years.incidents] == [("closed", "recovery")]


def test_so_does_one_whose_run_ends_after_it(years):
    years.month("2025-12", shift=1.0)
    years.come("2026-01-01 08:00")
    [waits] = years.open
    ended(years, waits, RunState.KEPT)
    assert [(each.state, each.resolution) for each in years.incidents] == [("closed", "recovery")]
    assert isinstance(tables.runs.first(years.journal), Run)


def test_data_that_are_right_as_they_are_are_no_regime_over_a_turn(years):
    for month, shift in A_YEAR[:3]:
        years.month(month, shift)
    years.answer()
    for when in ("2026-11-29 08:00", "2026-12-02 08:00"):
        years.put(when, [["", f"{value:.6f}"] for value in years.random.normal(size=WINDOW)])
        years.look(when)
    [incident] = years.open
    assert (incident.kind, incident.onset_window) == ("quality", years.seasons[1].first_window - 1)
    with years.journal.write():
        data_quality.accept(years.journal, incident)
    assert years.project.detail["collecting"] == {"from": years.seasons[1].first_window}
    assert {each.state for each in years.windows[-2:]} == {"collected"}


def test_only_the_newest_window_keeps_the_detector_s_state(years):
    years.month("2025-11")
    kept = tables.windows.all(years.journal, "detector IS NOT NULL")
    assert [each.number for each in kept] == [years.windows[-1].number]


def test_people_see_it(years):
    years.month("2025-12")
    seen = views.project(years.journal, "p").season
    assert (seen.name, seen.year, seen.first_window, seen.left_in) == ("christmas", 2025, 1, None)
    years.come("2026-01-01 08:00")
    assert views.project(years.journal, "p").season is None
    years.come("2026-12-01 08:00")
    assert views.project(years.journal, "p").season.left_in == 2025
    told = [each.text for each in views.timeline(years.journal, "p") if each.kind == "season"]
    assert told == [
        "christmas began with window 16; held against the last time",
        "christmas ended with window 14; its windows are kept for the next time",
        "christmas began with window 1; held against the usual reference, as nothing of it is kept yet",
    ]
    said = tables.events.all(years.journal, "kind LIKE 'season-%'", order="id")
    assert [(each.kind, each.data["window"], each.data["reference"]) for each in said] == [
        ("season-began", 1, None),
        ("season-ended", 15, USUAL),
        ("season-began", 16, years.seasons[0].left_id),
    ]


def test_killed_at_every_write_of_a_turn_it_comes_out_the_same(tmp_path, monkeypatch):
    """A kill is an end of the process before or after any write of the journal or of a file: what was not committed is not there."""
    calm = course(tmp_path / "calm")
    writes = count_writes(monkeypatch)
    course(tmp_path / "counted", writes)
    assert writes.most > 3 * 4, "of each turn: the files, their windows, what it leaves, the turn itself"
    for end in range(1, writes.most + 1):
        writes.begin(end)
        assert course(tmp_path / str(end), writes) == calm, end


class Killed(BaseException):
    pass


class Writes:
    """Counts commits and whole files while a turn is made, and ends the process, as it were, at one of them."""

    def __init__(self):
        self.most = self.left = 0
        self.dead = self.counting = False

    def begin(self, end):
        self.left, self.dead = end, False

    def passed(self):
        if not self.counting or self.dead:
            return
        self.left -= 1
        self.most = max(self.most, -self.left)
        if self.left == 0:
            self.dead = True
            raise Killed


def count_writes(monkeypatch):
    from driftd.journal import Journal
    from driftd.projects import season_turns, window_judge

    writes, write = Writes(), Journal.write

    @contextmanager
    def written(journal):
        outer = journal._depth == 0
        if outer:
            writes.passed()
        with write(journal):
            yield journal
        if outer:
            writes.passed()

    monkeypatch.setattr(Journal, "write", written)
    for module in (window_judge, season_turns):
        whole = module.write_file

        def file(*values, whole=whole):
            writes.passed()
            whole(*values)
            writes.passed()

        monkeypatch.setattr(module, "write_file", file)
    return writes


def course(folder, writes=None):
    """Pass a first Christmas, and the turns after it, with a restart after a kill; return what is left."""
    folder.mkdir()
    years = Years(folder, CHRISTMAS)
    for day in range(1, 25, 3):
        years.come(f"2025-12-{day:02d} 08:00")
    for when in ("2026-01-01 08:00", "2026-12-01 08:00", "2027-01-01 08:00"):
        years.write(when)
        if writes:
            writes.counting = True
        try:
            years.look(when)
        except Killed:
            years = years.restart()
            years.look(when)
        if writes:
            writes.counting = False
    blobs = {
        each.id: (years.layout.references / each.profile).read_bytes() for each in tables.references.all(years.journal)
    }
    windows = [(each.number, each.reference_id, each.evidence, each.state) for each in years.windows]
    said = [(each.kind, each.data) for each in tables.events.all(years.journal, "kind LIKE 'season-%'", order="id")]
    left = years.seasons, years.project, blobs, windows, said
    years.close()
    return left


class People(ProjectLoop):
    """The loop of a real DVC project, a step at a time: households all the year, people in group quarters at Christmas."""

    def __init__(self, folder):
        self.folder, self.now, self.files = folder, moment("2025-11-01 00:00"), 0
        repository = make_season(folder / "repository", adoption.rows(0, FIRST))
        settings = Project.model_validate(
            {
                "repository": repository,
                "source": {"path": folder / "incoming", "settle": 0},
                "labels": ["employed"],
                "window": {"rows": PEOPLE},
                "reference": {"rows": 8 * PEOPLE},
                "drift": {"seasons": [CHRISTMAS]},
                "promote": PROMOTE | {"probation": None},
                "retrain": {"model": "model.bin", "min_rows": 400, "cooldown": 0, "env": {"path": [str(BIN)]}},
            }
        )
        (folder / "incoming").mkdir()
        journal = Journal.open(journal_path(folder / "state"), clock=lambda: self.now)
        super().__init__("p", settings, journal, folder / "state", ThreadPoolExecutor(2), lambda: self.now)
        self.journal = journal
        self._begin()
        self.rest()

    def rest(self):
        """Do all that there is to do."""
        for _ in range(4):  # a look more for intake, whose clock jumps; and one behind a run
            self._tick()
            while self.dispatch.busy:
                self.dispatch._thread.join(300)
                self._tick()

    def month(self, month, rows):
        head, *lines = rows.splitlines(keepends=True)
        for i in range(0, len(lines), PEOPLE):
            self.files, when = self.files + 1, moment(f"{month}-{1 + i // PEOPLE:02d} 08:00")
            path = self.folder / "incoming" / f"{self.files:03d}.csv"
            path.write_text(head + "".join(lines[i : i + PEOPLE]))
            os.utime(path, (when, when))
            self.now = when + 1
            self.rest()

    def told(self):
        query = "SELECT version, cause FROM assignments JOIN models ON models.id = model_id ORDER BY number"
        return [(row["version"], row["cause"]) for row in self.journal.rows(query)]

    def end(self):
        self._intake.stop()
        self.dispatch.stop(60)
        self.journal.close()


def test_the_champion_of_christmas_comes_back_with_it_and_the_other_one_after_it(tmp_path):
    head, *burst = adoption.rows(adoption.QUIET, adoption.QUIET + 2000).splitlines(keepends=True)
    random.Random(1).shuffle(burst)
    people = People(tmp_path)
    try:
        assert people.told() == [("v1.0.0", "first-model")]
        people.month("2025-11", adoption.rows(FIRST, FIRST + PEOPLE))
        people.month("2025-12", head + "".join(burst[:1125]))
        assert people.told()[1:] == [("v2.0.0", "promotion")]
        people.month("2026-01", adoption.rows(FIRST + PEOPLE, FIRST + 6 * PEOPLE))
        assert people.told()[2:] == [("v1.0.0", "recall")]
        people.month("2026-12", head + "".join(burst[1125:]))
        assert people.told()[3:] == [("v2.0.0", "recall")]
        people.month("2027-01", adoption.rows(FIRST + 6 * PEOPLE, FIRST + 11 * PEOPLE))
        assert people.told()[4:] == [("v1.0.0", "recall")]
        runs = [(each.cause, each.state) for each in tables.runs.all(people.journal, order="id")]
        assert runs == [("first-model", "promoted"), ("drift", "promoted"), *[("recall", "promoted")] * 3]
        [incident] = tables.incidents.all(people.journal)
        assert (incident.kind, incident.resolution) == ("drift", "promotion")
        assert tables.projects.get(people.journal, "p").reference_id == USUAL
    finally:
        people.end()


def said(kinds, *words):
    """Return what a command says, without the breaks of a narrow terminal."""
    return " ".join(kinds.driftd(*words).split())


def test_a_real_daemon_says_which_season_is_on_and_takes_its_end_over(template, tmp_path):
    today = datetime.now(UTC)
    season = {"name": "now", "from": f"{today - timedelta(1):%m-%d}", "to": f"{today + timedelta(2):%m-%d}"}
    drift = {"ignore": ["n"], "seasons": [season]}
    kinds = Kinds(tmp_path, template, drift=drift)
    with kinds.daemon() as daemon:
        kinds.wait_for_model()
        kinds.drop(1, "ab")
        kinds.wait_for_event("window-judged")
        assert "now since window 1, held against the usual reference, as nothing of it is kept yet" in said(
            kinds, "status"
        )
        [seen] = kinds.json("status")["projects"]
        assert (seen["season"]["name"], seen["season"]["first_window"], seen["season"]["left_in"]) == ("now", 1, None)
        assert 'driftd_season{project="kinds",season="now"} 1.0' in daemon.get("/metrics").text
        assert "now is on" in daemon.get("/projects/kinds").text
        write_settings(tmp_path, {"kinds": kinds.project(drift={"ignore": ["n"]})})
        daemon.send(signal.SIGHUP)
        kinds.wait_for_event("settings-taken")
        kinds.drop(2, "ab")
        kinds.wait_for_event("season-ended")
        assert 'driftd_season{project="kinds",season="now"} 0.0' in daemon.get("/metrics").text
        assert kinds.json("status")["projects"][0]["season"] is None
        assert "now ended with window 1; nothing new of it is kept: 60 rows of it were in control" in said(
            kinds, "history", "kinds"
        )
    assert kinds.json("verify")["ok"]


class Letters(Years):
    """Rows with a text of two words each, of a time's own words."""

    columns = ({"name": "text", "kind": "text"},)

    def letters(self, when: str, words: str, rows: int = WINDOW) -> None:
        texts = self.random.choice(words.split(), (rows, 2))
        self.files += 1
        path = self.incoming / f"{self.files:05d}.csv"
        write_csv(path, [[" ".join(each)] for each in texts], header=["text"], at=moment(when))
        self.look(when)

    def first_rows(self):
        texts = self.random.choice(PLAIN.split(), (REFERENCE, 2))
        path = self.folder / "first.csv"
        return write_csv(path, [[" ".join(each)] for each in texts], header=["text"]), REFERENCE


PLAIN = "table chair couch shelf"
FESTIVE = "santa angel sugar bells"


def test_what_changes_in_a_season_is_told_from_the_season_before_and_not_from_the_days_before_it(tmp_path):
    years = Letters(tmp_path, CHRISTMAS)
    for year in ("2025", "2026"):
        for day in range(1, 29, 2):
            years.letters(f"{year}-11-{day:02d} 08:00", PLAIN)
        for day in range(1, 29, 2):
            new = " comet" if (year, day) >= ("2026", 5) else ""
            years.letters(f"{year}-12-{day:02d} 08:00", FESTIVE + new)
        years.answer()
        years.letters(f"{int(year) + 1}-01-01 08:00", PLAIN)
    [_, incident] = years.incidents
    material = explanations.of_incident(years.journal, tmp_path / "state", views.incident(years.journal, incident.id))
    [column] = explanations.told(material)
    came = [term["term"] for term in column["terms"] if term["current"] > term["reference"]]
    assert came == ["comet"]
    years.close()
