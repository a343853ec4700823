from dataclasses import replace

import pytest

from driftd.config.model import Retrain
from driftd.projects import gates

SETTINGS = Retrain(cooldown=100.0, max_per_day=2)
OPEN = gates.Facts(now=1_000_000.0, rows=500, needed=200, paused=False, broken=False, ended=(), started=(), failures=0)


def test_a_run_starts_where_nothing_holds_it():
    assert gates.held(SETTINGS, OPEN) is None


@pytest.mark.parametrize(
    ("change", "gate", "until"),
    [
        ({"paused": True}, "paused", None),
        ({"broken": True}, "quality", None),
        ({"rows": 199}, "rows", None),
        ({"ended": (999_950.0,)}, "cooldown", 1_000_050.0),
        ({"started": (930_000.0, 940_000.0)}, "max_per_day", 930_000.0 + 86_400),
        ({"ended": (999_850.0,), "failures": 2}, None, None),
        ({"ended": (999_850.0,), "failures": 3}, "backoff", 999_850.0 + 240),
    ],
)
def test_the_gate_that_holds_is_named_with_its_time(change, gate, until):
    found = gates.held(SETTINGS, replace(OPEN, **change))
    assert (found and found.gate, found and found.until) == (gate, until)


def test_of_several_clocks_the_last_to_open_is_named():
    facts = replace(OPEN, ended=(999_950.0,), started=(930_000.0, 940_000.0), failures=1)
    assert gates.held(SETTINGS, facts).gate == "max_per_day"


def test_a_gate_is_open_at_the_very_second_it_names():
    facts = replace(OPEN, ended=(999_950.0,))
    until = gates.held(SETTINGS, facts).until
    assert gates.held(SETTINGS, replace(facts, now=until)) is None


def test_old_starts_do_not_count_against_the_day():
    facts = replace(OPEN, started=(800_000.0, 900_000.0, 940_000.0))
    assert gates.held(SETTINGS, facts) is None


def test_the_backoff_is_bounded():
    facts = replace(OPEN, ended=(OPEN.now,), failures=40)
    assert gates.backoff(facts).until == OPEN.now + gates.BACKOFF_LAST
