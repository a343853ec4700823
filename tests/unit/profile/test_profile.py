import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftd.errors import OperationError
from driftd.profile import Axis, Layout, Profile, Values, profile, systematic
from driftd.profile.codec import pack, unpack
from driftd.profile.profile import HELD
from driftd.readers import Kind
from support.rows import batch, numbers, pieces

VALUES = st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True), st.integers(-3, 3).map(float))
WORDS = st.one_of(st.none(), st.sampled_from(["a", "b", "c", "d"]), st.text(max_size=3))
ROWS = st.lists(st.tuples(VALUES, WORDS), min_size=1, max_size=60)


def mixed(rows: list[tuple[float | None, str | None]]):
    return batch(x=(Kind.NUMERIC, [x for x, _ in rows]), w=(Kind.CATEGORICAL, [w for _, w in rows]))


@given(reference=ROWS, rows=ROWS, cuts=st.lists(st.integers(0, 60), max_size=4))
def test_the_profile_of_a_whole_is_the_sum_of_its_parts(reference, rows, cuts) -> None:
    first, schema = mixed(reference)
    layout = Layout.fit(first, schema.columns)
    whole, _ = mixed(rows)
    parts = [Profile.of(layout, [piece]) for piece in pieces(whole, cuts)]
    left = Profile.empty(layout)
    for part in parts:
        left = left.merge(part)
    right = Profile.empty(layout)
    for part in reversed(parts):
        right = part.merge(right)
    assert left.to_bytes() == right.to_bytes() == Profile.of(layout, [whole]).to_bytes()


@given(reference=ROWS, rows=ROWS)
def test_every_row_is_counted_once(reference, rows) -> None:
    first, schema = mixed(reference)
    layout = Layout.fit(first, schema.columns)
    profile = Profile.of(layout, [mixed(rows)[0]])
    nulls_and_far = profile.tallies[:, 1:].sum(1)
    assert (profile.cells.sum(1) + nulls_and_far).tolist() == [len(rows), len(rows)]
    assert profile.rows == len(rows)


@given(reference=ROWS, rows=ROWS)
def test_codes_name_the_cells_that_are_counted(reference, rows) -> None:
    first, schema = mixed(reference)
    layout = Layout.fit(first, schema.columns)
    codes, counts = layout.codes(mixed(rows)[0]), Profile.of(layout, [mixed(rows)[0]]).cells
    for own, cells in zip(codes, counts, strict=True):
        assert np.array_equal(np.bincount(own[own >= 0], minlength=layout.width), cells)


@given(reference=ROWS)
def test_a_layout_survives_json(reference) -> None:
    first, schema = mixed(reference)
    layout = Layout.fit(first, schema.columns)
    again = Layout.from_json(layout.to_json())
    assert again.to_json() == layout.to_json()
    assert Profile.of(again, [first]).to_bytes() == Profile.of(layout, [first]).to_bytes()


def test_quantiles_of_a_continuous_column_share_the_rows_evenly() -> None:
    values = np.random.default_rng(0).lognormal(size=20_000)
    axis = Axis.fit(values)
    counts, below, above = axis.count(values)
    assert (below, above) == (0, 0)
    assert 200 < axis.size < 300
    assert counts.max() <= 20_000 / 256 + 1


def test_each_frequent_value_has_a_cell_of_its_own() -> None:
    axis = Axis.fit(np.array([1.0, 2.0, 2.0, 5.0]))
    assert axis.count(np.array([1.0, 2.0, 5.0, 0.0, 9.0]))[0].tolist() == [1, 1, 1, 1, 1]


@pytest.mark.parametrize("scale", [1e-300, 1e-40, 1.0, 1e30, 1e39, 1e290])
@pytest.mark.parametrize("offset", [0.0, 1.0, 1e12])
def test_cells_hold_the_values_up_to_their_edge_at_any_scale(scale, offset) -> None:
    values = (np.random.default_rng(0).normal(size=5000) + offset) * scale
    axis = Axis.fit(values, far=3.0)
    counts, below, above = axis.count(values)
    exact = np.searchsorted(np.sort(values), axis.edges, side="right")
    assert (counts.sum(), below, above) == (len(values), 0, 0)
    # what lies nearer to an edge than single precision tells may be counted on its other side
    assert np.abs(np.cumsum(counts) - exact[1:]).max() <= 2
    assert np.array_equal(np.bincount(axis.codes(values), minlength=axis.size), counts)


def test_numbers_beyond_single_precision_are_not_far_from_values_without_a_scale() -> None:
    axis = Axis.fit(np.array([0.0, 1.0, 2.0]))
    assert axis.count(np.array([-1e300, 1.0, 1e300]))[1:] == (0, 0)


