"""Which rows of a dataset a candidate is made of."""

import csv
from pathlib import Path

import pytest

from driftd.config import choice
from driftd.errors import DataError
from driftd.readers import Schema
from driftd.retrain.dataset.row_selection import Part, rewrite, select
from support.project import write_rows
from support.retraining import COLUMNS

SCHEMA = Schema.from_json(COLUMNS)
BATCH = "driftd-000001-000002-0123456789ab.csv"


def numbers(path):
    with Path(path).open(newline="") as file:
        return [int(row["n"]) for row in csv.DictReader(file)]


class Rows:
    """A dataset of 100 rows of the base's own (0 to 99), a batch of 60 older ones (1000 on) and one of 40 new ones (2000 on)."""

    def __init__(self, folder):
        self.folder = folder
        self.base = write_rows(folder / "data" / "first.csv", "ab", each=50)
        old = write_rows(folder / "batches" / BATCH, "abc", start=1000, each=20)
        new = write_rows(folder / "batches" / "driftd-000003-000003-fedcba987654.csv", "cd", start=2000, each=20)
        self.parts = [
            Part("first.csv", str(self.base), new=False),
            Part(BATCH, str(old), new=False),
            Part(new.name, str(new), new=True),
        ]

    def select(self, rule, parts=None):
        return select(parts or self.parts, choice(rule), SCHEMA, ("label",), self.folder / "out")


@pytest.fixture
def rows(tmp_path):
    return Rows(tmp_path)


def test_all_are_the_parts_themselves(rows):
    assert [(each.name, each.path, each.rows) for each in rows.select("all")] == [
        (part.name, part.path, count) for part, count in zip(rows.parts, (100, 60, 40), strict=True)
    ]


@pytest.mark.parametrize(
    ("rule", "counts"),
    [
        ("last 30 rows", [30]),
        ("last 40 rows", [40]),
        ("last 70 rows", [30, 40]),
        ("last 150 rows", [50, 60, 40]),
        ("last 900 rows", [100, 60, 40]),
    ],
)
def test_the_last_rows_are_those_that_came_last(rows, rule, counts):
    chosen = rows.select(rule)
    assert [each.rows for each in chosen] == counts
    everything = [row for part in rows.parts for row in numbers(part.path)]
    assert [row for each in chosen for row in numbers(each.path)] == everything[-sum(counts) :]


def test_what_is_left_of_a_part_is_named_by_its_content_and_keeps_its_place(rows):
    [base, batch, new] = rows.select("last 150 rows")
    assert batch.name == BATCH
    assert base.name.startswith("first-driftd-")
    assert rows.select("last 150 rows")[0] == base
    [again, *_] = rows.select("last 120 rows", [Part(base.name, base.path, new=False), *rows.parts[1:]])
    assert (again.rows, again.name.count("driftd"), again.name != base.name) == (20, 1, True)
    [cut, _] = rows.select("last 70 rows")
    assert cut.name.startswith("driftd-000001-000002-")
    assert cut.name != BATCH
    assert (cut.part, new.new, cut.new) == (BATCH, True, False)


def test_a_sample_of_the_older_rows_joins_the_new_regime(rows):
    chosen = rows.select("regime + 20%")
    assert [each.new for each in chosen] == [False, False, True]
    assert chosen[-1].rows == 40
    assert 15 <= sum(each.rows for each in chosen[:-1]) <= 50
    assert [each.rows for each in rows.select("regime")] == [40]


def test_a_sample_of_a_number_of_rows_has_that_many(rows):
    assert sum(each.rows for each in rows.select("regime + 50 rows")[:-1]) == 50
    assert sum(each.rows for each in rows.select("regime + 900 rows")[:-1]) == 160


def test_a_smaller_sample_is_part_of_a_larger_and_the_same_in_other_files(rows):
    def sampled(rule, parts=None):
        return {row for each in rows.select(rule, parts)[:-1] for row in numbers(each.path)}

    small, large = sampled("regime + 10%"), sampled("regime + 30%")
    assert small < large
    whole = rows.folder / "data" / "whole.csv"
    lines = [line for part in rows.parts[:2] for line in Path(part.path).read_text().splitlines()[1:]]
    whole.write_text("\n".join(["n,kind,label", *lines, ""]))
    assert sampled("regime + 30%", [Part(whole.name, str(whole), new=False), rows.parts[2]]) == large


def test_a_sample_has_its_share_of_test_rows(rows):
    """The identity itself tells test rows, so it cannot choose the sample too."""
    from driftd.readers import read, row_ids

    many = write_rows(rows.folder / "data" / "many.csv", "ab", each=1000)
    chosen = rows.select("regime + 30%", [Part(many.name, str(many), new=False), rows.parts[2]])
    ids = [identity for each in read(chosen[0].path, SCHEMA) for identity in row_ids(each.rows, ("label",))]
    share = sum(int(identity[:8], 16) / 2**32 < 0.2 for identity in ids) / len(ids)
    assert len(ids) == pytest.approx(600, abs=90)
    assert share == pytest.approx(0.2, abs=0.06)


def test_a_dataset_of_one_file_is_written_anew_in_its_own_form(rows):
    parts = [Part("first.csv", str(rows.base), new=False), *rows.parts[1:]]
    chosen = rewrite(str(rows.base), parts, choice("last 70 rows"), SCHEMA, ("label",))
    assert [(each.name, each.part, each.rows) for each in chosen] == [
        ("first.csv", BATCH, 30),
        ("first.csv", parts[2].name, 40),
    ]
    assert len(numbers(rows.base)) == 70
    assert rows.base.read_text().startswith("n,kind,label\n")


def test_no_row_is_an_error(rows):
    with pytest.raises(DataError, match="leaves no row"):
        rows.select("regime", rows.parts[:2])
