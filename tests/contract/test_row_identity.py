import json
import math
from datetime import UTC, date, datetime, timedelta, timezone
from hashlib import sha256
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftd.readers import Kind, row_id, row_ids
from driftd.readers.conversion import ARROW

VECTORS = json.loads(Path(__file__).with_name("row_identity.json").read_text("utf-8"))


def row_of(vector):
    row = dict(vector["row"])
    row |= {name: datetime.fromisoformat(row[name]) for name in vector.get("datetimes", ())}
    row |= {name: float(row[name]) for name in vector.get("numbers", ())}
    return row


def named(vectors):
    return [pytest.param(vector, id=vector["why"]) for vector in vectors]


@pytest.mark.parametrize("vector", named(VECTORS))
def test_vectors_are_the_hashes_of_their_canonical_text(vector):
    assert sha256(vector["canonical"].encode()).hexdigest() == vector["sha256"]


@pytest.mark.parametrize("vector", named(VECTORS))
def test_a_row_has_the_identity_of_its_vector(vector):
    assert row_id(row_of(vector), vector.get("labels", ())) == vector["sha256"]


def batch_of(rows):
    """A batch as Arrow itself would make it, zones apart: in one column all times are of one zone."""
    zoned = [
        {name: value.astimezone(UTC) if getattr(value, "tzinfo", None) else value for name, value in row.items()}
        for row in rows
    ]
    large = {name: float(v) for name, v in zoned[0].items() if isinstance(v, int) and abs(v) > 2**62}
    return pa.RecordBatch.from_pylist([{**zoned[0], **large}, *zoned[1:]])


@pytest.mark.parametrize("vector", named(v for v in VECTORS if v["row"] and not v["row"].get("entities")))
def test_a_batch_has_the_identities_of_its_vectors(vector):
    assert row_ids(batch_of([row_of(vector)]), vector.get("labels", ())) == [vector["sha256"]]


def test_entities_are_left_out_of_batches_too():
    entities = pa.array([[{"start": 0, "end": 4, "label": "ORG"}], None], ARROW[Kind.ENTITIES])
    batch = pa.RecordBatch.from_arrays([pa.array(["Uber", "Lyft"]), entities], ["text", "entities"])
    assert row_ids(batch) == [row_id({"text": "Uber"}), row_id({"text": "Lyft"})]


def test_dates_and_categories_have_the_identity_of_times_and_strings():
    day = pa.array([date(2024, 3, 1)])
    color = pa.array(["red"]).dictionary_encode()
    assert row_ids(pa.RecordBatch.from_arrays([day, color], ["d", "c"])) == [
        row_id({"d": datetime(2024, 3, 1, tzinfo=UTC), "c": "red"})
    ]
    assert row_id({"d": date(2024, 3, 1)}) == row_id({"d": datetime(2024, 3, 1, tzinfo=UTC)})


def test_the_zone_of_a_time_does_not_matter():
    there = datetime(2024, 3, 1, 5, tzinfo=timezone(timedelta(hours=-5)))
    assert row_id({"t": there}) == row_id({"t": there.astimezone(UTC)}) == row_id({"t": datetime(2024, 3, 1, 10)})  # noqa: DTZ001  # without a zone is the point


VALUES = {
    Kind.NUMERIC: st.floats(),
    Kind.CATEGORICAL: st.text(),
    Kind.BOOLEAN: st.booleans(),
    Kind.DATETIME: st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30), timezones=st.just(UTC)),  # noqa: DTZ001  # hypothesis wants bounds without a zone
    Kind.TEXT: st.text(),
    Kind.VECTOR: st.lists(st.none() | st.floats(), min_size=1, max_size=4),
}


@settings(deadline=None)  # the first example imports and compiles
@given(st.data(), st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=5), st.integers(0, 5))
def test_row_ids_are_the_row_ids_of_the_rows(data, kinds, rows):
    columns = [
        pa.array(data.draw(st.lists(st.none() | VALUES[kind], min_size=rows, max_size=rows)), ARROW[kind])
        for kind in kinds
    ]
    batch = pa.RecordBatch.from_arrays(columns, [f"{kind.value} {i}" for i, kind in enumerate(kinds)])
    assert row_ids(batch) == [row_id(row) for row in batch.to_pylist()]


@given(st.integers(-(2**53) + 1, 2**53 - 1))
def test_an_integer_and_its_double_are_the_same(number):
    assert row_id({"n": number}) == row_id({"n": float(number)})


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(allow_nan=False, allow_infinity=False))
def test_different_numbers_are_different_rows(one, other):
    assert (row_id({"n": one}) == row_id({"n": other})) == (one == other)


def test_nothing_is_nothing():
    assert row_id({"n": math.nan}) == row_id({"n": None})
