from types import SimpleNamespace

from driftd.projects import recall
from driftd.projects.incidents import ALARMS


def test_an_alarm_while_a_regime_is_collected_is_like_no_earlier_one():
    for kind in ALARMS:
        incident = SimpleNamespace(kind=kind, window=9, reference_id=None)
        assert recall.find(SimpleNamespace(journal=None, name="p"), incident) is None
