import gzip
import json
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.pipeline import stage

rows = stage("rows")

VECTORS = [
    vector
    for vector in json.loads((Path(__file__).parents[2] / "contract" / "row_identity.json").read_text("utf-8"))
    if isinstance(vector["row"].get("text"), str)
]
UBER = "Uber blew through $1 million a week"
ORG, MONEY = (0, 4, "ORG"), (18, 28, "MONEY")


@pytest.mark.parametrize("vector", [pytest.param(vector, id=vector["why"]) for vector in VECTORS])
def test_a_text_has_the_identity_that_driftd_gives_it(vector):
    assert rows.row_id(vector["row"]["text"]) == vector["sha256"]


def test_there_are_vectors_of_texts():
    assert len(VECTORS) >= 5


def test_a_row_stands_where_its_first_32_bits_say():
    assert rows.place("00000000" + "f" * 56) == 0
    assert rows.place("80000000" + "f" * 56) == 0.5
    assert rows.place("f" * 64) < 1


@given(st.text())
def test_the_place_is_that_of_the_contract(text):
    identity = rows.row_id(text)
    assert rows.place(identity) == int(identity[:8], 16) / 2**32


def read(folder, name, content):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(rows.read(path, folder))


SPELLINGS = {
    "lists": {"text": UBER, "entities": [[*ORG], [*MONEY]]},
    "objects": {"text": UBER, "entities": [{"start": 0, "end": 4, "label": "ORG"}, [*MONEY]]},
    "prodigy": {
        "text": UBER,
        "spans": [{"start": s, "end": e, "label": name, "token_start": 0} for s, e, name in (ORG, MONEY)],
        "answer": "accept",
    },
    "doccano": {"id": 7, "text": UBER, "label": [[*ORG], [*MONEY]]},
    "doccano, plural": {"id": 7, "text": UBER, "labels": [[*ORG], [*MONEY]]},
    "doccano, relations": {
        "text": UBER,
        "entities": [{"id": 1, "start_offset": s, "end_offset": e, "label": name} for s, e, name in (ORG, MONEY)],
        "relations": [],
    },
    "pair": [UBER, [[*ORG], [*MONEY]]],
    "training example": [UBER, {"entities": [[*ORG], [*MONEY]]}],
    "a null before": {"text": UBER, "entities": None, "spans": [[*ORG], [*MONEY]]},
    "a category before": {"text": UBER, "label": "business", "labels": [[*ORG], [*MONEY]]},
}


@pytest.mark.parametrize("item", [pytest.param(item, id=name) for name, item in SPELLINGS.items()])
def test_every_spelling_is_the_same_row(tmp_path, item):
    (row,) = read(tmp_path, "a.jsonl", json.dumps(item))
    assert (row.text, row.entities, row.file, row.where) == (UBER, (ORG, MONEY), "a.jsonl", "line 1")
    assert read(tmp_path, "b.json", json.dumps({"spacy_data": [item]}))[0].entities == (ORG, MONEY)
    assert read(tmp_path, "c.json", json.dumps([item]))[0].entities == (ORG, MONEY)


UNLABELLED = {
    "text alone": {"text": UBER},
    "null": {"text": UBER, "entities": None},
    "pair": [UBER, None],
    "rejected": {"text": UBER, "spans": [[*ORG]], "answer": "reject"},
    "ignored": {"text": UBER, "spans": [[*ORG]], "answer": "ignore"},
    "category": {"text": UBER, "label": ["business"]},
}


@pytest.mark.parametrize("item", [pytest.param(item, id=name) for name, item in UNLABELLED.items()])
def test_a_row_without_labels_has_none(tmp_path, item):
    assert read(tmp_path, "a.jsonl", json.dumps(item))[0].entities is None


def test_a_row_may_have_no_entity_and_be_labelled(tmp_path):
    assert read(tmp_path, "a.jsonl", json.dumps({"text": UBER, "entities": []}))[0].entities == ()


