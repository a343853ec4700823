import pytest

from driftd.web.charts.series import gain, slots


@pytest.mark.parametrize(("windows", "room"), [(0, 15), (9, 15), (15, 15), (16, 30), (60, 60), (61, 61)])
def test_a_young_project_has_room_to_grow_and_is_seen(windows, room):
    assert slots(windows) == room


def test_an_interval_keeps_its_order_and_its_place_on_the_axis():
    placed = gain(lower=-0.01, difference=0.02, upper=0.05, asked=0.0)
    assert 0 < placed.low < placed.zero == placed.asked < placed.middle < placed.high < 100
