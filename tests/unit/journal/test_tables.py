import msgspec
import pytest

from driftd.journal import Journal, records, tables
from driftd.journal.window_spans import spans_of
from driftd.readers import Span

ALL = [table for table in vars(tables).values() if isinstance(table, tables.Table)]
COLUMNS = [{"name": "x", "kind": "numeric"}, {"name": "y", "kind": "text", "optional": True}]
REFERRED = {"reference_id": None, "incident_id": None, "run_id": None}


@pytest.fixture
def journal(tmp_path):
    journal = Journal.open(tmp_path / "journal.db")
    with journal.write():
        tables.projects.add(journal, name="p", state="new", columns=COLUMNS, detail={})
    yield journal
    journal.close()


def value_of(kind):
    """Make a value that a column of a type may hold."""
    samples = {
        int: 7,
        float: 0.5,
        str: "p",
        bytes: b"\xff\x00",
        bool: True,
        dict[str, object]: {"a": [1, None]},
        list[float]: [0.5, 1.0],
    }
    if kind in samples:
        return samples[kind]
    text = str(kind)
    if "dict[str" in text and "list" in text:
        return COLUMNS
    if "list[tuple" in text:
        return [(1, 0, 5)]
    if "dict" in text:
        return {"a": [1, {"b": None}]}
    if isinstance(kind, type) and issubclass(kind, str):
        return next(iter(kind))
    return next(value_of(option) for option in kind.__args__ if option is not type(None))


@pytest.mark.parametrize("table", [t for t in ALL if t is not tables.projects], ids=lambda t: t.name)
def test_what_is_written_is_read(journal, table):
    journal.db.execute("PRAGMA foreign_keys = OFF")
    fields = {field.name: value_of(field.type) for field in msgspec.structs.fields(table._kind)}
    with journal.write():
        table.add(journal, **fields)
    assert table.all(journal) == [table._kind(**fields)]


@pytest.mark.parametrize("table", ALL, ids=lambda t: t.name)
def test_a_record_has_every_column_of_its_table(journal, table):
    columns = {row["name"] for row in journal.rows(f"PRAGMA table_info({table.name})")}
    assert columns == {field.name for field in msgspec.structs.fields(table._kind)}


def test_every_table_has_a_record_or_is_known_to_need_none(journal):
    names = {row["name"] for row in journal.rows("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert names - {table.name for table in ALL} == {"bad_rows", "cursors", "file_totals", "objects", "sqlite_sequence"}


def test_nothing_may_be_nothing(journal):
    with journal.write():
        tables.projects.update(journal, "p", columns=None)
    assert tables.projects.get(journal, "p").columns is None


def test_the_schema_of_a_project_is_kept_as_it_is(journal):
    assert tables.projects.get(journal, "p").columns == COLUMNS


def test_finding(journal):
    with journal.write():
        for kind in ("a", "b", "b"):
            tables.requests.add(journal, project="p", kind=kind, arguments={}, state="waiting", created_at=0.0)
    assert tables.requests.count(journal, "kind = ?", "b") == 2
    assert tables.requests.first(journal, "kind = ?", "b", order="id DESC").id == 3
    assert tables.requests.first(journal, "kind = ?", "c") is None
    assert [r.id for r in tables.requests.all(journal, order="id DESC")] == [3, 2, 1]
    with pytest.raises(KeyError, match="requests: no row 9"):
        tables.requests.get(journal, 9)


def test_setting_changes_what_was_meant_only(journal):
    with journal.write():
        for _ in range(2):
            tables.requests.add(journal, project="p", kind="a", arguments={}, state="waiting", created_at=0.0)
        tables.requests.update(journal, 1, state=records.RequestState.DONE, answer={"message": "m"})
    assert [r.state for r in tables.requests.all(journal)] == ["done", "waiting"]
    assert tables.requests.get(journal, 1).answer == {"message": "m"}


def test_a_project_has_one_run_at_a_time(journal):
    def add():
        with journal.write():
            return tables.runs.add(journal, project="p", cause="drift", state="running", plan={}, created_at=0.0)

    first = add()
    with pytest.raises(Exception, match="UNIQUE"):
        add()
    with journal.write():
        tables.runs.update(journal, first, ended_at=1.0)
    assert add() == first + 1


def test_spans_of_windows_are_joined_across_their_borders(journal):
    with journal.write():
        for location in (b"/a.csv", b"/b\xff.csv"):
            tables.files.add(
                journal,
                project="p",
                name="n",
                location=location,
                sha256="",
                size=0,
                mtime_ns=0,
                state="admitted",
                arrived_at=0.0,
            )
        for number, spans in enumerate([[(1, 0, 10)], [(1, 10, 5), (2, 0, 5)], [(2, 6, 4)]], 1):
            tables.windows.add(
                journal,
                project="p",
                number=number,
                spans=spans,
                rows=10,
                closed_at=0.0,
                closed_by="rows",
                state="closed",
            )
    windows = tables.windows.all(journal, order="number")
    assert spans_of(journal, windows) == [Span("/a.csv", 0, 15), Span("/b\udcff.csv", 0, 5), Span("/b\udcff.csv", 6, 4)]
    assert spans_of(journal, []) == []