def test_absurd_values_are_counted_apart_where_there_is_a_scale() -> None:
    values = np.linspace(0, 1, 100)
    assert Axis.fit(values, far=3.0).count(np.array([-2.9, -3.1, 3.9, 4.1, 1e300]))[1:] == (1, 2)
    assert Axis.fit(np.array([0.0, 1.0]), far=3.0).count(np.array([99.0]))[1:] == (0, 0)


def test_seen_and_unseen_values_are_told_apart_without_keeping_them() -> None:
    counts = {f"v{i:03}": 1000 - i for i in range(300)}
    values = Values.fit(counts)
    assert len(values.values) == Values.LIMIT
    assert values.place("v299") == len(values.values)
    assert values.place("new") == len(values.values) + 1
    assert "v299" not in str(values)


@pytest.mark.parametrize(
    ("values", "skipped"),
    [
        (list(np.arange(100.0)), "counter"),
        (list(-np.arange(100.0)), "counter"),
        ([None] * 100, "empty"),
        ([7.0] * 100, ""),
        (list(np.random.default_rng(0).normal(size=100)), ""),
    ],
)
def test_columns_that_cannot_be_tested_are_recognised(values, skipped) -> None:
    rows, schema = batch(x=(Kind.NUMERIC, values))
    layout = Layout.fit(rows, schema.columns)
    assert layout.skipped == (skipped,)
    assert bool(layout.notes) == (skipped != "" or len(set(values)) == 1)


def test_an_identifier_is_not_tested_and_none_of_its_values_is_kept() -> None:
    rows, schema = batch(user=(Kind.CATEGORICAL, [f"user{i}@example.org" for i in range(100)]))
    layout = Layout.fit(rows, schema.columns)
    assert layout.skipped == ("identifier",)
    assert "example" not in str(layout.to_json()["binnings"])


def test_text_and_labels_become_numbers_of_their_document() -> None:
    labels = [[{"start": 0, "end": 3, "label": "ORG"}, {"start": 4, "end": 5, "label": "LOC"}], [], None, []]
    rows, schema = batch(
        text=(Kind.TEXT, ["Abc d 12!", "", None, "x"]),
        entities=(Kind.ENTITIES, labels),
    )
    layout = Layout.fit(rows, schema.columns)
    names = [feature.name for feature in layout.features]
    assert names[:2] == ["text.length", "text.words"]
    assert names[-4:] == ["entities.count", "entities.label.LOC", "entities.label.ORG", "entities.unseen"]
    codes = layout.codes(rows)
    assert (codes[:, 2] == -1).all()
    assert codes[names.index("entities.label.ORG"), 0] > codes[names.index("entities.label.ORG"), 1]
    assert "Abc" not in str(layout.to_json())


def test_times_are_judged_by_hour_and_weekday() -> None:
    rows, schema = numbers({"x": np.zeros(3)})
    rows, schema = batch(at=(Kind.DATETIME, [0, 3_600_000_000, None]))
    layout = Layout.fit(rows, schema.columns)
    assert [feature.name for feature in layout.features] == ["at.hour", "at.weekday"]
    assert layout.codes(rows)[0].tolist()[2] == -1


@given(cuts=st.lists(st.integers(0, 1000), max_size=6))
def test_a_sample_depends_on_the_rows_alone(cuts) -> None:
    rows, _ = numbers({"x": np.arange(1000.0)})
    sample = systematic(pieces(rows, cuts), limit=100)
    assert sample is not None
    assert sample.column("x").to_pylist() == [float(i) for i in range(0, 1000, 16)]


def test_packed_arrays_come_back_and_broken_ones_are_refused() -> None:
    arrays = {"small": np.arange(5), "large": np.array([2**40]), "real": np.array([[0.1, np.pi]])}
    data = pack({"a": 1}, arrays)
    header, again = unpack(data)
    assert header == {"a": 1}
    assert all(np.array_equal(arrays[name], again[name]) for name in arrays)
    for broken in (data[:-1], b"", b"x" + data, data[:20]):
        with pytest.raises(OperationError, match="stored profile"):
            unpack(broken)


def test_short_batches_of_many_bytes_are_not_held_together(monkeypatch) -> None:
    row, schema = batch(text=(Kind.TEXT, ["word " * 100_000]))
    layout = Layout.fit(row, schema.columns)
    sizes, count = [], Layout.count

    def counted(self, piece):
        sizes.append(piece.nbytes)
        return count(self, piece)

    monkeypatch.setattr(Layout, "count", counted)
    assert Profile.of(layout, (row for _ in range(100))).rows == 100
    assert len(sizes) > 1
    assert max(sizes) <= HELD + row.nbytes


def test_batches_of_one_row_are_each_looked_at_once(monkeypatch) -> None:
    asked = []

    class Counted:
        nbytes = 8

        @property
        def num_rows(self) -> int:
            asked.append(self)
            return 1

    monkeypatch.setattr(profile, "_joined", lambda short: [len(short)])
    assert list(profile._gathered(Counted() for _ in range(200))) == [200]
    assert len(asked) == 200
