"""What every form of file has to do alike."""

import json
import math
import os
import re
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from driftd.errors import DataError, SchemaMismatchError, TooManyBadRowsError, UnreadableFileError
from driftd.readers import (
    BadRow,
    Column,
    Kind,
    Schema,
    Span,
    append,
    infer,
    inspect,
    read,
    read_spans,
    registry,
    source,
    supported,
    write,
)
from driftd.readers.conversion import ARROW
from driftd.readers.formats import delimited
from driftd.readers.formats.csv_recovery import Records
from support.forms import FORMS, LABELLED, TABLE, expected

forms = pytest.mark.parametrize("form", FORMS, ids=str)
tables = pytest.mark.parametrize("form", [form for form in FORMS if not form.entities], ids=str)
texts = pytest.mark.parametrize("form", [form for form in FORMS if form.lines], ids=str)
plain = pytest.mark.parametrize("form", [form for form in FORMS if form.lines and form.suffix.count(".") == 1], ids=str)
columnar = pytest.mark.parametrize("form", [form for form in FORMS if form.columnar], ids=str)

BOUND = 0.001


def good(path, schema, **options):
    return [row for batch in read(path, schema, **options) for row in batch.rows.to_pylist()]


def bad(path, schema, **options):
    return [each for batch in read(path, schema, **options) for each in batch.bad]


def test_every_suffix_is_tested():
    assert {form.suffix.split(".")[1] for form in FORMS} == {suffix[1:] for suffix in registry.SUFFIXES}
    assert {form.suffix.split(".")[2] for form in FORMS if form.suffix.count(".") > 1} == {
        suffix[1:] for suffix in registry.COMPRESSIONS
    }


@forms
def test_its_name_is_supported(form):
    assert supported(f"data{form.suffix}")
    assert supported(f"data{form.suffix.upper()}")
    assert not supported(f"data{form.suffix}.part")
    assert not supported(f"{form.suffix[1:]}")


@forms
def test_rows_come_back_in_the_schema_s_types(form, tmp_path):
    rows = form.rows(2500)
    path = form.make(tmp_path, rows)
    assert good(path, form.schema) == expected(rows, form.schema)
    for batch in read(path, form.schema):
        assert [field.type for field in batch.rows.schema] == [ARROW[kind] for kind in form.schema.kinds.values()]
        assert not batch.bad


@forms
def test_the_schema_is_inferred(form, tmp_path):
    path = form.make(tmp_path, form.rows(500))
    assert infer([path]).kinds == form.schema.kinds
    assert good(path, None) == good(path, form.schema)


@forms
@pytest.mark.parametrize("chunk", [7, 100, 4096])
def test_the_size_of_chunks_does_not_matter(form, chunk, tmp_path, monkeypatch):
    rows = form.rows(60)
    rows[17], _ = form.spoil(rows[17])
    path = form.make(tmp_path, rows)
    whole = good(path, form.schema), bad(path, form.schema)
    monkeypatch.setattr(source, "CHUNK", chunk)
    assert (good(path, form.schema), bad(path, form.schema)) == whole
    assert len(whole[0]) == 59


@pytest.mark.slow
@forms
@pytest.mark.parametrize("batch_rows", [1, 2, 7, 999, 10**6])
def test_the_whole_is_its_pieces(form, batch_rows, tmp_path):
    rows = form.rows(1200)
    rows[5], _ = form.spoil(rows[5])
    path = form.make(tmp_path, rows)
    pieces = list(read(path, form.schema, batch_rows=batch_rows))
    assert max(batch.rows.num_rows for batch in pieces) <= batch_rows
    assert [row for batch in pieces for row in batch.rows.to_pylist()] == expected(rows[:5] + rows[6:], form.schema)
    assert [each for batch in pieces for each in batch.bad] == bad(path, form.schema)


