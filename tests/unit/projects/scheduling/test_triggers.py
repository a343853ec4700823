from dataclasses import replace
from datetime import UTC, datetime

import pytest

from driftd.config.settings import Retrain
from driftd.projects.scheduling import triggers

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC).timestamp()  # a Wednesday
HOUR = 3600.0
QUIET = triggers.Facts(
    now=NOON, scheduled_from=NOON - HOUR, trained_at=NOON - 24 * HOUR, rows=500, trained_base="a" * 40, base="a" * 40
)


def kind(settings, **change):
    found = triggers.due(Retrain.model_validate(settings), replace(QUIET, **change))
    return found and found.kind


def test_nothing_is_due_unless_it_is_set():
    assert kind({}, rows=10**9, trained_at=0.0, base="b" * 40) is None


@pytest.mark.parametrize(
    ("settings", "change", "expected"),
    [
        ({"schedule": "30 11 * * *"}, {}, "schedule"),
        ({"schedule": "0 12 * * wed"}, {}, "schedule"),
        ({"schedule": "1 12 * * *"}, {}, None),
        ({"schedule": "30 11 * * *"}, {"rows": 0}, None),
        ({"schedule": "30 11 * * *"}, {"scheduled_from": NOON - HOUR / 3}, None),
        ({"schedule": "30 11 * * *"}, {"scheduled_from": NOON - 90 * 24 * HOUR}, "schedule"),
        ({"schedule": "0 3 * * 0"}, {"scheduled_from": NOON - 48 * HOUR}, None),
        ({"schedule": "0 3 * * 0"}, {"scheduled_from": NOON - 96 * HOUR}, "schedule"),
        ({"max_age": "1d"}, {}, "age"),
        ({"max_age": "1d"}, {"trained_at": NOON - 23 * HOUR}, None),
        ({"max_age": "1d"}, {"rows": 0}, None),
        ({"every_rows": 500}, {}, "rows"),
        ({"every_rows": 501}, {}, None),
        ({"on_base": True}, {}, None),
        ({"on_base": True}, {"base": "b" * 40}, "base"),
        ({"on_base": True}, {"base": "b" * 40, "rows": 0}, "base"),
    ],
)
def test_what_is_due(settings, change, expected):
    assert kind(settings, **change) == expected


def test_a_schedule_that_can_never_come_is_never_due():
    assert triggers.next_time("0 0 30 feb *", NOON) == float("inf")
