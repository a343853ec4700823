"""Terms of texts and entities: what they are, that their counts add up, and that no row vouches for itself."""

import json
import tracemalloc

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftd.profile import Layout, Profile
from driftd.profile.words import BUCKETS, Documents, _short, surfaces, words
from driftd.readers import Column, Kind

ENTITIES = pa.list_(pa.struct([("start", pa.int32()), ("end", pa.int32()), ("label", pa.string())]))
COLUMNS = [Column("text", Kind.TEXT), Column("entities", Kind.ENTITIES)]


def rows(texts, entities=None):
    spans = [[{"start": a, "end": b, "label": c} for a, b, c in each] for each in entities or [[]] * len(texts)]
    return pa.RecordBatch.from_arrays(
        [pa.array(texts, pa.string()), pa.array(spans, ENTITIES)], [c.name for c in COLUMNS]
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The cat, the CAT!", ["the", "cat", "the", "cat"]),
        ("it's 3 o'clock on 2026-11-26", ["it", "s", "3", "o", "clock", "on", "2026", "11", "26"]),
        ("", []),
        (" … ", []),
        (None, []),
        ("Größe ÉTÉ", ["größe", "été"]),
        ("हिन्दी शब्द", ["हिन्दी", "शब्द"]),  # vowel signs belong to their word
        ("東京は big", ["東", "京", "は", "big"]),  # no spaces to go by
        ("so 😂😂", ["so", "😂😂"]),
    ],
)
def test_words_of_a_text(text, found) -> None:
    assert words(pa.array([text], pa.string())) == [found]


def test_entities_are_label_and_surface() -> None:
    batch = rows(["Ada met Bo", "nobody"], [[(0, 3, "PER"), (8, 10, "PER")], []])
    assert surfaces(batch.column("entities"), batch.column("text")) == [["PER\nada", "PER\nbo"], []]


def test_any_number_is_the_same_term() -> None:
    one, other = (Documents.of_texts(pa.array([text])) for text in ("room 12b on 3 May", "room 7b on 21 May"))
    assert one.hashes.tolist() == other.hashes.tolist()


def test_what_is_no_word_but_a_file_in_letters_is_not_remembered() -> None:
    before = _short.cache_info().currsize
    one, other = (Documents.of_texts(pa.array(["x" * 10_000 + end])) for end in "ab")
    assert one.hashes.tolist() != other.hashes.tolist()
    assert _short.cache_info().currsize == before


def test_many_long_texts_are_never_held_as_words_all_at_once() -> None:
    column = pa.array(
        [" ".join(f"w{chr(97 + row % 26)}{chr(97 + word % 26)}" for word in range(100)) for row in range(20_000)]
    )
    tracemalloc.start()
    documents = Documents.of_texts(column)
    assert 20_000 * 25 < documents.frequencies[:BUCKETS].sum() <= 20_000 * 26  # some words share a bucket
    assert not documents.unseen(documents.known()).any()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60 << 20  # two million words are 120 MB as texts, and 16 MB as hashes with their rows


def test_a_row_counts_once_for_each_term() -> None:
    documents = Documents.of_texts(pa.array(["a a b", "a", None]))
    words, pairs = documents.frequencies.reshape(2, BUCKETS)
    assert sorted(words[words > 0].tolist()) == [1, 2]
    assert sorted(pairs[pairs > 0].tolist()) == [1, 1]  # "a a" and "a b"; the next row begins anew


def test_neighbours_are_counted_in_their_order_within_a_row() -> None:
    one, same, turned, apart = (
        Documents.of_texts(pa.array(texts)).frequencies[BUCKETS:]
        for texts in (["new york"], ["NEW, York"], ["york new"], ["new", "york"])
    )
    assert np.array_equal(one, same)
    assert one.sum() == turned.sum() == 1
    assert one.argmax() != turned.argmax()
    assert not apart.any()


def test_neighbours_share_a_bucket_no_more_often_than_by_chance() -> None:
    texts = [f"w{chr(97 + a)} w{chr(97 + b)}" for a in range(26) for b in range(26)]
    filled = (Documents.of_texts(pa.array(texts)).frequencies[BUCKETS:] > 0).sum()
    expected = BUCKETS * (1 - (1 - 1 / BUCKETS) ** len(texts))
    assert filled > expected - 25  # three standard deviations


def test_a_layout_of_before_neighbours_were_counted_counts_words_alone() -> None:
    batch = rows(["the cat sat"] * 4)
    layout = Layout.fit(batch, COLUMNS)
    data = layout.to_json()
    del data["buckets"]
    old = Layout.from_json(data)
    assert np.array_equal(Profile.of(old, [batch]).terms, Profile.of(layout, [batch]).terms[:, :BUCKETS])


def test_what_is_unseen_is_a_share_of_each_row() -> None:
    known = Documents.of_texts(pa.array(["the cat sat"])).known()
    new = Documents.of_texts(pa.array(["the dog", "cat", "", None]))
    assert new.unseen(known).tolist() == [0.5, 0.0, 0.0, 0.0]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text("ab 3é,", max_size=12), min_size=2, max_size=20), st.data())
def test_terms_of_a_whole_are_the_sum_of_its_parts(texts, data) -> None:
    batch = rows(texts)
    layout = Layout.fit(batch, COLUMNS)
    cut = data.draw(st.integers(0, len(texts)))
    parts = [Profile.of(layout, [part]) for part in (batch.slice(0, cut), batch.slice(cut))]
    whole = Profile.of(layout, [batch])
    for own, one, other in zip(whole.counts, parts[0].counts, parts[1].counts, strict=True):
        assert np.array_equal(own, one + other) or own is whole.pairs or own is whole.paired


def test_the_rows_that_say_what_is_known_are_not_compared() -> None:
    texts = ["the cat sat"] * 60 + ["the dog ran"] * 60
    batch = rows(texts)
    layout = Layout.fit(batch, COLUMNS)
    place = [feature.name for feature in layout.features].index("text.unseen")
    counted = Profile.of_reference(layout, lambda: [batch.slice(0, 50), batch.slice(50)])
    assert counted.tallies[place, 0] == 60
    assert counted.rows == 120
    spot = int(layout.binnings[place].codes(np.array([2 / 3]))[0])
    assert counted.cells[place, spot] == 60  # "dog" and "ran" are news to the first half
    assert counted.terms.sum(1)[0] == (3 + 2) * 120


def test_a_layout_with_terms_comes_back_and_holds_no_word() -> None:
    batch = rows(["Zanzibar calls"] * 4, [[(0, 8, "LOC")]] * 4)
    layout = Layout.fit(batch, COLUMNS)
    text = json.dumps(layout.to_json(), sort_keys=True)
    assert "anzibar" not in text
    back = Layout.from_json(json.loads(text))
    assert back.sources == ("text", "entities")
    for own, again in zip(layout.count(batch), back.count(batch), strict=True):
        assert np.array_equal(own, again)


def test_entities_without_one_text_to_point_into_have_no_terms() -> None:
    columns = [Column("a", Kind.TEXT), Column("b", Kind.TEXT), Column("entities", Kind.ENTITIES)]
    batch = pa.RecordBatch.from_arrays(
        [pa.array(["x"]), pa.array(["y"]), pa.array([[]], ENTITIES)], [c.name for c in columns]
    )
    layout = Layout.fit(batch, columns)
    assert layout.sources == ("a", "b")
    assert layout.count(batch)[2].shape == (2, 2 * BUCKETS)