@forms
def test_one_bad_row_in_ten_thousand_is_set_aside(form, tmp_path):
    rows = form.rows(10_000)
    rows[7654], reason = form.spoil(rows[7654])
    path = form.make(tmp_path, rows)
    report = inspect(path, form.schema, max_bad_ratio=BOUND)
    assert (report.rows, report.bad_rows) == (9999, 1)
    assert reason in report.bad[0].reason
    assert report.bad[0].line == (
        line_of(path, rows[7654]) if form.suffix.startswith((".csv", ".tsv")) else form.line(7654)
    )


def line_of(path, row):
    """Count newlines as an editor does; in CSV a quoted cell may hold some."""
    with pa.input_stream(path, compression="detect") as stream:
        before, _, _ = stream.read().decode().partition(row["when"])
    return before.count("\n") + 1


@forms
def test_too_many_bad_rows_refuse_the_file_and_say_which(form, tmp_path):
    rows = form.rows(1000)
    for i in (3, 500, 501, 999):
        rows[i], reason = form.spoil(rows[i])
    path = form.make(tmp_path, rows)
    with pytest.raises(TooManyBadRowsError, match="4 of 1000 rows cannot be read") as caught:
        inspect(path, form.schema, max_bad_ratio=BOUND)
    assert path in caught.value.message
    assert reason in caught.value.message
    assert "and 1 more" in caught.value.message
    assert "intake.bad_rows" in caught.value.remedy
    assert inspect(path, form.schema, max_bad_ratio=0.004).bad_rows == 4


@tables
def test_a_missing_column_is_named(form, tmp_path):
    path = form.make(
        tmp_path, [{name: value for name, value in row.items() if name != "color"} for row in form.rows(50)]
    )
    with pytest.raises(SchemaMismatchError, match=r"the categorical column 'color' is missing") as caught:
        inspect(path, TABLE, max_bad_ratio=BOUND)
    assert path in caught.value.message
    assert caught.value.remedy


@tables
def test_an_optional_column_may_be_missing(form, tmp_path):
    path = form.make(tmp_path, [{name: value for name, value in row.items() if name != "ok"} for row in form.rows(50)])
    rows = good(path, TABLE.with_optional(["ok"]))
    assert len(rows) == 50
    assert {row["ok"] for row in rows} == {None}


@tables
def test_a_retyped_column_is_named_with_kinds_example_and_place(form, tmp_path):
    path = form.make(tmp_path, [row | {"n": "n/k" if i else "unknown"} for i, row in enumerate(form.rows(50))])
    with pytest.raises(
        SchemaMismatchError, match=r"column n should be numeric, but .*'unknown' in (line|row)"
    ) as caught:
        inspect(path, TABLE, max_bad_ratio=BOUND)
    assert re.search(rf"(line|row) {form.line(0)}\b", caught.value.message)


@tables
@pytest.mark.parametrize(("wrong", "error"), [(25, TooManyBadRowsError), (26, SchemaMismatchError)])
def test_a_column_is_retyped_when_more_than_half_of_it_cannot_be_read(form, wrong, error, tmp_path):
    rows = [row | {"when": "soon"} if i < wrong else row for i, row in enumerate(form.rows(50))]
    with pytest.raises(error):
        inspect(form.make(tmp_path, rows), TABLE, max_bad_ratio=BOUND)


@tables
def test_an_extra_column_is_reported_and_left_out(form, tmp_path):
    path = form.make(tmp_path, [row | {"extra one": i} for i, row in enumerate(form.rows(50))])
    assert inspect(path, TABLE, max_bad_ratio=BOUND).extra == ("extra one",)
    assert good(path, TABLE) == expected(form.rows(50), TABLE)


@tables
def test_columns_come_in_the_schema_s_order(form, tmp_path):
    path = form.make(tmp_path, [dict(reversed(row.items())) for row in form.rows(50)])
    assert good(path, TABLE) == expected(form.rows(50), TABLE)


