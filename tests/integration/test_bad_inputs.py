"""Everything that a feed should not send, through the inbox of a real daemon: what is refused is said, and good files go on."""

import os

import pytest

from support.daemon import wait_until
from support.project import write_rows
from support.running import Kinds

pytestmark = pytest.mark.slow

HEAD = "n,kind,label\n"
# name: (content, what a person reads)
REFUSED = {
    "broken.json": (b'{"spacy_data": [["cut off', "broken.json"),
    "broken.jsonl": (b'{"n": 1, "kind": "a", "label": "A"}\n{"n": 2, "kind":\n', "line 2"),
    "missing.csv": (b"n,label\n1,A\n2,B\n", "column 'kind' is missing"),
    "retyped.csv": ((HEAD + "".join(f"number {n},a,A\n" for n in range(50))).encode(), "column n"),
    "nothing.parquet": (b"", "nothing.parquet"),
    "not.parquet": (b"PAR1 but not really", "not.parquet"),
    "not.csv.gz": (b"this is no gzip", "not.csv.gz"),
    "latin.csv": (HEAD.encode() + "1,é,A\n".encode("latin-1"), "in line 2"),
}


@pytest.fixture(scope="module")
def kinds(watched, tmp_path_factory):
    kinds = Kinds.copy(watched, tmp_path_factory.mktemp("bad"))
    with kinds.daemon() as daemon:
        kinds.wait_for_model()
        for name, (content, _) in REFUSED.items():
            arrive(kinds, name, content)
        (kinds.incoming / "folder.csv").mkdir()
        os.mkfifo(kinds.incoming / "pipe.csv")
        (kinds.incoming / "half.csv.part").write_text("n,ki")
        arrive(kinds, "empty.csv", HEAD.encode())
        rows = write_rows(kinds.folder / "aside" / "rows.csv", "ab", start=50_000, each=5000).read_text().splitlines()
        rows[777] = "not a number,a,A"
        arrive(kinds, "one-bad-row.csv", "\n".join([*rows, ""]).encode())
        extra = HEAD.replace("\n", ",colour\n") + "".join(
            f"{70_000 + n},{'ab'[n % 2]},{'AB'[n % 2]},red\n" for n in range(60)
        )
        arrive(kinds, "extra.csv", extra.encode())
        kinds.drop(1, "ab")
        wait_until(lambda: state_of(kinds, "1.csv") == "admitted", 90, "the good file behind the bad ones")
        yield kinds
        assert daemon.get("/readyz").status == 200
        assert "Traceback" not in daemon.log
    assert kinds.json("verify")["ok"]


def arrive(kinds, name, content):
    aside = kinds.folder / "aside" / name
    aside.parent.mkdir(exist_ok=True)
    aside.write_bytes(content)
    aside.rename(kinds.incoming / name)


def state_of(kinds, name):
    found = [state for known, state in kinds.rows("SELECT name, state FROM files") if known == name]
    return found[-1] if found else None


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_with_a_reason_and_kept(kinds, name):
    wait_until(lambda: state_of(kinds, name) == "quarantined", what=f"{name} is refused")
    [file] = [each for each in kinds.json("quarantine", "list") if each["name"] == name]
    assert REFUSED[name][1] in file["reason"]
    assert file["remedy"]
    [kept] = (kinds.incoming / "quarantine").glob(f"*{name}")
    assert kept.read_bytes() == REFUSED[name][0]


def test_a_missing_and_a_retyped_column_open_one_schema_incident_and_no_drift(kinds):
    [incident] = kinds.json("incidents", "list", "--all")
    assert incident["kind"] == "schema"
    assert kinds.rows("SELECT id FROM runs WHERE cause <> 'first-model'") == []


def test_one_bad_row_among_ten_thousand_is_set_aside_with_its_line(kinds):
    assert kinds.rows("SELECT state, rows, bad_rows FROM files WHERE name = 'one-bad-row.csv'") == [
        ("admitted", 9999, 1)
    ]
    [[said]] = kinds.rows("SELECT data FROM events WHERE kind = 'file-admitted' AND data LIKE '%one-bad-row%'")
    assert "line 778: column n" in said


def test_an_extra_column_is_ignored_and_warned_of(kinds):
    assert state_of(kinds, "extra.csv") == "admitted"
    assert kinds.rows("SELECT 1 FROM events WHERE kind = 'extra-columns' AND data LIKE '%colour%'")


def test_an_empty_file_is_empty(kinds):
    assert state_of(kinds, "empty.csv") == "empty"


def test_what_is_no_file_is_left_alone_and_said(kinds):
    said = {data for (data,) in kinds.rows("SELECT data FROM events WHERE kind = 'file-ignored'")}
    assert any("pipe.csv" in each for each in said)
    assert (kinds.incoming / "folder.csv").is_dir()
    assert (kinds.incoming / "half.csv.part").exists()
