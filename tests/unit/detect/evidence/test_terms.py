"""Words and entities as evidence: what no length or character shows is found, and no more often than the budget has it."""

import sys
import tracemalloc
from collections import Counter
from itertools import islice, pairwise, product
from pathlib import Path
from string import ascii_lowercase

import numpy as np
import pyarrow as pa
import pytest

from driftd.detect.column_settings import misfits
from driftd.detect.combination import Blocks, Evidence
from driftd.detect.evidence.terms import log_ratio
from driftd.detect.explanation import term_changes
from driftd.detect.explanation.change_pattern import classify
from driftd.detect.explanation.distributions import explain
from driftd.detect.explanation.term_changes import changed_terms
from driftd.detect.history import History
from driftd.detect.offline.two_sample import check
from driftd.detect.reference import Reference
from driftd.detect.sequential_test import step
from driftd.detect.settings import DriftSettings
from driftd.detect.tasks.worker import load_history, save_history
from driftd.profile import Profile

sys.path.insert(0, str(Path(__file__).parents[4] / "benchmarks"))
from structure import DOCUMENTS, ENTITY, documents

sys.path.pop(0)

SETTINGS = DriftSettings(window_rows=250)


@pytest.fixture(scope="module")
def quiet() -> tuple[pa.RecordBatch, Reference]:
    rows = documents()(np.random.default_rng(0), 2000)
    return rows, Reference.build(lambda: [rows], DOCUMENTS, SETTINGS)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"new_words": 0.05}, {"text"}),
        ({"other_rates": 0.2}, {"text"}),
        ({"new_surface": 0.1}, {"text", "entities"}),
    ],
)
def test_words_of_equal_length_are_told_apart(quiet, change, named) -> None:
    rng = np.random.default_rng(1)
    now = documents(**change)(rng, 500)
    found = check(lambda: [quiet[0]], [now], DOCUMENTS, SETTINGS, 0.001)
    assert found.drift
    assert named & {column.name for column in found.columns if column.drift}


def test_a_stored_reference_judges_by_words_and_entities_as_the_one_in_memory(quiet) -> None:
    stored = Reference.from_bytes(quiet[1].to_bytes())
    now = documents()(np.random.default_rng(8), 250)
    assert stored.layout.sources == quiet[1].layout.sources == ("text", "entities")
    assert np.array_equal(Profile.of(stored.layout, [now]).terms, Profile.of(quiet[1].layout, [now]).terms)
    said = step(stored, History(), Profile.of(stored.layout, [now]), SETTINGS)
    assert not said.verdict.alarm


def test_what_was_stored_before_there_were_terms_goes_on_without_them() -> None:
    stored = Path(__file__).with_name("before_terms")
    reference = Reference.from_bytes((stored / "000001.reference").read_bytes())
    history = load_history((stored / "detector").read_bytes())
    before = Profile.from_bytes((stored / "00000003.profile").read_bytes())
    assert reference.layout.sources == ()
    quiet, loud = (documents(person=person)(np.random.default_rng(7), 250) for person in (0.5, 0.9))
    done = step(reference, history, Profile.of(reference.layout, [quiet]), SETTINGS)
    assert done.verdict.armed
    assert not done.verdict.alarm
    again = Reference.from_bytes(done.reference.grown(before).to_bytes())
    done = step(again, load_history(save_history(done.history)), Profile.of(again.layout, [loud]), SETTINGS)
    assert [column.name for column in done.verdict.columns if column.drift] == ["entities"]


def named(rng, count, *, tied):
    """Sentences about eight names, each of them as often a person as an organisation, or always the same."""
    names = rng.integers(0, 8, count)
    people = names < 4 if tied else rng.random(count) < 0.5
    texts = [f"{'abcdefgh'[name] * 3} is here" for name in names]
    entities = [[{"start": 0, "end": 3, "label": "PER" if person else "ORG"}] for person in people]
    return pa.record_batch([pa.array(texts), pa.array(entities, pa.list_(ENTITY))], ["text", "entities"])


def test_a_name_that_gets_another_label_is_drift_where_names_and_labels_are_as_frequent_as_before() -> None:
    rng = np.random.default_rng(2)
    before = named(rng, 2000, tied=False)
    found = check(lambda: [before], [named(rng, 500, tied=True)], DOCUMENTS, SETTINGS, 0.001)
    assert [column.name for column in found.columns if column.drift] == ["entities"]
    assert not check(lambda: [before], [named(rng, 500, tied=False)], DOCUMENTS, SETTINGS, 0.001).drift