@tables
def test_a_subset_of_the_columns_can_be_read(form, tmp_path):
    schema = TABLE.subset(["when", "n"])
    assert good(form.make(tmp_path, form.rows(50)), schema) == expected(form.rows(50), schema)


@forms
def test_null_stays_null(form, tmp_path):
    rows = form.rows(20)
    for name in form.schema.names:
        if name != "text":
            rows[7][name] = None
    if not form.entities:
        rows[7]["n"] = 0.0  # a row of nothing but empty cells is fine, but then nothing else is tested
    assert good(form.make(tmp_path, rows), form.schema) == expected_nulls(rows, form.schema)


def expected_nulls(rows, schema):
    return [
        {name: None if row[name] is None else expected([row], schema)[0][name] for name in schema.names}
        if all(value is not None for value in row.values())
        else row
        for row in rows
    ]


@tables
def test_a_column_that_is_null_throughout_is_there(form, tmp_path):
    path = form.make(tmp_path, [row | {"color": None, "n": None} for row in form.rows(50)])
    assert {(row["color"], row["n"]) for row in good(path, TABLE)} == {(None, None)}


@forms
def test_a_file_without_rows_is_sound(form, tmp_path):
    report = inspect(form.make(tmp_path, []), form.schema, max_bad_ratio=BOUND)
    assert (report.rows, report.bad_rows, report.extra) == (0, 0, ())


@forms
def test_zero_bytes_are_no_rows_where_that_is_a_file_of_the_form(form, tmp_path):
    path = tmp_path / f"data{form.suffix}"
    path.touch()
    if form.columnar or (form.suffix.startswith(".json") and not form.suffix.startswith(".jsonl")):
        with pytest.raises(UnreadableFileError, match="0 bytes"):
            inspect(str(path), form.schema, max_bad_ratio=BOUND)
    else:
        assert inspect(str(path), form.schema, max_bad_ratio=BOUND).rows == 0
        assert inspect(str(path), None, max_bad_ratio=BOUND).rows == 0


@forms
@pytest.mark.parametrize("schema", ["given", "inferred"])
def test_a_folder_with_a_file_s_name_is_refused(form, schema, tmp_path):
    path = tmp_path / f"data{form.suffix}"
    path.mkdir()
    with pytest.raises(UnreadableFileError, match="is a folder, not a file"):
        inspect(str(path), form.schema if schema == "given" else None, max_bad_ratio=BOUND)


@forms
def test_what_is_no_file_is_refused(form, tmp_path):
    pipe = tmp_path / f"pipe{form.suffix}"
    os.mkfifo(pipe)
    with pytest.raises(UnreadableFileError, match="is no regular file"):
        inspect(str(pipe), form.schema, max_bad_ratio=BOUND)
    with pytest.raises(UnreadableFileError, match="there is no such file"):
        inspect(str(tmp_path / f"nothing{form.suffix}"), form.schema, max_bad_ratio=BOUND)


