"""What pages remember of explanations."""

from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pytest

from driftd.detect.reference import Reference
from driftd.detect.settings import DriftSettings
from driftd.incidents import lifecycle
from driftd.journal import Journal, tables
from driftd.journal.layout import Layout
from driftd.journal.records import ProjectState
from driftd.profile import Profile
from driftd.readers import Column, Kind, Schema
from driftd.web.caches.explanation_cache import Explainer

TEXT = Schema((Column("text", Kind.TEXT),))
VERDICT = {
    "alarm": True,
    "columns": [{"name": "text", "kind": "text", "drift": True, "effect": 0.4, "evidence": 1e9, "statistics": []}],
}
ROWS = 200
BEFORE, NOW = ["we met in york"] * ROWS, ["we met in leeds"] * ROWS


@pytest.fixture
def alarmed(tmp_path):
    """A sudden alarm: the incident's windows are the last one that was judged, alone."""
    layout = Layout(tmp_path, "p")
    batches = [pa.record_batch([pa.array(texts)], ["text"]) for texts in (BEFORE, NOW)]
    reference = Reference.build(lambda: batches[:1], TEXT.columns, DriftSettings(window_rows=ROWS))
    for folder in (layout.references, layout.windows):
        folder.mkdir(parents=True)
    (layout.references / "a").write_bytes(reference.to_bytes())
    rows = tmp_path / "rows.csv"
    rows.write_text("\n".join(["text", *BEFORE, *NOW]) + "\n")
    journal = Journal.open(tmp_path / "journal.db", clock=lambda: 1000.0)
    with journal.write():
        tables.projects.add(journal, name="p", state=ProjectState.ACTIVE, columns=TEXT.to_json(), detail={})
        known = tables.references.add(
            journal, project="p", profile="a", rows=ROWS, made_of={}, armed=True, created_at=1.0
        )
        tables.projects.set(journal, "name = 'p'", reference_id=known)
        file = tables.files.add(
            journal,
            project="p",
            name="rows.csv",
            location=bytes(rows),
            sha256="0",
            size=1,
            mtime_ns=1,
            state="admitted",
            rows=2 * ROWS,
            arrived_at=1.0,
        )
        for number, batch in enumerate(batches, 1):
            (layout.windows / str(number)).write_bytes(Profile.of(reference.layout, [batch]).to_bytes())
            tables.windows.add(
                journal,
                project="p",
                number=number,
                spans=[(file, ROWS * (number - 1), ROWS)],
                rows=ROWS,
                closed_at=1.0,
                closed_by="rows",
                state="judged",
                reference_id=known,
                profile=str(number),
                verdict=VERDICT,
            )
        incident = lifecycle.alarm(journal, "p", "drift", 2, 2, VERDICT, known)
    yield journal, incident
    journal.close()


def test_an_incident_has_its_words_also_after_the_page_of_its_project(alarmed):
    journal, incident = alarmed
    with ThreadPoolExecutor(1) as executor:
        explainer = Explainer(executor)
        [of_project] = explainer.project(journal, "p")
        [of_incident] = explainer.incident(journal, incident)
        assert not of_project["terms"]
        assert {term["term"] for term in of_incident["terms"]} >= {"leeds", "york"}
        assert explainer.project(journal, "p") == [of_project]
        assert explainer.incident(journal, incident)[0] is of_incident  # it is made once