@pytest.mark.slow
def test_terms_reject_no_more_often_than_they_say(quiet) -> None:
    reference = quiet[1]
    draw, rng = documents(), np.random.default_rng(3)
    profiles = [Profile.of(reference.layout, [draw(rng, 100)]) for _ in range(400)]
    stacked = Profile(*(np.array(each) for each in zip(*(p.counts for p in profiles), strict=True)))
    base = Profile(
        *(np.broadcast_to(own, new.shape) for own, new in zip(reference.profile.counts, stacked.counts, strict=True))
    )
    p_values = reference.terms.test(base, stacked, 0.0).p_values
    for level in (0.01, 0.05, 0.2):
        # exact tests of few rows reject less often; three standard errors above the level is no chance
        assert (p_values <= level).mean() <= level + 3 * np.sqrt(level / len(p_values))


def test_terms_that_come_in_bursts_are_worth_fewer_rows() -> None:
    rng = np.random.default_rng(0)
    plain = documents()(rng, 2000)
    topics = np.repeat(rng.random(20) < 0.5, 100)
    texts = [
        f"{text} storm" if hot else text for text, hot in zip(plain.column("text").to_pylist(), topics, strict=True)
    ]
    rows = pa.RecordBatch.from_arrays([pa.array(texts), plain.column("entities")], ["text", "entities"])
    bursts, steady = (Reference.build(lambda r=r: [r], DOCUMENTS, SETTINGS) for r in (rows, plain))
    assert steady.term_design.max() < 5
    assert bursts.term_design.max() > 20
    again = Reference.from_bytes(bursts.to_bytes())
    assert np.array_equal(again.term_design, bursts.term_design)
    assert again.to_bytes() == bursts.to_bytes()


def test_new_words_that_come_in_bursts_are_worth_fewer_rows() -> None:
    rng = np.random.default_rng(0)
    plain = documents()(rng, 4000)
    rates = np.repeat(rng.beta(0.5, 1.5, 20), 200)  # of rows with a new word, a session each
    letters = np.array(list("xyzqvw"))
    texts = [
        f"{text} {''.join(rng.choice(letters, 9))}" if new else text
        for text, new in zip(plain.column("text").to_pylist(), rng.random(4000) < rates, strict=True)
    ]
    rows = pa.RecordBatch.from_arrays([pa.array(texts), plain.column("entities")], ["text", "entities"])
    bursts, steady = (Reference.build(lambda r=r: [r], DOCUMENTS, SETTINGS) for r in (rows, plain))
    assert steady.terms.unseen_design.tolist() == [1.0, 1.0]
    assert bursts.terms.unseen_design[0] > 20


def test_a_word_of_all_rows_that_goes_from_a_tenth_is_sure() -> None:
    def texts(rows: int, without: int) -> pa.RecordBatch:
        plain = documents()(np.random.default_rng(rows), rows)
        added = [text if i < without else f"{text} always" for i, text in enumerate(plain.column("text").to_pylist())]
        return pa.RecordBatch.from_arrays([pa.array(added), plain.column("entities")], ["text", "entities"])

    reference = Reference.build(lambda: [texts(2000, 0)], DOCUMENTS, SETTINGS)
    found = [
        Evidence.of(reference, Blocks.single(reference.profile, Profile.of(reference.layout, [texts(250, few)])), 0.02)
        for few in (0, 25)
    ]
    quiet_p, gone_p = (float(each.terms.worth[0, 0]) for each in found)
    assert quiet_p > 0.01
    assert gone_p < 1e-10


def test_a_change_of_words_alone_has_an_onset(quiet) -> None:
    rng = np.random.default_rng(4)
    draws = [documents()] * 6 + [documents(other_rates=0.3)] * 6
    windows = [Profile.of(quiet[1].layout, [draw(rng, 250)]) for draw in draws]
    moved = [place for place, f in enumerate(quiet[1].layout.features) if f.column == "text"]
    found = classify(quiet[1], moved, windows, 7)
    assert (found.kind, found.onset) == ("sudden", 6)


def test_columns_left_out_have_no_terms(quiet) -> None:
    fewer = quiet[1].under(DriftSettings(window_rows=250, ignore=("text",)))
    assert fewer.terms.tested.tolist() == [False, True]
    history = History()
    now = documents(other_rates=0.5)(np.random.default_rng(5), 250)
    done = step(fewer, history, Profile.of(fewer.layout, [now]), SETTINGS)
    assert "text" not in [column.name for column in done.verdict.columns if column.drift]