@contextmanager
def nobody():
    """Be someone who may read nothing that others have closed."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@forms
def test_a_file_that_may_not_be_read_is_refused(form, tmp_path):
    path = Path(form.make(tmp_path, form.rows(3)))
    path.chmod(0)
    with nobody(), pytest.raises(UnreadableFileError, match="may not be read"):
        inspect(str(path), form.schema, max_bad_ratio=BOUND)


@forms
def test_a_file_that_was_cut_off_is_refused_or_has_a_bad_row(form, tmp_path):
    path = Path(form.make(tmp_path, form.rows(3000)))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) - len(content) // 3])
    if form.lines and form.suffix.count(".") == 1 and form.suffix != ".json":
        assert inspect(str(path), form.schema, max_bad_ratio=BOUND).bad_rows <= 1
    else:
        with pytest.raises(UnreadableFileError) as caught:
            inspect(str(path), form.schema, max_bad_ratio=BOUND)
        assert str(path) in caught.value.message
        assert caught.value.remedy


@forms
def test_noise_is_refused(form, tmp_path):
    path = tmp_path / f"data{form.suffix}"
    path.write_bytes(bytes(range(256)) * 400)
    with pytest.raises(DataError) as caught:
        inspect(str(path), form.schema, max_bad_ratio=BOUND)
    assert str(path) in caught.value.message


@plain
def test_bytes_that_are_not_utf8_make_a_bad_row(form, tmp_path):
    path = Path(form.make(tmp_path, form.rows(2000)))
    old, new = ("Zoë 1234".encode(), b"Zo\xeb 1234") if form.entities else (b"row 1234 of", b"r\xf6w 1234 of")
    content = path.read_bytes()
    path.write_bytes(content.replace(old, new))
    [wrong] = bad(str(path), form.schema)
    assert wrong.line == content[: content.index(old)].count(b"\n") + 1
    assert "not UTF-8" in wrong.reason or "is not text" in wrong.reason
    assert len(good(str(path), form.schema)) == 1999


def test_a_row_of_other_bytes_and_the_wrong_number_of_cells_is_one_bad_row(tmp_path):
    path, schema = tmp_path / "rows.csv", Schema((Column("a", Kind.CATEGORICAL), Column("b", Kind.CATEGORICAL)))
    rows = [b"a,b\n", *[b"x,y\n"] * 3000]
    rows[1:5] = [b"caf\xe9\n", b"caf\xe9,y\n", b"x,caf\xe9,z\n", b'"caf\xe9,x",y,z\n']
    path.write_bytes(b"".join(rows))
    assert len(good(str(path), schema)) == 2996
    assert [(each.line, each.reason) for each in bad(str(path), schema)] == [
        (2, "1 cells where the header has 2"),
        (3, "column a: b'caf\\xe9' is not a category"),
        (4, "3 cells where the header has 2"),
        (5, "3 cells where the header has 2"),
    ]


def test_a_null_in_a_dictionary_is_null(tmp_path):
    path = str(tmp_path / "rows.arrow")
    names = pa.DictionaryArray.from_arrays(pa.array([0, 1, None, 2], pa.int32()), pa.array(["a", None, "b"]))
    with pa.ipc.new_file(path, pa.schema({"name": names.type})) as file:
        file.write_batch(pa.record_batch({"name": names}))
    (batch,) = read(path, Schema((Column("name", Kind.CATEGORICAL),)))
    found = batch.rows.column("name")
    assert found.to_pylist() == ["a", None, None, "b"]
    assert (found.null_count, found.dictionary.null_count) == (2, 0)


@columnar
@pytest.mark.parametrize("kind", [Kind.TEXT, Kind.CATEGORICAL])
def test_text_of_a_columnar_file_that_is_not_utf8_refuses_it(form, kind, tmp_path):
    schema = Schema((Column("name", kind),))
    path = str(tmp_path / f"rows{form.suffix}")
    names = pa.array(["Zoe", "Chlo!"])
    write(path, schema, [pa.record_batch({"name": names if kind is Kind.TEXT else names.dictionary_encode()})])
    content = Path(path).read_bytes()
    Path(path).write_bytes(content.replace(b"Chlo!", b"Chlo\xe9"))
    with pytest.raises(UnreadableFileError, match="Invalid UTF8"):
        inspect(path, schema, max_bad_ratio=0.9)


@plain
def test_a_byte_order_mark_is_passed_over(form, tmp_path):
    path = Path(form.make(tmp_path, form.rows(20)))
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert good(str(path), form.schema) == expected(form.rows(20), form.schema)


@plain
def test_utf16_is_refused_by_name(form, tmp_path):
    path = Path(form.make(tmp_path, form.rows(20)))
    path.write_bytes(path.read_text("utf-8").encode("utf-16"))
    with pytest.raises(UnreadableFileError, match="UTF-16"):
        inspect(str(path), form.schema, max_bad_ratio=BOUND)


@plain
def test_newlines_of_windows_are_newlines(form, tmp_path):
    rows = [row | {"note": "one line"} for row in form.rows(20)] if not form.entities else form.rows(20)
    rows[12], _ = form.spoil(rows[12])
    path = Path(form.make(tmp_path, rows))
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert good(str(path), form.schema) == expected(rows[:12] + rows[13:], form.schema)
    assert [each.line for each in bad(str(path), form.schema)] == [form.line(12)]


@plain
def test_the_last_newline_may_be_missing(form, tmp_path):
    path = Path(form.make(tmp_path, form.rows(20)))
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    assert good(str(path), form.schema) == expected(form.rows(20), form.schema)


def test_an_entity_that_is_null_makes_a_bad_row(tmp_path):
    path = str(tmp_path / "rows.parquet")
    entities = [[{"start": 0, "end": 3, "label": "A"}, None], [{"start": 0, "end": 3, "label": "A"}]]
    table = pa.table({"text": ["abcdef", "ghijkl"], "entities": pa.array(entities, ARROW[Kind.ENTITIES])})
    pq.write_table(table, path)
    assert [row["text"] for row in good(path, LABELLED)] == ["ghijkl"]
    assert bad(path, LABELLED) == [BadRow(1, "entity null does not lie in its text of 6 characters")]


def test_an_entity_that_is_null_over_other_values_makes_a_bad_row(tmp_path):
    path = str(tmp_path / "rows.arrow")
    fields = [pa.array([0, 0]), pa.array([3, 3]), pa.array(["A", "A"])]
    entities = pa.StructArray.from_arrays(fields, ["start", "end", "label"], mask=pa.array([True, False]))
    table = pa.table({"text": ["abcdef", "ghijkl"], "entities": pa.ListArray.from_arrays([0, 1, 2], entities)})
    pyarrow.feather.write_feather(table, path)
    assert [row["text"] for row in good(path, LABELLED)] == ["ghijkl"]
    assert bad(path, LABELLED) == [BadRow(1, "entity null does not lie in its text of 6 characters")]


def test_an_end_that_is_one_past_the_texts_is_no_bad_row(tmp_path):
    path = tmp_path / "data.json"
    path.write_text('{"spacy_data": [["Pay expands to Canada", [[15, 22, "GPE"]]], ["Pay", [[3, 4, "ORG"]]]]}')
    assert [row["text"] for row in good(str(path), LABELLED)] == ["Pay expands to Canada"]
    [wrong] = bad(str(path), LABELLED)
    assert "does not lie in its text of 3 characters" in wrong.reason


@plain
def test_a_row_beyond_all_measure_is_a_bad_row(form, tmp_path, monkeypatch):
    monkeypatch.setattr(source, "LONGEST", 2000)
    monkeypatch.setattr("driftd.readers.formats.json_lines.LONGEST", 2000)
    monkeypatch.setattr("driftd.readers.formats.json_list.LONGEST", 2000)
    monkeypatch.setattr(source, "CHUNK", 300)
    monkeypatch.setattr("driftd.readers.formats.json_list.CHUNK", 300)
    rows = form.rows(30)
    key = "text" if form.entities else "note"
    rows[9] = rows[9] | {key: "long " * 2000}
    path = form.make(tmp_path, rows)
    if form.suffix == ".json":
        with pytest.raises(UnreadableFileError, match=r"element 10 \(line 11\) is longer"):
            good(path, form.schema)
        return
    [wrong] = bad(path, form.schema)
    assert "longer than" in wrong.reason
    assert wrong.line == Path(path).read_text("utf-8").partition("long ")[0].count("\n") + 1
    assert good(path, form.schema) == expected(rows[:9] + rows[10:], form.schema)


@pytest.mark.slow
@forms
@given(cuts=st.lists(st.integers(0, 299), min_size=2, max_size=6))
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_spans_are_read_again_wherever_they_begin(form, cuts, tmp_path, monkeypatch):
    monkeypatch.setattr(source, "CHUNK", 1000)
    rows = form.rows(300)
    rows[40], _ = form.spoil(rows[40])
    path = tmp_path / f"data{form.suffix}"
    if not path.exists():
        form.make(tmp_path, rows)
    kept = expected(rows[:40] + rows[41:], form.schema)
    spans = [Span(str(path), min(a, b), abs(b - a)) for a, b in pairwise(cuts)]
    found = [row for batch in read_spans(spans, form.schema, batch_rows=50) for row in batch.to_pylist()]
    assert found == [row for span in spans for row in kept[span.first : span.first + span.rows]]


@forms
def test_a_span_that_a_file_no_longer_has_is_an_error(form, tmp_path):
    path = form.make(tmp_path, form.rows(30))
    with pytest.raises(DataError, match="5 rows fewer than when it was admitted"):
        list(read_spans([Span(path, 20, 15)], form.schema))


def test_half_a_surrogate_pair_makes_a_bad_row_also_beside_nan(tmp_path):
    path = tmp_path / "rows.jsonl"
    schema = Schema((Column("note", Kind.TEXT), Column("n", Kind.NUMERIC)))
    path.write_text('{"note": "fine", "n": NaN}\n{"note": "cut \\ud83d", "n": NaN}\n{"note": "cut \\ud83d", "n": 1}\n')
    assert good(str(path), schema) == [{"note": "fine", "n": None}]
    assert [each.line for each in bad(str(path), schema)] == [2, 3]


def test_a_chunk_is_looked_through_once_for_the_lines_of_its_bad_rows(tmp_path, monkeypatch):
    path = tmp_path / "rows.csv"
    schema = Schema((Column("when", Kind.DATETIME),))
    path.write_text("when\n" + "2024-01-01\nunknown\n2024-01-02\n" * 50)
    made = []
    monkeypatch.setattr(delimited, "Records", lambda *given: made.append(given) or Records(*given))
    assert [each.line for each in bad(str(path), schema)] == list(range(3, 152, 3))
    assert len(made) == 1


def test_wrong_rows_of_several_lines_are_not_found_one_by_one(tmp_path, monkeypatch):
    path = tmp_path / "rows.csv"
    schema = Schema((Column("note", Kind.TEXT), Column("n", Kind.NUMERIC)))
    path.write_text("note,n\n" + '"one\ntwo",1,too many\n"three\nfour",5\n' * 200)
    found, find = [], Records._find
    monkeypatch.setattr(Records, "_find", lambda records: found.append(records) or find(records))
    assert good(str(path), schema) == [{"note": "three\nfour", "n": 5.0}] * 200
    assert len(bad(str(path), schema)) == 400
    assert len(found) < 10


def test_rows_of_an_admitted_file_are_read_where_most_rows_around_them_are_bad(tmp_path, monkeypatch):
    monkeypatch.setattr(source, "CHUNK", 1 << 14)
    path = tmp_path / "rows.csv"
    schema = Schema((Column("n", Kind.NUMERIC),))
    cells = ["oops" if 10_000 <= i < 16_000 and i % 10 else str(i) for i in range(20_000)]
    path.write_text("\n".join(["n", *cells]))
    rows = inspect(str(path), schema, max_bad_ratio=0.3).rows
    list(read_spans([Span(str(path), 0, rows)], schema))
    spans = [Span(str(path), first, 100) for first in range(0, rows, 100)]
    found = [row["n"] for batch in read_spans(spans, schema) for row in batch.to_pylist()]
    assert found == [float(cell) for cell in cells if cell != "oops"]


@forms
def test_a_file_that_changed_is_read_from_its_start(form, tmp_path, monkeypatch):
    monkeypatch.setattr(source, "CHUNK", 500)
    rows = form.rows(200)
    path = form.make(tmp_path, rows)
    list(read_spans([Span(path, 150, 10)], form.schema))
    Path(path).unlink()
    form.make(tmp_path, rows[::-1])
    assert [row for batch in read_spans([Span(path, 150, 10)], form.schema) for row in batch.to_pylist()] == expected(
        rows[::-1][150:160], form.schema
    )


WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12)
WHEN = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001  # hypothesis wants bounds without a zone
CELLS = {
    Kind.NUMERIC: st.floats(allow_nan=False, allow_infinity=False),
    Kind.CATEGORICAL: WORDS,
    Kind.BOOLEAN: st.booleans(),
    Kind.DATETIME: WHEN,
    Kind.TEXT: WORDS,
    Kind.VECTOR: st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=4),
}
RECORDS = st.lists(st.fixed_dictionaries({c.name: st.none() | CELLS[c.kind] for c in TABLE.columns}), max_size=8)
SPANS = st.lists(st.tuples(st.integers(0, 5), st.integers(1, 5), WORDS), max_size=3)


@st.composite
def labelled_rows(draw):
    rows = draw(st.lists(st.tuples(st.text(st.characters(codec="utf-8"), min_size=10, max_size=20), st.none() | SPANS)))
    return [
        {
            "text": text,
            "entities": spans
            and [{"start": start, "end": start + size, "label": label} for start, size, label in spans],
        }
        for text, spans in rows
    ]


def batches_of(rows, schema):
    types = pa.schema([(column.name, ARROW[column.kind]) for column in schema.columns])
    return pa.RecordBatch.from_pylist(rows, types)


@pytest.mark.slow
@forms
@given(data=st.data())
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
def test_what_is_written_is_read(form, data, tmp_path):
    rows = data.draw(labelled_rows() if form.entities else RECORDS)
    path = str(tmp_path / f"written{form.suffix}")
    assert write(path, form.schema, [batches_of(rows, form.schema)]) == len(rows)
    assert good(path, form.schema) == rows
    assert not bad(path, form.schema)


@forms
def test_the_same_rows_are_the_same_bytes(form, tmp_path):
    batches = [batch.rows for batch in read(form.make(tmp_path, form.rows(200)), form.schema)]
    one, other = str(tmp_path / f"one{form.suffix}"), str(tmp_path / f"other{form.suffix}")
    write(one, form.schema, batches)
    write(other, form.schema, [batch.slice(i, 50) for batch in batches for i in range(0, batch.num_rows, 50)])
    if not form.columnar:  # their pieces stay pieces
        assert Path(one).read_bytes() == Path(other).read_bytes()
    write(other, form.schema, batches)
    assert Path(one).read_bytes() == Path(other).read_bytes()


@forms
def test_rows_are_appended_to_a_dataset_in_its_form(form, tmp_path):
    old, more = form.rows(20), form.rows(30)[20:]
    dataset = form.make(tmp_path, old)
    link = tmp_path / "cache"
    os.link(dataset, link)
    before = link.read_bytes()
    files = [form.make(tmp_path, more[:4], "one"), form.make(tmp_path, more[4:], "two")]
    assert append(dataset, files, form.schema) == 30
    assert good(dataset, form.schema) == expected(old + more, form.schema)
    assert link.read_bytes() == before
    if form.suffix in {".csv", ".tsv", ".jsonl", ".ndjson"}:
        assert Path(dataset).read_bytes().startswith(before)
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []


@forms
def test_rows_are_appended_to_a_dataset_without_rows(form, tmp_path):
    dataset = form.make(tmp_path, [])
    assert append(dataset, [form.make(tmp_path, form.rows(3), "more")], form.schema) == 3
    assert good(dataset, form.schema) == expected(form.rows(3), form.schema)


@tables
def test_a_batch_follows_the_columns_of_the_dataset(form, tmp_path):
    dataset = form.make(tmp_path, [{"extra": "x"} | dict(reversed(row.items())) for row in form.rows(10)])
    dataset = Path(dataset).rename(tmp_path / f"dataset{form.suffix}")
    batches = [batch.rows for batch in read(form.make(tmp_path, form.rows(5)), TABLE)]
    path = str(tmp_path / f"batch{form.suffix}")
    write(path, TABLE, batches, like=str(dataset))
    assert good(path, TABLE) == expected(form.rows(5), TABLE)
    if not form.suffix.startswith((".jsonl", ".ndjson")):
        assert infer([path]).names == infer([str(dataset)]).names
        assert append(str(dataset), [path], TABLE) == 15


@forms
def test_a_dataset_keeps_its_permissions(form, tmp_path):
    dataset = Path(form.make(tmp_path, form.rows(3)))
    dataset.chmod(0o640)
    append(str(dataset), [form.make(tmp_path, form.rows(3), "more")], form.schema)
    assert dataset.stat().st_mode & 0o777 == 0o640


@tables
def test_numbers_keep_their_last_digit(form, tmp_path):
    values = [0.1, 1 / 3, 5e-324, 1.7976931348623157e308, -0.0, 2**53 - 1, 2.0**60, math.pi, None]
    schema = Schema((Column("n", Kind.NUMERIC), Column("m", Kind.NUMERIC)))
    path = str(tmp_path / f"data{form.suffix}")
    write(path, schema, [batches_of([{"n": value, "m": value} for value in values], schema)])
    assert [row["n"] for row in good(path, schema)] == values


MEMORY = """
import resource, sys
from driftd.readers import inspect, Schema, Column, Kind
import pyarrow.csv, pyarrow.parquet
from support.forms import FORMS
small, large, form = sys.argv[1], sys.argv[2], FORMS[int(sys.argv[3])]
rows = inspect(small, form.schema, max_bad_ratio=0).rows
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert inspect(large, form.schema, max_bad_ratio=0).rows == 60 * rows
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.slow
@forms
def test_memory_does_not_follow_the_size_of_the_file(form, tmp_path):
    small = form.make(tmp_path, form.rows(10_000), "small")
    large = form.multiply(small, 60)
    program = [sys.executable, "-c", MEMORY, small, large, str(FORMS.index(form))]
    tests = Path(__file__).parents[1]
    grown = subprocess.run(program, check=True, capture_output=True, text=True, cwd=tests)
    assert int(grown.stdout) < 60_000  # KiB, for 600,000 rows


