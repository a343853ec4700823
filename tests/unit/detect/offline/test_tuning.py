from driftd.detect.offline.tuning import score, tune
from driftd.detect.settings import DriftSettings

SETTINGS = DriftSettings(window_rows=100)


def test_an_alarm_belongs_to_the_change_before_it() -> None:
    tried = score(SETTINGS, (900, 1200, 1500, 9000, 9900), 80, [1000, 3000])
    assert tried.found == 1
    assert tried.delays == (2.0,)
    assert tried.delay == 2.0
    assert tried.others == 3  # before any change, and more than forty windows behind the last one


def test_without_known_changes_every_alarm_is_told() -> None:
    tried = score(SETTINGS, (900,), 80, [])
    assert (tried.found, tried.delay, tried.others) == (0, None, 1)


def test_every_budget_is_tried_with_every_floor() -> None:
    asked = []

    def judge(settings):
        asked.append((settings.false_alarms, settings.min_effect))
        return [
            {"armed": True, "drift": settings.false_alarms < 600, "row_end": 1100},
            {"armed": False, "drift": False, "row_end": 1200},
        ]

    found = list(tune(judge, SETTINGS, [1000], budgets=(500, 5000), floors=(0.0, 0.1)))
    assert asked == [(500, 0.0), (5000, 0.0), (500, 0.1), (5000, 0.1)]
    assert [(each.found, each.windows) for each in found] == [(1, 1), (0, 1), (1, 1), (0, 1)]
