import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from driftd.config.settings import Retrain
from driftd.incidents import lifecycle
from driftd.journal.records import RunState
from driftd.observe import metric_queries
from driftd.projects.scheduling import gates

SETTINGS = Retrain(cooldown=100.0, max_per_day=2)
OPEN = gates.Facts(
    now=1_000_000.0,
    rows=500,
    needed=200,
    labelled=None,
    labels_needed=0,
    paused=False,
    broken=False,
    ended=(),
    started=(),
    failures=0,
)


def test_a_run_starts_where_nothing_holds_it():
    assert gates.held(SETTINGS, OPEN) is None


@pytest.mark.parametrize(
    ("change", "gate", "until"),
    [
        ({"paused": True}, "paused", None),
        ({"broken": True}, "quality", None),
        ({"rows": 199}, "rows", None),
        ({"labelled": 99, "labels_needed": 100}, "labels", None),
        ({"labelled": 100, "labels_needed": 100}, None, None),
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


def test_only_runs_that_failed_hold_the_next_of_their_kind_back():
    states = (RunState.FAILED, RunState.FAILED, RunState.KEPT)
    ended = [SimpleNamespace(state=state, ended_at=1000.0 - i) for i, state in enumerate(states)]
    assert gates.backoff_of(ended, 1119.0).until == 1120.0
    assert gates.backoff_of(ended, 1120.0) is None
    assert gates.backoff_of(ended[2:], 1000.0) is None
    assert gates.backoff_of([], 1000.0) is None


def test_a_full_disk_and_a_missing_approval_hold_as_well():
    assert gates.disk(None) is None
    assert gates.disk("1 GB is free").gate == "disk"
    assert gates.approval(7).reason == "run 7 waits for `driftd approve 7`"


def test_every_gate_has_a_metric():
    source = Path(gates.__file__).read_text()
    assert set(re.findall(r'Held\("(\w+)"', source)) == set(metric_queries.GATES)


def test_every_kind_of_incident_has_a_metric():
    assert {*lifecycle.ALARMS, *lifecycle.ASKED} < set(metric_queries.KINDS)
