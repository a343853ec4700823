import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftd.profile import Layout, Profile
from driftd.profile.vectors import vector_part
from driftd.readers import Kind
from support.rows import batch, pieces

VECTORS = st.lists(st.none() | st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=5), min_size=1, max_size=30)


def numbers(values, part):
    return vector_part(pa.array(values, pa.list_(pa.float64())), part).to_pylist()


def test_the_norm_is_the_length_and_null_stays_null() -> None:
    assert numbers([[3.0, 4.0], None, [5.0]], "norm") == [5.0, None, 5.0]


def test_a_direction_is_the_same_for_vectors_of_any_length_and_in_every_process() -> None:
    first = np.random.RandomState(1).normal(size=3)  # what stored references were made with
    assert numbers([[1.0], [1.0, 0.0, 0.0], [0.0, 0.0, 2.0]], "direction1") == pytest.approx(
        [first[0], first[0], 2 * first[2]]
    )


def test_a_component_that_is_missing_or_infinite_is_tallied() -> None:
    rows, schema = batch(v=(Kind.VECTOR, [[1.0, None], [np.inf, 1.0], [1.0, 2.0], None]))
    profile = Profile.of(Layout.fit(rows, schema.columns), [rows])
    assert profile.tallies[1].tolist()[:3] == [4, 1, 2]


@pytest.mark.slow
@settings(deadline=None)
@given(vectors=VECTORS, cuts=st.lists(st.integers(0, 30), max_size=3))
def test_profiles_of_parts_add_up(vectors, cuts) -> None:
    rows, schema = batch(v=(Kind.VECTOR, vectors))
    layout = Layout.fit(rows, schema.columns)
    parts = Profile.empty(layout)
    for piece in pieces(rows, cuts):
        parts = parts.merge(Profile.of(layout, [piece]))
    assert parts.to_bytes() == Profile.of(layout, [rows]).to_bytes()
