import json
import pickle

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from driftd.detect.settings import DriftSettings
from driftd.detect.tasks import protocol, worker
from driftd.readers import Span, infer

SETTINGS = DriftSettings(window_rows=100)


@pytest.fixture
def stream(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=3000)
    x[2000:] += 1.5
    path = tmp_path / "stream.parquet"
    pq.write_table(pa.table({"x": x, "c": rng.choice(list("abc"), 3000)}), path)
    return str(path)


def judged(stream, cut):
    """Judge windows of 100 rows, each read in spans of `cut` rows."""
    schema = infer([stream])
    blob, state, said = worker.build_reference([Span(stream, 0, 1000)], schema, SETTINGS).blob, None, []
    for first in range(1000, 2300, 100):
        spans = [Span(stream, row, min(cut, first + 100 - row)) for row in range(first, first + 100, cut)]
        done = pickle.loads(pickle.dumps(worker.judge(blob, state, spans, schema, SETTINGS)))  # noqa: S301  # our own
        state, blob = done.state, done.reference or blob
        said.append(done)
    return said


def test_the_change_is_found_and_everything_crosses_as_plain_data(stream) -> None:
    verdicts = [each.verdict for each in judged(stream, 100)]
    assert [v.alarm for v in verdicts].index(True) == 10
    alarm = verdicts[10]
    assert alarm.onset_windows_back == 0
    assert [c.name for c in alarm.columns if c.drift] == ["x"]
    assert json.loads(json.dumps(alarm.to_json()))["columns"][0]["statistics"][0]["name"] == "ks"


def test_the_same_rows_give_the_same_bytes_however_they_are_cut(stream) -> None:
    assert judged(stream, 100) == judged(stream, 7)


def test_a_new_regime_waits_until_it_has_settled(tmp_path) -> None:
    rng = np.random.default_rng(1)
    moving = np.concatenate([np.linspace(0, 2, 1600), np.full(3000, 2.0)])
    path = str(tmp_path / "regime.parquet")
    pq.write_table(pa.table({"x": rng.normal(moving, 1), "y": rng.normal(size=4600)}), path)
    schema = infer([path])
    built = {
        rows: worker.build_reference([Span(path, 0, rows)], schema, SETTINGS, settle=True)
        for rows in range(800, 4600, 100)
    }
    first = min(rows for rows, each in built.items() if each.armed)
    assert 1700 <= first <= 3300
    assert built[first].rows == SETTINGS.rows_to_watch
    assert "move" in (built[800].reason or "")
    assert worker.build_reference([Span(path, 0, 800)], schema, SETTINGS).armed


def test_ignored_columns_are_not_looked_at(stream) -> None:
    schema = infer([stream])
    settings = DriftSettings(window_rows=100, ignore=("x",))
    built = worker.build_reference([Span(stream, 0, 1000)], schema, settings)
    verdict = worker.judge(built.blob, None, [Span(stream, 2100, 100)], schema, settings).verdict
    assert [c.name for c in verdict.columns] == ["c"]
    assert not verdict.alarm


def test_settings_that_change_between_two_references_are_obeyed_at_once(stream) -> None:
    schema = infer([stream])
    built = worker.build_reference([Span(stream, 0, 1000)], schema, SETTINGS)
    moved = [Span(stream, 2100, 100)]
    assert worker.judge(built.blob, None, moved, schema, SETTINGS).verdict.alarm
    for change in ({"ignore": ("x",)}, {"thresholds": {"x": {"ks": 0.9}}}):
        settings = DriftSettings(window_rows=100, **change)
        assert not worker.judge(built.blob, None, moved, schema, settings).verdict.alarm
    ignoring = worker.build_reference([Span(stream, 0, 1000)], schema, DriftSettings(window_rows=100, ignore=("x",)))
    verdict = worker.judge(ignoring.blob, None, moved, schema, SETTINGS).verdict
    assert [c.name for c in verdict.columns] == ["c"]


def test_names_that_mean_nothing_are_noted(stream) -> None:
    thresholds = {"y": {"psi": 0.2}, "c": {"ks": 0.1, "psi": 0.2}, "x": {"ks": 0.1}}
    settings = DriftSettings(window_rows=100, ignore=("c2",), thresholds=thresholds)
    notes = worker.build_reference([Span(stream, 0, 1000)], infer([stream]), settings).notes
    assert notes == [
        "drift.ignore: there is no column 'c2'; did you mean 'c'?",
        "drift.columns: there is no column 'y'; there are: c, x",
        "drift.columns: ks compares numbers, and 'c' is categorical",
    ]


def test_errors_that_rise_are_a_change_of_their_own_kind(tmp_path) -> None:
    rng = np.random.default_rng(2)
    truth = rng.choice(["yes", "no"], 1300)
    wrong = rng.random(1300) < np.where(np.arange(1300) < 1100, 0.1, 0.6)
    path = str(tmp_path / "answered.parquet")
    said = np.where(wrong, np.where(truth == "yes", "no", "yes"), truth)
    pq.write_table(pa.table({"x": rng.normal(size=1300), "truth": truth, "said": said}), path)
    schema = infer([path])
    settings = DriftSettings(window_rows=100, score=("truth", "said"), ignore=("truth", "said"))
    built = protocol.build([Span(path, 0, 1000)], schema, settings, settle=False)
    state, changes = None, []
    for first in (1000, 1100, 1200):
        done = protocol.judge(built.blob, state, [Span(path, first, 100)], schema, settings, [])
        state = done.state
        changes.append(done.change)
    assert changes[0] is None
    assert "score" in changes
    assert done.verdict["decay"]["now"] > 0.5
