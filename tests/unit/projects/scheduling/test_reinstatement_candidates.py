from types import SimpleNamespace

from driftd.incidents import lifecycle
from driftd.incidents.lifecycle import ALARMS
from driftd.journal import Journal, references, tables
from driftd.journal.records import ProjectState, WindowState
from driftd.projects.scheduling import reinstatement_candidates


def test_an_alarm_while_a_regime_is_collected_is_like_no_earlier_one():
    for kind in ALARMS:
        incident = SimpleNamespace(kind=kind, window=9, reference_id=None, detail={})
        assert reinstatement_candidates.find(SimpleNamespace(journal=None, name="p"), incident) is None


def test_an_incident_that_moved_left_the_reference_of_its_newest_alarm(tmp_path):
    journal = Journal.open(tmp_path / "journal.db")
    with journal.write():
        tables.projects.add(journal, name="p", state=ProjectState.ACTIVE, columns=[], detail={})
        first, second = (
            tables.references.add(journal, project="p", profile=name, rows=9, made_of={}, armed=True, created_at=1.0)
            for name in "ab"
        )
        verdict = {"alarm": True, "columns": [{"name": "x", "drift": True, "effect": 0.3}]}
        for window, reference in ((4, first), (9, second)):
            tables.windows.add(
                journal,
                project="p",
                number=window,
                spans=[],
                rows=1,
                closed_at=1.0,
                closed_by="rows",
                state=WindowState.JUDGED,
                reference_id=reference,
            )
            number = lifecycle.alarm(journal, "p", "drift", window, window, verdict, reference)
            found = tables.incidents.get(journal, number)
            assert found.reference_id == first  # what a dismissal brings back
            assert references.left(journal, found) == reference
    journal.close()