@pytest.mark.parametrize(("part", "left"), [("text", False), ("text.length", True), ("text.unseen", True)])
def test_a_fixed_threshold_of_a_part_leaves_the_words_as_evidence(quiet, part, left) -> None:
    settings = DriftSettings(window_rows=250, thresholds={part: {"ks": 0.9}})
    now = documents(other_rates=0.5)(np.random.default_rng(5), 500)
    found = check(lambda: [quiet[0]], [now], DOCUMENTS, settings, 0.001)
    assert ("text" in [column.name for column in found.columns if column.drift]) is left


def test_a_threshold_of_the_unseen_share_is_said_to_mean_nothing() -> None:
    found = list(misfits(DriftSettings(thresholds={"text.unseen": {"ks": 0.2}}), DOCUMENTS))
    assert found == [
        ("columns", "'text.unseen' is tested together with the terms that are known, and takes no fixed threshold")
    ]


def test_words_that_change_beside_another_column_are_named_with_it(quiet) -> None:
    now = documents(other_rates=0.5, person=0.9)(np.random.default_rng(5), 500)
    found = check(lambda: [quiet[0]], [now], DOCUMENTS, SETTINGS, 0.001)
    assert [column.name for column in found.columns if column.drift] == ["text", "entities"]
    done = step(quiet[1], History(), Profile.of(quiet[1].layout, [now]), SETTINGS)
    assert [column.name for column in done.verdict.columns if column.drift] == ["text", "entities"]
    assert {"terms", "unseen"} & {each.name for each in done.verdict.columns[0].statistics}


def test_texts_and_entities_are_both_named_where_the_words_of_both_are_new(quiet) -> None:
    now = documents(new_surface=0.3)(np.random.default_rng(5), 500)
    done = step(quiet[1], History(), Profile.of(quiet[1].layout, [now]), SETTINGS)
    assert [column.name for column in done.verdict.columns if column.drift] == ["text", "entities"]


@pytest.mark.parametrize("labelled", [range(0), range(1000), range(1000, 2000)], ids=["no", "the older", "the newer"])
def test_a_reference_of_which_nobody_has_labelled_some_rows_judges_windows(quiet, labelled) -> None:
    """Labels come late: the newest rows of a regime, or all of them, have no entities yet."""
    rows = quiet[0].to_pydict()
    entities = [each if place in labelled else None for place, each in enumerate(rows["entities"])]
    batch = pa.record_batch([quiet[0].column("text"), pa.array(entities, pa.list_(ENTITY))], ["text", "entities"])
    reference = Reference.build(lambda: [batch], DOCUMENTS, SETTINGS)
    now = documents(other_rates=0.5)(np.random.default_rng(5), 250)
    done = step(reference, History(), Profile.of(reference.layout, [now]), SETTINGS)
    assert [column.name for column in done.verdict.columns if column.drift] == ["text"]
    said = explain(reference.layout, reference.profile, Profile.of(reference.layout, [now]), done.verdict.columns)
    assert [each.name for each in said if each.drift] == ["text"]


def test_an_explanation_names_what_came_and_what_went(quiet) -> None:
    now = documents(new_surface=0.3)(np.random.default_rng(6), 500)
    found = check(lambda: [quiet[0]], [now], DOCUMENTS, SETTINGS, 0.001)
    terms = changed_terms(DOCUMENTS, [quiet[0]], [now])
    assert terms["text"][0].term == "qqzzqq"
    assert terms["text"][0].reference == 0
    assert terms["text"][0].current == pytest.approx(0.3, abs=0.06)
    assert {(each.term, each.label) for each in terms["entities"][:2]} == {("qqzzqq", "PER"), ("qqzzqq", "ORG")}
    layout = quiet[1].layout
    said = explain(layout, quiet[1].profile, Profile.of(layout, [now]), found.columns, terms)
    assert any("“qqzzqq”" in each.sentence for each in said if each.drift)
    assert not changed_terms(DOCUMENTS, [quiet[0]], [quiet[0]])["text"]


def test_rows_of_the_reference_that_come_again_are_no_drift() -> None:
    """What made the list of known words is known, all of it; that is no change of what rows say."""
    rng = np.random.default_rng(7)
    rows = documents(new_words=0.2)(rng, 400)
    spread = [f"{text} {''.join(rng.choice(list('xyz'), 9))}" for text in rows.column("text").to_pylist()]
    batch = pa.record_batch([pa.array(spread), rows.column("entities")], ["text", "entities"])
    reference = Reference.build(lambda: [batch], DOCUMENTS, SETTINGS)
    again = Profile.of(reference.layout, [batch.slice(0, 200)])
    found = Evidence.of(reference, Blocks.single(reference.profile, again), 0.0)
    assert found.rarity()[0] < 20