@pytest.mark.parametrize("name", ['a "quoted" name', "back\\slash", "tab\there", "nül\u2028"])
def test_a_column_may_have_any_name(name, tmp_path):
    rows = [{name: float(i), "note": "x"} for i in range(50)]
    path = tmp_path / "data.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"note": 1, ' + f"{json.dumps(name)}: true}}\n")
    schema = infer([str(path)])
    assert schema.kinds == {name: Kind.NUMERIC, "note": Kind.CATEGORICAL}
    assert good(str(path), schema) == rows
    assert [each.line for each in bad(str(path), schema)] == [51]


@pytest.mark.parametrize("cells", [('"[1, 2]\n[3, 4]"', '"  "'), ("[1] [2]", '"  "')])
def test_a_cell_with_two_lists_or_none_is_no_vector_and_moves_no_other(cells, tmp_path):
    path = tmp_path / "data.csv"
    rows = [*cells, *(f'"[{n}, 0]"' for n in range(2, 300))]
    path.write_text("n,place\n" + "".join(f"{n},{cell}\n" for n, cell in enumerate(rows)))
    schema = Schema((Column("n", Kind.NUMERIC), Column("place", Kind.VECTOR)))
    assert good(str(path), schema) == [{"n": n, "place": [n, 0]} for n in range(2, 300)]
    assert len(bad(str(path), schema)) == len(cells)
