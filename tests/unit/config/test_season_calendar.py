"""Days of the calendar: what lies in a season, and which seasons are refused."""

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftd.config.load import parse
from driftd.config.season_calendar import Occurrence, holds, occurrence, problems
from driftd.errors import ConfigError

SETTINGS = """
projects:
  p:
    repository: r
    source: {{path: incoming}}
    drift:
      seasons: {0}
"""
MONTH_AND_DAY = st.dates(date(2024, 1, 1), date(2024, 12, 31)).map(lambda each: f"{each:%m-%d}")
TIMES = st.integers(int(365.25 * 86400), int(130 * 365.25 * 86400)).map(lambda each: datetime.fromtimestamp(each, UTC))


def season(first, last, name="s"):
    return SimpleNamespace(name=name, from_=first, to=last)


def at(*parts):
    return datetime(*parts, tzinfo=UTC).timestamp()


def test_both_days_are_in_it_from_midnight_to_midnight_in_utc():
    christmas = season("12-01", "12-31", "christmas")
    assert occurrence([christmas], at(2025, 11, 30, 23, 59, 59)) is None
    assert occurrence([christmas], at(2025, 12, 1)) == Occurrence("christmas", 2025)
    assert occurrence([christmas], at(2025, 12, 31, 23, 59, 59)) == Occurrence("christmas", 2025)
    assert occurrence([christmas], at(2026, 1, 1)) is None
    assert occurrence([], at(2025, 12, 1)) is None


def test_a_season_over_the_new_year_is_one_of_the_year_in_which_it_began():
    winter = season("12-15", "01-06")
    assert {occurrence([winter], at(2025, 12, day)) for day in (15, 31)} == {Occurrence("s", 2025)}
    assert {occurrence([winter], at(2026, 1, day)) for day in (1, 6)} == {Occurrence("s", 2025)}
    assert occurrence([winter], at(2026, 1, 7)) is None
    assert occurrence([winter], at(2026, 12, 15)) == Occurrence("s", 2026)


def test_a_leap_day_as_a_border_is_the_end_of_february_or_the_begin_of_march():
    to_the_end, from_the_end = season("02-01", "02-29"), season("02-29", "03-10")
    assert occurrence([to_the_end], at(2024, 2, 29)) == Occurrence("s", 2024)
    assert occurrence([to_the_end], at(2025, 2, 28)) == Occurrence("s", 2025)
    assert occurrence([to_the_end], at(2025, 3, 1)) is None
    assert occurrence([from_the_end], at(2024, 2, 29)) == Occurrence("s", 2024)
    assert occurrence([from_the_end], at(2025, 2, 28)) is None
    assert occurrence([from_the_end], at(2025, 3, 1)) == Occurrence("s", 2025)


@given(MONTH_AND_DAY, MONTH_AND_DAY, TIMES)
def test_what_is_in_a_season_is_what_lies_between_its_days(first, last, when):
    """Told by the dates themselves: the last first day that is not after the time, and the last day that follows it."""

    def border(text, year):
        leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
        return (
            date(year, 3, 1) - timedelta(days=1)
            if text == "02-29" and not leap
            else date.fromisoformat(f"{year}-{text}")
        )

    today = when.date()
    began = None
    for year in range(today.year - 1, today.year + 1):
        begin = border(first, year) + timedelta(days=first == "02-29" and border(first, year).day == 28)
        end = border(last, year + (last < first))
        if begin <= today <= end:
            began = year
    assert occurrence([season(first, last)], when.timestamp()) == (
        Occurrence("s", began) if began is not None else None
    )


@given(MONTH_AND_DAY, MONTH_AND_DAY, TIMES)
def test_time_that_passes_enters_and_leaves_a_season_once_a_year(first, last, when):
    day, found = when, []
    for _ in range(366 * 2):
        now = occurrence([season(first, last)], day.timestamp())
        if now is not None and (not found or found[-1] != now):
            found.append(now)
        day += timedelta(days=1)
    assert len(set(found)) == len(found), "none comes back"
    assert [each.year for each in found] == sorted(each.year for each in found)
    assert len(found) <= 3


@given(st.lists(st.tuples(MONTH_AND_DAY, MONTH_AND_DAY), min_size=1, max_size=4))
def test_seasons_that_are_not_refused_share_no_day_and_end(spans):
    seasons = [season(first, last, f"s{i}") for i, (first, last) in enumerate(spans)]
    days = [f"{date(2024, 1, 1) + timedelta(days=i):%m-%d}" for i in range(366)]
    held = [[holds(each, day) for each in seasons] for day in days]
    shared = any(sum(each) > 1 for each in held)
    whole = any(all(each[i] for each in held) for i in range(len(seasons)))
    leap = any(each.from_ == each.to == "02-29" for each in seasons)
    assert bool(list(problems(seasons))) == (shared or whole or leap)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("[{name: a, from: 12-01}]", "drift.seasons.0.to: must be set"),
        ("[{name: a, from: 12-01, to: 13-01}]", "'13-01' is no day; write month and day like 12-24"),
        ("[{name: a, from: 02-01, to: 02-30}]", "'02-30' is on no calendar; write month and day like 12-24"),
        ("[{name: a, from: 1-5, to: 02-01}]", "'1-5' is no day; write month and day like 12-24"),
        ("[{name: a, from: 2025-12-01, to: 12-31}]", "'2025-12-01' is no day; write month and day like 12-24"),
        ("[{name: a, from: 12-01, to: 12-31, till: x}]", "unknown setting; here can be: name, from, to"),
        ("[{name: A B, from: 12-01, to: 12-31}]", "is no name here"),
        ("[{name: a, from: 02-29, to: 02-29}]", "comes in leap years only; let it begin on 02-28 or end on 03-01"),
        ("[{name: a, from: 03-01, to: 02-29}]", "'a' never ends: 03-01 to 02-29 is the whole year"),
        (
            "[{name: a, from: 12-01, to: 12-31}, {name: a, from: 06-01, to: 06-30}]",
            "there are two seasons called 'a'; give each a name of its own",
        ),
        (
            "[{name: a, from: 12-15, to: 01-06}, {name: b, from: 01-06, to: 01-31}]",
            "'a' and 'b' have 01-06 in common; a day has one season, so let one end before the other begins",
        ),
        (
            "[{name: a, from: 11-01, to: 12-31}, {name: b, from: 12-01, to: 12-25}]",
            "'a' and 'b' have 25 days, such as 12-01 in common",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_place_and_a_remedy(written, said, tmp_path):
    with pytest.raises(ConfigError) as error:
        parse(SETTINGS.format(written), tmp_path / "driftd.yaml")
    assert said in error.value.message
    assert error.value.message.startswith(f"{tmp_path}/driftd.yaml:7:"), error.value.message


def test_seasons_that_follow_each_other_are_right(tmp_path):
    written = "[{name: autumn, from: 09-01, to: 11-30}, {name: winter, from: 12-01, to: 02-29}]"
    [autumn, winter] = parse(SETTINGS.format(written), tmp_path / "driftd.yaml").projects["p"].drift.seasons
    assert (autumn.from_, autumn.to, winter.from_, winter.to) == ("09-01", "11-30", "12-01", "02-29")