def test_an_entity_over_several_lines_keeps_its_label() -> None:
    texts = pa.array(["12 Main St\nSpringfield"] * 200)
    ends, none = [[{"start": 0, "end": 22, "label": "ADDRESS"}]] * 200, [[]] * 200
    before, now = (pa.record_batch([texts, pa.array(e, pa.list_(ENTITY))], ["text", "entities"]) for e in (none, ends))
    [term] = changed_terms(DOCUMENTS, [before], [now])["entities"]
    assert (term.label, term.term) == ("ADDRESS", "12 main st\nspringfield")


def test_two_words_are_told_where_they_say_more_than_each_alone() -> None:
    def texts(*each: str) -> list[pa.RecordBatch]:
        column = pa.array(list(each) * 100)
        return [pa.record_batch([column, pa.array([[]] * len(column), pa.list_(ENTITY))], ["text", "entities"])]

    before = texts("we met in new york", "york has a new hall")
    turned = changed_terms(DOCUMENTS, before, texts("we met in york new", "new has a york hall"))["text"]
    assert {each.term for each in turned} >= {"new york", "york new"}
    came = changed_terms(DOCUMENTS, before, texts("we met in new york city", "york has a new hall"))["text"]
    assert [each.term for each in came] == ["city"]  # "york city" is no more news than "city"


def prose(rng: np.random.Generator, rows: int, words: int, known: int) -> list[str]:
    """Texts of words of which a few are frequent and most are rare."""
    names = np.array(
        [chr(97 + place % 26) + chr(97 + place // 26 % 26) + "q" * (place // 676) for place in range(known)]
    )
    share = 1 / np.arange(1, known + 1)
    return [" ".join(rng.choice(names, rng.integers(2 * words), p=share / share.sum())) for _ in range(rows)]


def batch_of(texts: list[str]) -> pa.RecordBatch:
    return pa.record_batch([pa.array(texts), pa.array([[]] * len(texts), pa.list_(ENTITY))], ["text", "entities"])


def test_no_pair_is_lost_of_those_that_can_be_told(monkeypatch) -> None:
    """Against a count of every pair, with sides that are not equally long."""
    rng = np.random.default_rng(3)
    before = prose(rng, 1000, 12, 300)
    now = [each.replace("aa ba", "ba aa").replace("ca", "zz") for each in prose(rng, 400, 12, 300)]
    words, pairs = (
        [Counter(term for text in side for term in {*apart(text.split())}) for side in (before, now)]
        for apart in (list, pairwise)
    )

    def ratio(counts, term) -> float:
        a, b = (np.array(float(each[term])) for each in counts)
        return float(2 * log_ratio(a, b, np.array(1000.0), np.array(400.0)))

    alone = {word: ratio(words, word) for word in words[0] | words[1]}
    right = {word for word in alone if alone[word] >= term_changes.SURE}
    for pair in pairs[0] | pairs[1]:
        surprise = ratio(pairs, pair)
        if surprise >= term_changes.SURE and surprise > sum(alone[word] for word in pair):
            right.add(" ".join(pair))
    monkeypatch.setattr(term_changes, "SHOWN", len(right))
    told = {each.term: each for each in changed_terms(DOCUMENTS, [batch_of(before)], [batch_of(now)])["text"]}
    assert set(told) == right >= {"aa ba", "zz"}
    assert told["aa ba"].current == pairs[1]["aa", "ba"] / 400
    assert told["aa ba"].reference == pairs[0]["aa", "ba"] / 1000


def test_rows_of_one_word_are_told_from_books() -> None:
    """One side has no pair, and the other more than 2^31 possible ones."""
    book = " ".join("".join(letters) for letters in islice(product(ascii_lowercase, repeat=4), 50_000))
    changed = changed_terms(DOCUMENTS, [batch_of(["title"] * 1000)], [batch_of([book] * 4)])["text"]
    assert [each.term for each in changed if not each.current] == ["title"]
    assert len(changed) == term_changes.SHOWN + 1


def test_pairs_of_long_rows_fill_no_memory() -> None:
    rng = np.random.default_rng(4)
    sides = [[batch_of(prose(rng, 100, 1000, 5000))] for _ in range(2)]
    tracemalloc.start()
    changed_terms(DOCUMENTS, *sides)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 << 20


def test_of_rows_as_long_as_books_fewer_are_looked_at(monkeypatch) -> None:
    monkeypatch.setattr(term_changes, "WORDS", 1000)

    def library():
        yield batch_of(["word " * 100] * 50)
        raise AssertionError("it has been read on")

    [term] = changed_terms(DOCUMENTS, library(), [batch_of(["other"] * 50)])["text"][:1]
    assert (term.term, term.current) == ("other", 1.0)
