from dataclasses import replace

import numpy as np
import pytest

from driftd.detect.history import History
from driftd.detect.loss_monitor import Watch, accepted, weigh
from driftd.detect.reference import Reference
from driftd.detect.settings import DriftSettings

SETTINGS = DriftSettings(window_rows=50, reference_rows=2000)


def errors(rng, rows, rate):
    return (rng.random(rows) < rate).astype(float).tolist()


def watched(first, windows):
    """Weigh windows until one alarms; return the answers."""
    reference, history, said = accepted(first, SETTINGS), History(), []
    for losses in windows:
        done = weigh(reference, history, losses, SETTINGS)
        reference, history = done.reference, done.history
        said.append(done)
        if done.decay.alarm:
            break
    return said


def test_a_flip_of_the_labels_is_an_alarm_at_once_though_few_test_rows_say_what_is_usual():
    rng = np.random.default_rng(1)
    said = watched(errors(rng, 60, 0.1), [*(errors(rng, 50, 0.2) for _ in range(5)), errors(rng, 50, 0.75)])
    assert [each.decay.alarm for each in said] == [False] * 5 + [True]
    assert said[-1].onset == 0
    assert said[-1].decay.now > 0.5 > said[-1].decay.before


def test_a_slow_rise_is_found_and_says_since_when():
    rng = np.random.default_rng(2)
    said = watched(errors(rng, 2000, 0.1), [errors(rng, 50, rate) for rate in [0.1] * 20 + [0.2] * 30])
    assert said[-1].decay.alarm
    assert 20 < len(said) <= 35
    assert abs(len(said) - 1 - said[-1].onset - 20) <= 6


@pytest.mark.parametrize("first", [[0.0] * 100, [1.0] * 100, [0.0, 1.0] * 50, [0.5]])
def test_losses_of_few_values_have_room_for_the_others(first):
    assert watched(first, [first] * 30)[-1].decay.alarm is False
    assert watched([0.0] * 100, [[1.0] * 50])[-1].decay.alarm


def test_losses_that_are_no_errors_are_ranked():
    rng = np.random.default_rng(3)
    usual = [rng.exponential(1.0, 50).tolist() for _ in range(20)]
    said = watched(
        rng.exponential(1.0, 500).tolist(), [*usual, *(rng.exponential(1.6, 50).tolist() for _ in range(20))]
    )
    assert 20 < len(said) <= 30
    assert said[-1].decay.alarm


def test_losses_that_explode_are_an_alarm_at_once_and_told_as_they_are():
    rng = np.random.default_rng(4)
    first, now = rng.exponential(1.0, 500).tolist(), [1000.0, 3000.0] * 25
    assert watched(first, [now])[-1].decay.alarm
    onset, verdict = Watch(first, SETTINGS).weigh(7, now)
    assert (onset, verdict.decay.now, verdict.decay.rows) == (7, 2000.0, 50)


def test_two_windows_make_a_reference_where_later_losses_are_asked_for():
    rng = np.random.default_rng(6)
    watch = Watch([], replace(SETTINGS, later=True))
    said = [watch.weigh(window, errors(rng, 50, 0.3 if window < 8 else 0.9)) for window in range(1, 9)]
    assert said[:-1] == [None] * 7
    onset, verdict = said[-1]
    assert onset == 8
    assert verdict.decay.before == pytest.approx(0.3, abs=0.15)
    first = Watch([0.0] * 200, replace(SETTINGS, later=True))
    assert first.weigh(1, errors(rng, 50, 0.3))


def test_a_young_reference_grows_and_survives_its_bytes():
    rng = np.random.default_rng(4)
    said = watched(errors(rng, 60, 0.2), [errors(rng, 50, 0.2) for _ in range(60)])
    assert not said[-1].decay.alarm
    assert said[-1].reference.profile.rows > 60
    again = Reference.from_bytes(said[-1].reference.to_bytes())
    assert again.loss == 0
    assert (again.profile.cells == said[-1].reference.profile.cells).all()


def test_the_budget_holds_while_nothing_changes():
    settings = DriftSettings(window_rows=50, reference_rows=2000, false_alarms=50.0)
    rng = np.random.default_rng(5)
    alarms = windows = 0
    for _ in range(10):
        reference, history = accepted(errors(rng, 500, 0.2), settings), History()
        for _ in range(100):
            windows += 1
            done = weigh(reference, history, errors(rng, 50, 0.2), settings)
            reference, history = done.reference, done.history
            if done.decay.alarm:
                alarms += 1
                break
    assert alarms <= windows / (50 / 0.25) + 3 * (windows / 200) ** 0.5
