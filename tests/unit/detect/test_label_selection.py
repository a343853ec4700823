import json

import numpy as np
import pyarrow as pa
import pytest

from driftd.detect.label_selection import choose, pick
from driftd.detect.settings import DriftSettings
from driftd.detect.tasks.worker import build_reference
from driftd.readers import Column, Kind, Schema, Span, read_spans, row_ids, write
from driftd.readers.conform import arrow_schema

SCHEMA = Schema(
    (
        Column("x", Kind.NUMERIC),
        Column("kind", Kind.CATEGORICAL),
        Column("when", Kind.DATETIME),
        Column("y", Kind.CATEGORICAL, optional=True),
    )
)
TEXTS = Schema((Column("text", Kind.TEXT), Column("entities", Kind.ENTITIES)))
SETTINGS = DriftSettings(labels=("y",))


def file(path, rows, schema=SCHEMA):
    batch = pa.RecordBatch.from_pylist(rows, arrow_schema(schema))
    write(str(path), schema, [batch])
    return Span(str(path), 0, len(rows))


def table(rng, rows, kinds, mean=0.0, label=None):
    return [
        {"x": float(x), "kind": str(kind), "when": 1_600_000_000_000_000 + 3_600_000_000 * n, "y": label}
        for n, (x, kind) in enumerate(zip(rng.normal(mean, 1, rows), rng.choice(kinds, rows), strict=True))
    ]


@pytest.fixture
def known(tmp_path):
    rows = table(np.random.default_rng(1), 2000, ["a", "b"], label="A")
    return build_reference([file(tmp_path / "reference.jsonl", rows)], SCHEMA, SETTINGS).blob


def lines(content):
    return [json.loads(line) for line in content.decode().splitlines()]


def test_rows_that_make_up_the_change_come_first_and_no_two_are_alike(known, tmp_path):
    rng = np.random.default_rng(2)
    old, new = table(rng, 400, ["a", "b"]), table(rng, 100, ["c", "d"], mean=6.0)
    span = file(tmp_path / "new.jsonl", [*old, *new])
    content, count = choose(known, {"x": 0.2, "kind": 0.2}, [], [span], SCHEMA, ("y",), 20)
    found = lines(content)
    assert count == len(found) == 20
    assert all(row["kind"] in "cd" for row in found)
    assert {row["kind"] for row in found[:2]} == {"c", "d"}
    fifths = np.quantile([row["x"] for row in new], [0.2, 0.4, 0.6, 0.8])
    assert set(np.searchsorted(fifths, [row["x"] for row in found])) == set(range(5))
    assert found[0].keys() == {"x", "kind", "when", "meta"}
    assert 0.9 < found[0]["meta"]["worth"] <= 1.0
    assert choose(known, {"x": 0.2, "kind": 0.2}, [], [span], SCHEMA, ("y",), 20)[0] == content


def test_rare_values_that_are_as_many_as_before_are_worth_nothing(tmp_path):
    """Those of the reference's first half told which values there are, so that none of them is new."""
    rng = np.random.default_rng(5)

    def rows(shares):
        found = table(rng, 1000, [""])
        usual = rng.choice(["a", "b"], 1000, p=shares)
        for n in range(1000):
            found[n]["kind"] = str(usual[n]) if n % 5 < 3 else f"rare {rng.integers(1 << 40)}"
        return found

    reference = build_reference([file(tmp_path / "reference.jsonl", rows([0.5, 0.5]))], SCHEMA, SETTINGS).blob
    span = file(tmp_path / "new.jsonl", rows([0.2, 0.8]))
    found = lines(choose(reference, {"kind": 0.2}, [], [span], SCHEMA, ("y",), 5)[0])
    assert [row["kind"] for row in found] == ["b"] * 5


def test_a_row_that_comes_back_with_a_label_is_the_row_that_was_asked_for(known, tmp_path):
    span = file(
        tmp_path / "new.jsonl",
        [*table(np.random.default_rng(3), 30, ["c"]), {"x": None, "kind": None, "when": None, "y": None}],
    )
    found = lines(choose(known, {}, [], [span], SCHEMA, ("y",), 100)[0])
    back = tmp_path / "back.jsonl"
    back.write_text("".join(json.dumps(row | {"y": "B"}) + "\n" for row in found))

    [rows] = read_spans([Span(str(back), 0, 31)], SCHEMA)
    assert row_ids(rows, ("y",)) == [row["meta"]["row"] for row in found]


def test_rows_that_have_a_label_or_are_there_twice_are_not_asked_for_again(known, tmp_path):
    rng = np.random.default_rng(4)
    twice = table(rng, 1, ["c"]) * 5
    span = file(tmp_path / "new.jsonl", [*twice, *table(rng, 5, ["c"], label="B")])
    assert choose(known, {"kind": 1.0}, [], [span], SCHEMA, ("y",), 100)[1] == 1
    assert choose(
        known, {"kind": 1.0}, [], [file(tmp_path / "b.jsonl", table(rng, 5, ["c"], label="B"))], SCHEMA, ("y",), 9
    ) == (b"", 0)


def test_texts_with_new_words_come_first(tmp_path):
    old = [{"text": f"{n} Main Street Springfield", "entities": []} for n in range(600)]
    before = file(tmp_path / "old.jsonl", old, TEXTS)
    reference = build_reference([before], TEXTS, DriftSettings()).blob
    new = [{"text": f"{n} Main Street Springfield", "entities": None} for n in range(600, 640)]
    new += [{"text": f"{n} Rua Augusta Lisboa", "entities": None} for n in range(5)]
    span = file(tmp_path / "new.jsonl", new, TEXTS)
    content, _ = choose(reference, {"text": 0.1}, [before], [span], TEXTS, ("entities",), 5)
    assert all("Rua" in row["text"] for row in lines(content))
    assert lines(content)[0].keys() == {"text", "meta"}


def test_picks_are_far_apart_and_all_of_them_different():
    points = np.repeat(np.array([[0.0], [1.0], [0.5]]), 4, axis=0)
    picked = pick(np.ones(12), points, np.zeros((12, 1), np.int64), 12)
    assert points[picked[:3], 0].tolist() == [0.0, 1.0, 0.5]
    assert sorted(picked) == list(range(12))
