"""What must not go into production, with real spaCy and DVC. That a better one does, the demo's test shows on the same project."""

import re

import pytest

from driftd.journal import tables
from driftd.journal.records import RunState
from support.pipeline import IOWA, NATIONWIDE, commit, files_of, lines, set_params, start_repository, write_data
from support.project import tool
from support.retraining import Clock, Retraining

pytestmark = pytest.mark.slow

PROMOTE = {"metric": "scores.json:ents_f", "guards": [{"metric": "scores.json:*.f", "max_drop": 0.3}]}
SHUFFLE = """
    labels = sorted({entity[2] for each in rows for entity in each.entities})
    mixed = lambda row: replace(row, entities=tuple((a, b, labels[hash((row.text, a)) % len(labels)]) for a, b, _ in row.entities))
"""
LEAVE_OUT = """
    mixed = lambda row: replace(row, entities=tuple(each for each in row.entities if each[2] != "OccupancyType"))
"""


def spoil(repository, code):
    """Commit a preprocessing that changes the rows to train on."""
    path = repository / "stages" / "preprocess.py"
    text = path.read_text().replace(
        "    nlp = spacy.blank(", f"    from dataclasses import replace\n{code}\n    nlp = spacy.blank("
    )
    text = text.replace("document(nlp, row, report)", 'document(nlp, mixed(row) if name == "train" else row, report)')
    path.write_text(text)
    commit(repository, "A mistake")


def test_the_champion_stays_where_a_candidate_is_worse_equal_or_loses_a_guarded_label(tmp_path):
    repository = files_of(tmp_path / "repository", epochs=4, test_share=0.3)
    write_data(repository, iowa=lines(IOWA, 300))
    start_repository(repository)
    same_rows = PROMOTE | {"score_stages": ["evaluate"]}  # quicker, where no row has come
    addresses = start(repository, tmp_path, same_rows)
    assert addresses.first().state is RunState.PROMOTED
    served = addresses.served()

    def kept(said, windows=None):
        run = addresses.answer(windows, 1 if windows else None)
        assert run.state is RunState.KEPT, run.error or run.decision["sentence"]
        assert re.search(said, run.decision["sentence"])
        assert addresses.served() == served
        return run.decision

    assert kept("The champion stays: .* a gain of 0.000")["candidate"] > 0.8

    set_params(repository, epochs=0)
    commit(repository, "Trains nothing")
    assert kept(r"The champion stays: ents_f from 0\.\d+ to 0\.000")["interval"]["upper"] < 0
    tool(repository, "git", "revert", "--no-edit", "HEAD")

    spoil(repository, SHUFFLE)
    assert kept(r"The champion stays: ents_f from 0\.\d+ to 0\.\d+ .* a gain of -0\.")["candidate"] < 0.5
    tool(repository, "git", "revert", "--no-edit", "HEAD")

    spoil(repository, LEAVE_OUT)
    addresses = start(repository, tmp_path, PROMOTE, addresses.clock)
    arrived = tmp_path / "nationwide.jsonl"
    arrived.write_text("".join(lines(NATIONWIDE, 100)), "utf-8")
    addresses.admit(1, arrived, 100)
    decision = kept(r"though the candidate gains: .*OccupancyType\.f falls from 0\.\d+ to 0\.000", (1, 1))
    assert decision["interval"]["lower"] > 0
    assert len(tables.models.all(addresses.journal)) == 1


def start(repository, folder, promote, clock=None):
    sections = {"project": {"columns": {}, "labels": []}, "promote": promote}
    return Retraining(repository, folder / "state", sections, name="addresses", clock=clock or Clock())
