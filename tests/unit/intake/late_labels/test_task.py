import csv
import json

import pytest

from driftd.errors import SchemaMismatchError
from driftd.intake.late_labels.task import Waiting, look
from driftd.readers import Column, Kind, Schema, Span, delivered, read_spans
from driftd.retrain.dataset.batches import count_labelled

SCHEMA = Schema(
    (Column("id", Kind.NUMERIC), Column("x", Kind.CATEGORICAL), Column("y", Kind.CATEGORICAL, optional=True))
)
LABELS = ("y",)
TEXTS = Schema((Column("text", Kind.TEXT), Column("entities", Kind.ENTITIES)))


def rows(path, lines, header=("id", "x", "y")):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *lines])
    return Span(str(path), 0, len(lines))


def texts(path, lines):
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return Span(str(path), 0, len(lines))


def values(span, schema=SCHEMA, column="y"):
    return [value for batch in read_spans([span], schema) for value in batch.column(column).to_pylist()]


class Files:
    """Files that wait for labels; `join` delivers one and takes over what came of it."""

    def __init__(self, folder, spans, schema=SCHEMA, labels=LABELS, key=None):
        self.folder, self.schema, self.labels, self.key = folder / "labels", schema, labels, key
        self.spans = dict(enumerate(spans, 1))
        self.times = 0

    def look(self, span, *, only_known=False):
        self.times += 1
        waiting = [Waiting(n, each, str(self.folder / f"{n}.ids")) for n, each in self.spans.items()]
        looked = look(
            span, self.schema, self.labels, self.key, waiting, self.folder, f"{self.times:06d}", only_known=only_known
        )
        for number, name in (looked.joined.files if looked.joined else {}).items():
            old = self.spans[number]
            self.spans[number] = Span(old.path, 0, old.rows, str(self.folder / name))
        return looked

    def join(self, span):
        return self.look(span).joined

    @property
    def labelled(self):
        return count_labelled(list(self.spans.values()), self.schema, self.labels)


def test_labels_find_their_rows_by_all_that_is_no_label(tmp_path):
    first = rows(tmp_path / "1.csv", [(1, "a", ""), (2, "b", "known"), (3, "a", "")])
    second = rows(tmp_path / "2.csv", [(4, "a", ""), (1, "a", "")])
    files = Files(tmp_path, [first, second])
    done = files.join(
        rows(tmp_path / "new.csv", [(1, "a", "A"), (2, "b", "other"), (4, "a", "C"), (5, "a", "E"), (3, "a", "")])
    )
    assert (done.labelled, done.found) == (4, 3)
    assert done.files.keys() == {1, 2}
    assert values(files.spans[1]) == ["A", "known", None]
    assert values(files.spans[2]) == ["C", "A"]
    assert files.labelled == 4
    assert values(Span(first.path, 2, 1, files.spans[1].labels)) == [None]
    assert values(Span(second.path, 1, 1, files.spans[2].labels)) == ["A"]
    assert values(first) == [None, "known", None]


def test_a_later_label_corrects_an_earlier_one_and_leaves_the_others(tmp_path):
    files = Files(tmp_path, [rows(tmp_path / "1.csv", [(n, "a", "") for n in range(4)])])
    files.join(rows(tmp_path / "a.csv", [(0, "a", "first"), (2, "a", "second")]))
    files.join(rows(tmp_path / "b.csv", [(3, "a", "third"), (2, "a", "corrected")]))
    assert values(files.spans[1]) == ["first", None, "corrected", "third"]


def test_a_sidecar_needs_the_key_and_the_labels_alone(tmp_path):
    files = Files(tmp_path, [rows(tmp_path / "1.csv", [(1, "a", ""), ("", "a", ""), (3, "b", "")])], key="id")
    assert delivered(SCHEMA, LABELS, "id").names == ("id", "y")
    done = files.join(rows(tmp_path / "side.csv", [(3, "C"), (9, "N"), ("", "none")], header=("id", "y")))
    assert values(files.spans[1]) == [None, None, "C"]
    assert (done.labelled, done.found) == (2, 1)
    with pytest.raises(SchemaMismatchError, match="key: order is no column"):
        delivered(SCHEMA, LABELS, "order")


def test_a_file_with_one_row_that_nobody_knows_is_data(tmp_path):
    files = Files(tmp_path, [rows(tmp_path / "1.csv", [(1, "a", ""), (2, "b", "known")])])
    looked = files.look(rows(tmp_path / "data.csv", [(1, "a", "A"), (7, "b", "B"), (8, "b", "")]), only_known=True)
    assert (looked.joined, looked.blank) == (None, 1)
    assert files.spans[1].labels is None
    assert not list((tmp_path / "labels").glob("*.labels"))
    again = rows(tmp_path / "again.csv", [(1, "a", "A"), (2, "b", "known")])
    assert files.look(again, only_known=True).joined.found == 2


def test_rows_that_repeat_are_not_told_by_their_content(tmp_path):
    waiting = rows(tmp_path / "1.csv", [(1, kind, "") for kind in "ab" * 3])
    files = Files(tmp_path, [waiting])
    assert files.look(rows(tmp_path / "new.csv", [(1, "a", "A"), (1, "b", "B")]), only_known=True).joined is None
    assert files.look(rows(tmp_path / "twice.csv", [(1, "a", "A"), (1, "b", "B")])).joined.found == 2


def test_labels_in_several_columns_may_come_apart(tmp_path):
    schema = Schema((*SCHEMA.columns, Column("z", Kind.NUMERIC, optional=True)))
    files = Files(
        tmp_path, [rows(tmp_path / "1.csv", [(1, "a"), (2, "b"), (3, "c")], ("id", "x"))], schema, ("y", "z"), "id"
    )
    files.join(rows(tmp_path / "y.csv", [(1, "A"), (2, "B")], ("id", "y")))
    files.join(rows(tmp_path / "z.csv", [(2, 5), (3, 7)], ("id", "z")))
    assert values(files.spans[1], schema) == ["A", "B", None]
    assert values(files.spans[1], schema, "z") == [None, 5, 7]


def test_entities_are_labels_of_their_text(tmp_path):
    files = Files(
        tmp_path, [texts(tmp_path / "1.jsonl", [{"text": "one two"}, {"text": "three"}])], TEXTS, ("entities",)
    )
    files.join(
        texts(
            tmp_path / "new.jsonl",
            [
                {"text": "one two", "spans": [{"start": 0, "end": 3, "label": "N"}]},
                {"text": "three", "spans": []},
            ],
        )
    )
    assert files.labelled == 2
    assert values(files.spans[1], TEXTS, "entities") == [[{"start": 0, "end": 3, "label": "N"}], []]


def test_a_file_that_waits_and_was_moved_away_is_passed_over(tmp_path):
    gone, there = rows(tmp_path / "1.csv", [(1, "a", "")]), rows(tmp_path / "2.csv", [(2, "b", "")])
    files = Files(tmp_path, [gone, there])
    (tmp_path / "1.csv").unlink()
    looked = files.look(rows(tmp_path / "3.csv", [(1, "a", "A"), (2, "b", "B")]))
    assert looked.joined.found == 1
    assert values(files.spans[2]) == ["B"]
