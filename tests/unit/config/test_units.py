import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftd.config.units import Choice, choice, choice_of_rows, crontab, seconds, size_in_bytes, windows_per_false_alarm


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("30s", 30),
        ("15min", 900),
        ("6h", 21600),
        ("1d", 86400),
        ("2w", 1209600),
        (" 1.5 h ", 5400),
        (7, 7),
        (0.5, 0.5),
        ("0s", 0),
    ],
)
def test_durations(text, value):
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "6", "h", "6 hours", "1h30min", "-5s", "6H", -1, True, None, [1], math.nan])
def test_what_is_no_duration(text):
    with pytest.raises(ValueError, match="is no duration"):
        seconds(text)


@pytest.mark.parametrize("value", ["99999999999999d", "36526d", 1e10, math.inf, 10**400])
def test_a_duration_has_an_end(value):
    with pytest.raises(ValueError, match="more than a hundred years"):
        seconds(value)
    with pytest.raises(ValueError, match=r"is no choice of rows|more than a hundred years"):
        choice_of_rows(f"last {value}")


@given(st.floats(0, 5000), st.sampled_from(["s", "min", "h", "d", "w"]))
def test_a_duration_is_its_number_times_its_unit(number, unit):
    factor = {"s": 1, "min": 60, "h": 3600, "d": 86400, "w": 604800}[unit]
    assert seconds(f"{number:.3f}{unit}") == pytest.approx(float(f"{number:.3f}") * factor)


@pytest.mark.parametrize(
    ("text", "value"), [("1 per 5000 windows", 5000), ("1 per 1 window", 1), (5000.0, 5000), (200, 200)]
)
def test_budgets(text, value):
    assert windows_per_false_alarm(text) == value


@pytest.mark.parametrize(
    "text", ["", "5000", "2 per 10 windows", "1 per 0.5 windows", "1 per 90 days", 0, 0.5, True, None, math.nan]
)
def test_what_is_no_budget(text):
    with pytest.raises(ValueError, match="is no budget"):
        windows_per_false_alarm(text)


@pytest.mark.parametrize(
    ("text", "value"), [("512MB", 512e6), ("8GB", 8e9), ("1.5 GiB", 1.5 * 2**30), ("10kB", 1e4), (4096, 4096)]
)
def test_sizes(text, value):
    assert size_in_bytes(text) == value


@pytest.mark.parametrize("text", ["", "8", "8G", "8gb", "-1GB", -1, True, None, math.nan])
def test_what_is_no_size(text):
    with pytest.raises(ValueError, match="is no size"):
        size_in_bytes(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0 3 * * *", "0 3 * * *"),
        ("*/10 0-6 1,15 * 0", "*/10 0-6 1,15 * sun"),
        ("0 3 * * 1-5", "0 3 * * mon-fri"),
        ("0 3 * * 7", "0 3 * * sun"),
        ("0 3 * * MON,3", "0 3 * * mon,wed"),
    ],
)
def test_schedules_name_the_days_that_cron_counts_from_sunday(text, value):
    assert crontab(text) == value


@pytest.mark.parametrize("text", ["", "daily", "* * * *", "60 * * * *", "0 3 * * 8", "0 3 * * 6-1", 5, None])
def test_what_is_no_schedule(text):
    with pytest.raises(ValueError, match="is no schedule"):
        crontab(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("all", Choice("all")),
        ("last 20000 rows", Choice("last", rows=20000)),
        (" last  30d ", Choice("window", seconds=30 * 86400)),
        ("last 1.5 h", Choice("window", seconds=5400)),
        ("regime", Choice("regime")),
        ("regime + 20%", Choice("regime", share=0.2)),
        ("regime + 500 rows", Choice("regime", rows=500)),
    ],
)
def test_choices_of_rows(text, value):
    assert choice(choice_of_rows(text)) == value


@pytest.mark.parametrize(
    "text",
    ["", "some", "last 0 rows", "last rows", "last 5", "regime + 0%", "regime + 100%", "regime 20%", 20, True, None],
)
def test_what_is_no_choice_of_rows(text):
    with pytest.raises(ValueError, match="is no choice of rows"):
        choice_of_rows(text)