def test_lines_are_counted_with_the_empty_ones(tmp_path):
    found = read(tmp_path, "sub/a.ndjson", '\ufeff{"text": "Zoë"}\r\n\n  \n{"text": "東京"}')
    assert [(row.text, row.file, row.where) for row in found] == [
        ("Zoë", "sub/a.ndjson", "line 1"),
        ("東京", "sub/a.ndjson", "line 4"),
    ]


def test_packed_files_are_unpacked(tmp_path):
    content = b'{"text": "one"}\n{"text": "two"}\n'
    assert [row.text for row in read(tmp_path, "a.jsonl.gz", gzip.compress(content))] == ["one", "two"]
    packed = pa.compress(content, codec="zstd", asbytes=True)
    assert [row.text for row in read(tmp_path, "a.jsonl.zst", packed)] == ["one", "two"]
    document = gzip.compress(b'{"spacy_data": [["one", []]]}')
    assert [row.text for row in read(tmp_path, "a.json.gz", document)] == ["one"]


BROKEN = {
    "cut off": ("a.jsonl", '{"text": "one"}\n{"text": "tw', "a.jsonl, line 2: not valid JSON"),
    "not UTF-8": ("a.jsonl", b'{"text": "one"}\n{"text": "Z\xfcrich"}', "a.jsonl, line 2: not UTF-8"),
    "no text": ("a.jsonl", '{"entities": []}', "line 1: a row takes a `text`"),
    "text is a number": ("a.jsonl", '{"text": 1}', "line 1: a row takes a `text`"),
    "no row": ("a.jsonl", '"Uber"', "line 1: a row is an object with `text`"),
    "entity of two": ("a.jsonl", '{"text": "Uber", "entities": [[0, 4]]}', r"line 1: an entity is .* not \[0, 4\]"),
    "offsets as text": ("a.jsonl", '{"text": "U", "spans": [["0", "1", "X"]]}', "line 1: an entity is"),
    "entities as text": ("a.jsonl", '{"text": "U", "entities": "none"}', "line 1: `entities` is no list"),
    "half a character": ("a.jsonl", '{"text": "\\ud83d"}', "line 1: the text has half a surrogate pair"),
    "document cut off": ("a.json", '{"spacy_data": [\n["Uber", []],\n["Ly', "a.json, line 3: not valid JSON"),
    "document not UTF-8": ("a.json", b'{"spacy_data": [\n["Z\xfcrich", []]]}', "a.json, line 2: not UTF-8"),
    "another document": ("a.json", '{"data": []}', 'a.json: neither {"spacy_data"'),
    "wrong element": ("a.json", '{"spacy_data": [["Uber", []], ["Lyft"]]}', "a.json, row 2: a row is"),
    "not gzip": ("a.jsonl.gz", b'{"text": "one"}', "a.jsonl.gz: Not a gzipped file"),
    "gzip cut off": ("a.jsonl.gz", gzip.compress(b'{"text": "one"}\n' * 99)[:-9], "a.jsonl.gz: Compressed file ended"),
    "not zstandard": ("a.jsonl.zst", b'{"text": "one"}', "a.jsonl.zst: "),
}


@pytest.mark.parametrize(("name", "content", "message"), [pytest.param(*case, id=key) for key, case in BROKEN.items()])
def test_what_is_broken_is_named_with_its_place(tmp_path, name, content, message):
    with pytest.raises(rows.RowError, match=message):
        read(tmp_path, name, content)


def test_files_are_found_by_name_and_in_order(tmp_path):
    for name in (
        "b.jsonl",
        "a/z.json.gz",
        "c.ndjson.zst",
        "notes.md",
        "d.jsonl.tmp",
        "e.part",
        ".hidden.jsonl",
        ".h/f.json",
    ):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    found, other = rows.data_files(tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in found] == ["a/z.json.gz", "b.jsonl", "c.ndjson.zst"]
    assert [path.name for path in other] == ["notes.md"]
