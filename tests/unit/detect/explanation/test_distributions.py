"""Explanations: contribution, direction in words, and both distributions as shares."""

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pytest

from driftd.detect.explanation.distributions import BINS, TOP, common_layout, explain
from driftd.profile import Layout, Profile


class Described(NamedTuple):
    name: str
    kind: str


class Judged(NamedTuple):
    name: str
    drift: bool
    effect: float


def explained(kind, before, now, *, drift=True, effect=0.5, joint=True):
    batches = [pa.RecordBatch.from_pydict({"x": values}) for values in (before, now)]
    columns = [Described("x", kind)]
    layout = common_layout(batches, columns) if joint else Layout.fit(batches[0], columns)
    profiles = [Profile.of(layout, [batch]) for batch in batches]
    return explain(layout, *profiles, [Judged("x", drift, effect)])[0]


def test_a_numeric_column_says_where_its_median_went():
    draw = np.random.default_rng(1)
    said = explained("numeric", draw.normal(40, 5, 2000), draw.normal(20, 5, 500))
    words = said.sentence.split()
    assert words[:3] == ["the", "median", "falls"]
    assert float(words[4]) == pytest.approx(40, abs=1)
    assert float(words[6]) == pytest.approx(20, abs=1)
    part = said.parts[0]
    assert part.ranged
    assert len(part.bins) == BINS
    assert sum(each.reference for each in part.bins) == pytest.approx(1)
    assert sum(each.current for each in part.bins) == pytest.approx(1)
    assert part.effect == pytest.approx(0.95, abs=0.05)


def test_values_beyond_the_reference_stand_in_the_last_bar():
    draw = np.random.default_rng(1)
    said = explained("numeric", draw.uniform(0, 1, 2000), np.full(100, 50.0), joint=False)
    assert said.parts[0].bins[-1].current == pytest.approx(1)
    assert said.parts[0].effect == pytest.approx(1, abs=0.01)


def test_codes_are_shown_value_by_value_also_those_that_are_new():
    said = explained("numeric", [0.0] * 420 + [1.0] * 580, [17.0] * 690 + [16.0] * 310)
    assert said.sentence == "“17” rises from 0.0% to 69.0% of the rows, “1” falls from 58.0% to 0.0% of the rows"
    assert [each.label for each in said.parts[0].bins] == ["0", "1", "16", "17"]


def test_codes_that_a_reference_does_not_know_are_beyond_it():
    said = explained("numeric", [0.0] * 420 + [1.0] * 580, [17.0] * 1000, joint=False)
    assert said.sentence.startswith("more than 1 rises from 0.0% to 100.0% of the rows")


def test_many_categories_are_cut_and_lose_no_row():
    names = [f"city {number}" for number in range(40)]
    said = explained("categorical", names * 10, names[:20] * 10)
    part = said.parts[0]
    assert len(part.bins) == TOP + 1
    assert part.bins[-1].label == "28 others"
    assert sum(each.current for each in part.bins) == pytest.approx(1)
    assert part.effect == pytest.approx(0.5)


def test_a_category_that_was_never_seen_is_said_without_its_name():
    said = explained("categorical", ["a", "b"] * 50, ["secret"] * 50, joint=False)
    assert "values never seen before rises from 0.0% to 100.0%" in said.sentence
    assert "secret" not in str(said.to_json())


def test_entities_are_told_by_the_share_of_rows_with_each_label():
    def entities(*labels):
        return [{"start": 0, "end": 1, "label": label} for label in labels]

    before = [entities("A", "A"), entities("B")] * 50
    now = [entities("C"), entities("B", "C")] * 50
    said = explained("entities", before, now)
    rates = {each.label: (each.reference, each.current) for each in said.rates}
    assert rates == {"A": (0.5, 0.0), "B": (0.5, 0.5), "C": (0.0, 1.0)}
    assert said.sentence.startswith("the label C is new: in 100.0% of the rows")


def test_columns_come_by_their_contribution_and_contributions_add_up():
    batch = pa.RecordBatch.from_pydict({name: np.arange(200.0) for name in "abc"})
    layout = Layout.fit(batch, [Described(name, "numeric") for name in "abc"])
    profile = Profile.of(layout, [batch])
    judged = [Judged("a", True, 0.1), Judged("b", False, 0.01), Judged("c", True, 0.3)]
    said = explain(layout, profile, profile, judged)
    assert [each.name for each in said] == ["c", "a", "b"]
    assert [each.contribution for each in said] == pytest.approx([0.75, 0.25, 0])


def test_nothing_at_all_is_explained_without_an_error():
    said = explained("numeric", [1.0] * 100, [None] * 100, joint=False)
    assert said.parts[0].bins[0].reference == 1
    assert said.parts[0].bins[0].current == 0
