"""Intake with real files, real worker processes, a real journal."""

import errno
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import Future
from pathlib import Path

import pytest

from driftd.errors import RefusedError
from driftd.intake import close_windows, inspection, quarantine
from driftd.journal import tables
from driftd.journal.records import FileState
from driftd.journal.window_spans import spans_of
from driftd.readers import Schema, read_spans
from driftd.service.worker_pool import Workers
from support.daemon import wait_until
from support.intake import COLUMNS, OLD, Rig, dies, good_rows, stumbles, write_csv


@pytest.fixture(scope="module")
def workers():
    executor = Workers(1)
    yield executor
    executor.shutdown()


@pytest.fixture
def rig(tmp_path, workers):
    rig = Rig(tmp_path, workers)
    yield rig
    rig.close()


@pytest.fixture
def keeping(tmp_path, workers):
    rig = Rig(tmp_path, workers, after="keep")
    yield rig
    rig.close()


def rows_of(rig):
    """Read all rows that were admitted, through the journal, as a window would."""
    files = tables.files.all(rig.journal, "state = 'admitted'", order="id")
    with rig.journal.write():
        spans = [(file.id, 0, file.rows) for file in files]
        window = tables.windows.add(
            rig.journal, project="p", number=1, spans=spans, rows=0, closed_at=0.0, closed_by="rows", state="closed"
        )
    found = spans_of(rig.journal, [tables.windows.get(rig.journal, window)])
    return [int(x) for batch in read_spans(found, Schema.from_json(COLUMNS)) for x in batch["x"].to_pylist()]


class TestAdmission:
    def test_files_are_admitted_by_time_then_name_and_moved(self, rig):
        write_csv(rig.root / "b.csv", good_rows(3), at=OLD + 1)
        write_csv(rig.root / "a.csv", good_rows(2, 10), at=OLD + 1)
        write_csv(rig.root / "sub" / "z.csv", good_rows(4, 20))
        assert rig.intake.scan() == 3
        assert [(f.id, f.name, f.rows, f.state) for f in rig.files()] == [
            (1, "sub/z.csv", 4, "admitted"),
            (2, "a.csv", 2, "admitted"),
            (3, "b.csv", 3, "admitted"),
        ]
        assert rig.lying() == ["processed/000001-z.csv", "processed/000002-a.csv", "processed/000003-b.csv"]
        assert rows_of(rig) == [20, 21, 22, 23, 10, 11, 0, 1, 2]
        assert rig.said("file-admitted")[0] == {
            "file": "sub/z.csv",
            "rows": 4,
            "bad_rows": 0,
            "first_bad_row": None,
        }
        assert rig.intake.scan() == 0
        assert rig.intake.problem is None

    def test_nothing_is_admitted_before_there_is_a_schema(self, rig):
        with rig.journal.write():
            tables.projects.set(rig.journal, "name = 'p'", columns=None)
        write_csv(rig.root / "a.csv", good_rows(3))
        assert rig.intake.scan() == 0
        assert rig.lying() == ["a.csv"]
        with rig.journal.write():
            tables.projects.set(rig.journal, "name = 'p'", columns=COLUMNS)
        assert rig.intake.scan() == 1

    def test_more_files_than_go_through_at_once(self, rig):
        for i in range(150):
            write_csv(rig.root / f"{i:03d}.csv", good_rows(1, i))
        assert rig.intake.scan() == 150
        assert rows_of(rig) == list(range(150))

    def test_a_file_that_is_still_being_written_waits(self, tmp_path, workers):
        rig = Rig(tmp_path, workers, settle=0.2)
        path = write_csv(rig.root / "a.csv", good_rows(3), at=time.time() + 3600)
        assert rig.intake.scan() == 0
        with path.open("a") as file:
            file.write("99,a\n")
        assert rig.intake.scan() == 0
        assert wait_until(rig.intake.scan) == 1
        assert rig.files()[0].rows == 4
        rig.close()

    def test_a_file_that_grows_while_it_is_hashed_waits(self, rig, monkeypatch):
        path = write_csv(rig.root / "a.csv", good_rows(3))
        real = inspection.fingerprint

        def meanwhile(given):
            content = real(given)
            with path.open("a") as file:
                file.write("99,a\n")
            return (
                real(given)
                if content is None
                else inspection.Fingerprint(content.sha256, content.size, content.mtime_ns, still=False)
            )

        monkeypatch.setattr("driftd.intake.source_scanner.fingerprint", meanwhile)
        assert rig.intake.scan() == 0
        assert rig.files() == []
        monkeypatch.undo()
        assert wait_until(rig.intake.scan) == 1
        assert rig.files()[0].rows == 4

    def test_a_writer_that_goes_on_after_the_move_makes_a_new_generation(self, rig):
        path = write_csv(rig.root / "a.csv", good_rows(3))
        writer = path.open("a")
        real = rig.intake.admission._submit

        def late(row, moved):
            if not writer.closed:
                writer.write("99,a\n")
                writer.close()
            return real(row, moved)

        rig.intake.admission._submit = late
        rig.intake.scan()
        assert rig.states() == [("a.csv", "dropped")]
        assert rig.files()[0].reason == "it was still being written"
        assert rig.lying() == ["a.csv"]
        assert wait_until(rig.intake.scan) == 1
        assert rig.states() == [("a.csv", "dropped"), ("a.csv", "admitted")]
        assert rows_of(rig) == [0, 1, 2, 99]

    def test_a_name_that_is_not_utf8(self, rig):
        write_csv(rig.root / "x.csv", good_rows(3)).rename(rig.root / os.fsdecode(b"caf\xe9\n.csv"))
        assert rig.intake.scan() == 1
        assert rig.states() == [(r"caf\xe9\n.csv", "admitted")]
        assert rows_of(rig) == [0, 1, 2]

    def test_the_longest_name(self, rig):
        write_csv(rig.root / ("n" * 251 + ".csv"), good_rows(3))
        assert rig.intake.scan() == 1
        assert rows_of(rig) == [0, 1, 2]

    def test_a_new_journal_does_not_write_over_what_an_old_one_left(self, rig):
        write_csv(rig.root / "processed" / "000041-old.csv", good_rows(5))
        write_csv(rig.root / "a.csv", good_rows(3))
        rig.intake.scan()
        assert rig.lying() == ["processed/000041-old.csv", "processed/000042-a.csv"]

    def test_rows_become_windows(self, rig):
        write_csv(rig.root / "a.csv", good_rows(700))
        write_csv(rig.root / "b.csv", good_rows(400, 700), at=OLD + 1)
        rig.intake.scan()
        assert close_windows(rig.journal, "p", rig.settings, time.time()) == 2
        windows = tables.windows.all(rig.journal, order="number")
        rows = [
            x for b in read_spans(spans_of(rig.journal, windows), Schema.from_json(COLUMNS)) for x in b["x"].to_pylist()
        ]
        assert rows == list(range(1000))


class TestDuplicates:
    def test_are_counted_and_moved_and_not_admitted(self, rig):
        write_csv(rig.root / "a.csv", good_rows(3))
        write_csv(rig.root / "b.csv", good_rows(3))
        rig.intake.scan()
        write_csv(rig.root / "c.csv", good_rows(3))
        rig.intake.scan()
        assert [state for _, state in rig.states()] == ["admitted", "duplicate", "duplicate"]
        assert rig.lying() == ["processed/000001-a.csv", "processed/000002-b.csv", "processed/000003-c.csv"]
        assert rows_of(rig) == [0, 1, 2]
        assert len(rig.said("file-duplicate")) == 2

    def test_may_be_wanted(self, tmp_path, workers):
        rig = Rig(tmp_path, workers, duplicates="accept")
        for name in ("a.csv", "b.csv"):
            write_csv(rig.root / name, good_rows(3))
        rig.intake.scan()
        assert rows_of(rig) == [0, 1, 2, 0, 1, 2]
        rig.close()

    def test_of_a_file_that_was_refused_are_looked_at(self, rig):
        for name in ("a.csv", "b.csv"):
            write_csv(rig.root / name, [("no", "a"), ("number", "b")])
        rig.intake.scan()
        assert [state for _, state in rig.states()] == ["quarantined", "quarantined"]

    def test_of_an_empty_file_are_empty(self, rig):
        for name in ("a.csv", "b.csv"):
            write_csv(rig.root / name, [])
        rig.intake.scan()
        assert [state for _, state in rig.states()] == ["empty", "empty"]


class TestRefused:
    def reason(self, rig, name):
        (file,) = [f for f in rig.files() if f.name == name]
        assert file.state is FileState.QUARANTINED
        assert Path(os.fsdecode(file.location)).parent == rig.root / "quarantine"
        assert Path(os.fsdecode(file.location)).exists()
        assert name in file.reason
        assert "processed" not in file.reason
        return file.reason

    def test_damaged_files(self, rig):
        (rig.root / "zero.parquet").write_bytes(b"")
        (rig.root / "half.json").write_bytes(b'{"spacy_data": [["Uber", [[0, 4,')
        (rig.root / "noise.csv.gz").write_bytes(b"\x00\x01noise" * 50)
        rig.intake.scan()
        assert {state for _, state in rig.states()} == {"quarantined"}
        for name in ("zero.parquet", "half.json", "noise.csv.gz"):
            assert self.reason(rig, name)
        assert len(rig.said("file-quarantined")) == 3
        assert rig.intake.scan() == 0

    def test_one_bad_row_among_many_is_set_aside_with_its_line(self, rig):
        rows = good_rows(10_000)
        rows[4321] = ("oops", "a")
        write_csv(rig.root / "a.csv", rows)
        rig.intake.scan()
        (file,) = rig.files()
        assert (file.state, file.rows, file.bad_rows) == ("admitted", 9999, 1)
        (bad,) = rig.journal.rows("SELECT * FROM bad_rows")
        assert (bad["file_id"], bad["line"]) == (1, 4323)
        assert "oops" in bad["reason"] or "x" in bad["reason"]

    def test_too_many_bad_rows_refuse_the_file(self, rig):
        rows = good_rows(1000)
        rows[5] = rows[6] = ("oops", "a")
        write_csv(rig.root / "a.csv", rows)
        rig.intake.scan()
        assert "2 of 1000 rows" in self.reason(rig, "a.csv")
        assert rig.files()[0].remedy

    def test_a_schema_that_does_not_fit_opens_one_incident(self, rig):
        write_csv(rig.root / "a.csv", [(1,)], header=["x"])
        rig.intake.scan()
        for i in range(25):
            write_csv(rig.root / f"b{i}.csv", [(f"text {i}", "a"), ("more", "b")])
        write_csv(rig.root / "good.csv", good_rows(3))
        rig.intake.scan()
        (incident,) = tables.incidents.all(rig.journal)
        assert (incident.kind, incident.state) == ("schema", "open")
        assert incident.detail["count"] == 26
        assert len(incident.detail["files"]) == 20
        assert "y" in self.reason(rig, "a.csv")
        assert incident.summary == self.reason(rig, "a.csv")
        assert len(rig.said("incident-opened")) == 1
        assert [name for name, state in rig.states() if state == "admitted"] == ["good.csv"]

    def test_extra_columns_are_warned_of_when_they_are_new(self, rig):
        for i in range(3):
            write_csv(rig.root / f"{i}.csv", [(1, "a", i)], header=["x", "y", "z"])
        write_csv(rig.root / "9.csv", [(1, "a", 9, 9)], header=["x", "y", "z", "w"])
        rig.intake.scan()
        assert {state for _, state in rig.states()} == {"admitted"}
        assert [event["columns"] for event in rig.said("extra-columns")] == [["z"], ["z", "w"]]

    @pytest.mark.slow
    def test_a_file_that_kills_its_reader(self, rig, monkeypatch):
        monkeypatch.setattr("driftd.intake.admission.examine", dies)
        write_csv(rig.root / "a.csv", good_rows(3))
        write_csv(rig.root / "killer.csv", good_rows(4))
        write_csv(rig.root / "z.csv", good_rows(5))
        rig.intake.scan()
        assert rig.states() == [("a.csv", "admitted"), ("killer.csv", "quarantined"), ("z.csv", "admitted")]
        assert "was killed" in self.reason(rig, "killer.csv")

    def test_a_reader_that_stumbles(self, rig, monkeypatch):
        monkeypatch.setattr("driftd.intake.admission.examine", stumbles)
        write_csv(rig.root / "a.csv", good_rows(3))
        rig.intake.scan()
        assert "ZeroDivisionError" in self.reason(rig, "a.csv")


class TestQuarantine:
    def refuse(self, rig):
        write_csv(rig.root / "a.csv", [("text", "a"), ("more", "b")])
        rig.intake.scan()
        (file,) = quarantine.listed(rig.journal, "p")
        return file

    def test_retry_after_the_file_was_repaired(self, rig):
        file = self.refuse(rig)
        write_csv(Path(os.fsdecode(file.location)), good_rows(3))
        assert quarantine.retry(rig.intake, file.id) == "a.csv is tried again as file 2"
        assert rig.intake.scan() == 1
        assert rig.states() == [("a.csv", "dropped"), ("a.csv", "admitted")]
        assert rig.lying() == ["processed/000002-a.csv"]
        (incident,) = tables.incidents.all(rig.journal)
        assert (incident.state, incident.resolution) == ("closed", "recovery")

    def test_retry_of_a_file_as_it_was(self, rig):
        file = self.refuse(rig)
        quarantine.retry(rig.intake, file.id)
        rig.intake.scan()
        assert rig.states() == [("a.csv", "dropped"), ("a.csv", "quarantined")]
        assert rig.lying() == ["quarantine/000002-a.csv"]
        assert len(tables.incidents.all(rig.journal)) == 1

    def test_drop(self, rig):
        file = self.refuse(rig)
        assert quarantine.drop(rig.intake, file.id) == "a.csv is dropped"
        assert rig.lying() == []
        assert rig.states() == [("a.csv", "dropped")]
        assert tables.incidents.all(rig.journal)[0].state == "closed"

    def test_what_is_not_there_is_refused_with_a_reason(self, rig):
        file = self.refuse(rig)
        with pytest.raises(RefusedError, match="file 99 is not in quarantine"):
            quarantine.drop(rig.intake, 99)
        Path(os.fsdecode(file.location)).unlink()
        with pytest.raises(RefusedError, match="cannot be read"):
            quarantine.retry(rig.intake, file.id)
        quarantine.drop(rig.intake, file.id)
        with pytest.raises(RefusedError, match="it is dropped"):
            quarantine.retry(rig.intake, file.id)

    def test_a_kept_file_stays(self, keeping):
        file = self.refuse(keeping)
        assert Path(os.fsdecode(file.location)) == keeping.root / "a.csv"
        assert "stays where it is" in quarantine.drop(keeping.intake, file.id)
        assert keeping.intake.scan() == 0
        assert keeping.lying() == ["a.csv"]

    def test_retry_of_a_kept_file(self, keeping):
        file = self.refuse(keeping)
        write_csv(keeping.root / "a.csv", good_rows(3))
        quarantine.retry(keeping.intake, file.id)
        assert keeping.intake.scan() == 1
        assert keeping.intake.scan() == 0
        assert keeping.states() == [("a.csv", "dropped"), ("a.csv", "admitted")]


class TestKeep:
    def test_files_stay_and_are_hashed_once(self, keeping, monkeypatch):
        write_csv(keeping.root / "a.csv", good_rows(3))
        write_csv(keeping.root / "sub" / "b.csv", good_rows(2, 10))
        assert keeping.intake.scan() == 2
        assert keeping.lying() == ["a.csv", "sub/b.csv"]
        assert rows_of(keeping) == [0, 1, 2, 10, 11]
        keeping.again()
        hashed = []
        monkeypatch.setattr("driftd.intake.source_scanner.fingerprint", hashed.append)
        assert keeping.intake.scan() == 0
        assert hashed == []

    def test_changed_content_is_a_new_generation(self, keeping):
        write_csv(keeping.root / "a.csv", good_rows(3))
        keeping.intake.scan()
        write_csv(keeping.root / "a.csv", good_rows(5), at=OLD + 5)
        assert keeping.intake.scan() == 1
        assert [(f.name, f.state, f.rows) for f in keeping.files()] == [
            ("a.csv", "admitted", 3),
            ("a.csv", "admitted", 5),
        ]

    def test_a_refused_file_that_is_corrected_where_it_lies_is_refused_no_more(self, keeping):
        write_csv(keeping.root / "a.csv", [(1,)], header=["x"])
        keeping.intake.scan()
        write_csv(keeping.root / "a.csv", good_rows(3), at=OLD + 5)
        keeping.intake.scan()
        assert keeping.states() == [("a.csv", "dropped"), ("a.csv", "admitted")]
        assert keeping.files()[0].reason == "it was changed, and came again as file 2"
        assert quarantine.listed(keeping.journal, "p") == []
        (incident,) = tables.incidents.all(keeping.journal)
        assert (incident.state, incident.resolution) == ("closed", "recovery")

    @pytest.mark.parametrize("duplicates", ["skip", "accept"])
    def test_files_that_were_left_where_they_are_stay_there_when_files_are_to_be_moved_from_now_on(
        self, duplicates, tmp_path, workers
    ):
        keeping = Rig(tmp_path, workers, after="keep", duplicates=duplicates)
        write_csv(keeping.root / "a.csv", good_rows(3))
        write_csv(keeping.root / "refused.csv", [(1,)], header=["x"])
        keeping.intake.scan()
        keeping.close()
        moving = Rig(tmp_path, workers, after="move", duplicates=duplicates)
        write_csv(moving.root / "b.csv", good_rows(2, 3))
        moving.intake.scan()
        assert moving.states() == [("a.csv", "admitted"), ("refused.csv", "quarantined"), ("b.csv", "admitted")]
        assert rows_of(moving) == [0, 1, 2, 3, 4]
        assert moving.lying() == ["a.csv", "processed/000003-b.csv", "refused.csv"]
        quarantine.retry(moving.intake, 2)
        moving.intake.scan()
        assert moving.lying() == ["a.csv", "processed/000003-b.csv", "quarantine/000004-refused.csv"]
        moving.close()

    @pytest.mark.parametrize("duplicates", ["skip", "accept"])
    def test_a_file_that_was_only_touched_is_the_same(self, tmp_path, workers, duplicates):
        rig = Rig(tmp_path, workers, after="keep", duplicates=duplicates)
        write_csv(rig.root / "a.csv", good_rows(3))
        rig.intake.scan()
        os.utime(rig.root / "a.csv", (OLD + 9, OLD + 9))
        assert rig.intake.scan() == 0
        assert len(rig.files()) == 1
        assert rig.files()[0].mtime_ns == int((OLD + 9) * 1e9) or rig.files()[0].mtime_ns // 10**9 == int(OLD + 9)
        rig.close()

    def test_the_same_content_under_another_name_is_a_duplicate(self, keeping):
        write_csv(keeping.root / "a.csv", good_rows(3))
        write_csv(keeping.root / "b.csv", good_rows(3))
        keeping.intake.scan()
        assert keeping.states() == [("a.csv", "admitted"), ("b.csv", "duplicate")]
        assert keeping.intake.scan() == 0

    def test_a_name_that_is_not_utf8_is_said(self, keeping):
        write_csv(keeping.root / "x.csv", good_rows(3)).rename(keeping.root / os.fsdecode(b"\xe9.csv"))
        assert keeping.intake.scan() == 0
        assert keeping.said("file-ignored")[0]["reason"] == "its name is not UTF-8"


class TestOddities:
    def test_are_said_once_also_over_a_restart_and_again_when_they_come_back(self, rig):
        os.mkfifo(rig.root / "pipe.csv")
        (rig.root / "folder.parquet").mkdir()
        write_csv(rig.root / "good.csv", good_rows(3))
        assert rig.intake.scan() == 1
        rig.intake.scan()
        rig.again()
        rig.intake.scan()
        assert sorted(event["file"] for event in rig.said("file-ignored")) == ["folder.parquet", "pipe.csv"]
        assert {row.name for row in tables.ignored.all(rig.journal)} == {"folder.parquet", "pipe.csv"}
        (rig.root / "pipe.csv").unlink()
        rig.intake.scan()
        assert {row.name for row in tables.ignored.all(rig.journal)} == {"folder.parquet"}
        with socket.socket(socket.AF_UNIX) as listener:
            here = Path.cwd()
            os.chdir(rig.root)
            listener.bind("pipe.csv")
            os.chdir(here)
        rig.intake.scan()
        assert rig.said("file-ignored")[-1]["reason"] == "this is a socket, not a file"

    @pytest.mark.slow
    def test_a_file_that_the_daemon_may_not_read(self, tmp_path):
        if os.geteuid() != 0:
            pytest.skip("only root can become somebody else")
        script = f"""
import os, sys
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from support.intake import Rig, good_rows, write_csv
folder = Path(sys.argv[1])
rig = Rig(folder, ThreadPoolExecutor(1), after="keep")
write_csv(rig.root / "0.csv", good_rows(1))
assert rig.intake.scan() == 1  # whatever has to be imported is, while it may be read
write_csv(rig.root / "a.csv", good_rows(3)).chmod(0)
write_csv(rig.root / "b.csv", good_rows(4))
(rig.root / "secret").mkdir(mode=0)
os.setgid(65534); os.setuid(65534)
assert rig.intake.scan() == 1, rig.intake.problem
assert rig.intake.scan() == 0
print(sorted((e["file"], e["reason"]) for e in rig.said("file-ignored")))
"""
        folder = tmp_path / "open"
        folder.mkdir()
        for parent in (folder, *folder.parents):
            if parent.stat().st_uid == 0 and str(parent).startswith("/tmp/pytest"):  # noqa: S108  # where pytest puts it
                parent.chmod(0o755)
        done = subprocess.run([sys.executable, "-c", script, str(folder)], capture_output=True, text=True, check=False)
        assert "('a.csv', 'this file cannot be read: Permission denied')" in done.stdout, done.stderr
        assert "('secret', 'this folder cannot be listed: Permission denied')" in done.stdout

    def test_a_folder_that_appears_with_files_in_it(self, rig):
        write_csv(rig.root.parent / "made" / "deep" / "a.csv", good_rows(3))
        shutil.move(rig.root.parent / "made", rig.root / "made")
        assert rig.intake.scan() == 1


class TestTrouble:
    def test_a_disk_that_refuses_the_move_pauses_intake_and_it_goes_on(self, rig, monkeypatch):
        write_csv(rig.root / "a.csv", good_rows(3))
        write_csv(rig.root / "b.csv", good_rows(2, 10))

        def full(*_):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr("driftd.intake.admission.durable_renames", full)
        assert rig.intake.scan() == 0
        assert "No space left on device" in rig.intake.problem
        assert [state for _, state in rig.states()] == ["arrived", "arrived"]
        monkeypatch.undo()
        assert rig.intake.scan() == 2
        assert rig.intake.problem is None
        assert rows_of(rig) == [0, 1, 2, 10, 11]

    def test_a_journal_that_is_full_pauses_intake_and_it_goes_on(self, rig):
        pages = rig.journal.rows("PRAGMA page_count")[0]["page_count"]
        rig.journal.db.execute(f"PRAGMA max_page_count = {pages}")
        for i in range(200):
            write_csv(rig.root / f"{i:03d}-{'n' * 200}.csv", good_rows(1, i))
        while not rig.intake.problem:
            rig.intake.scan()
        assert "full" in rig.intake.problem
        rig.journal.db.execute(f"PRAGMA max_page_count = {pages + 1000}")
        rig.intake.scan()
        assert rig.intake.problem is None
        assert rows_of(rig) == list(range(200))

    def test_a_source_that_is_gone(self, rig):
        rig.root.rmdir()
        assert rig.intake.scan() == 0
        assert "No such file" in rig.intake.problem
        rig.root.mkdir()
        write_csv(rig.root / "a.csv", good_rows(3))
        assert rig.intake.scan() == 1
        assert rig.intake.problem is None

    def test_a_file_that_vanishes_from_processed_before_it_was_read(self, rig):
        write_csv(rig.root / "a.csv", good_rows(3))
        real = rig.intake.admission._submit
        rig.intake.admission._submit = lambda row, path: (path.unlink(), real(row, path))[1]
        rig.intake.scan()
        assert rig.states() == [("a.csv", "dropped")]
        assert rig.files()[0].reason == "it vanished before it was read"
        assert rig.intake.problem is None

    @pytest.mark.parametrize("again", [False, True], ids=["alone", "its-name-again"])
    def test_a_file_on_its_way_is_not_lost_when_files_are_to_stay_from_now_on(self, again, rig, tmp_path, workers):
        write_csv(rig.root / "a.csv", good_rows(3))
        rig.intake.admission._submit = lambda *_: Future()  # never ends
        scanning = threading.Thread(target=rig.intake.scan)
        scanning.start()
        wait_until(lambda: rig.lying() == ["processed/000001-a.csv"])
        rig.intake.stop()
        scanning.join(5)
        if again:
            write_csv(rig.root / "a.csv", good_rows(4, 3))
        keeping = Rig(tmp_path, workers, after="keep")
        assert keeping.intake.scan() == 1 + again
        assert keeping.states() == [("a.csv", "admitted")] * (1 + again)
        assert rows_of(keeping) == list(range(3 + 4 * again))
        keeping.close()

    def test_a_file_that_was_being_refused_is_refused_when_files_are_to_stay_from_now_on(self, rig, tmp_path, workers):
        write_csv(rig.root / "a.csv", [(1,)], header=["x"])
        rig.intake.admission._finish = lambda _: 1 / 0
        with pytest.raises(ZeroDivisionError):
            rig.intake.scan()
        assert rig.lying() == ["quarantine/000001-a.csv"]
        rig.intake.stop()
        keeping = Rig(tmp_path, workers, after="keep")
        keeping.intake.scan()
        assert [each.state for each in quarantine.listed(keeping.journal, "p")] == ["quarantined"]
        keeping.close()

    def test_an_unfinished_file_goes_back_also_where_its_folder_is_gone(self, rig):
        path = write_csv(rig.root / "sub" / "a.csv", good_rows(3))
        real = rig.intake.admission._submit

        def meanwhile(row, moved):
            with moved.open("a") as file:
                file.write("99,a\n")
            path.parent.rmdir()
            return real(row, moved)

        rig.intake.admission._submit = meanwhile
        rig.intake.scan()
        rig.intake.admission._submit = real
        wait_until(lambda: rig.intake.scan() or rig.states()[-1][1] == "admitted")
        assert rig.states() == [("sub/a.csv", "dropped"), ("sub/a.csv", "admitted")]
        assert rows_of(rig) == [0, 1, 2, 99]

    @pytest.mark.parametrize("after", ["move", "keep"])
    @pytest.mark.parametrize(
        "replace", [lambda path: path.symlink_to("b.csv"), os.mkfifo, Path.mkdir], ids=["link", "pipe", "folder"]
    )
    def test_what_takes_the_place_of_a_file_on_its_way_keeps_no_other_back(self, replace, after, tmp_path, workers):
        rig = Rig(tmp_path, workers, after=after)
        path = write_csv(rig.root / "a.csv", good_rows(3))
        write_csv(rig.root / "b.csv", good_rows(3, 10))
        with rig.journal.write():  # and there the daemon was killed
            rig.intake.admission.arrive(os.fsencode(path), "a.csv", inspection.fingerprint(str(path)))
        path.unlink()
        replace(path)
        rig.again()
        rig.intake.scan()
        assert rig.intake.problem is None
        assert rig.states() == [("a.csv", "dropped"), ("b.csv", "admitted")]
        assert [each["file"] for each in rig.said("file-ignored")] == ["a.csv"]
        rig.close()

    @pytest.mark.parametrize("after", ["move", "keep"])
    def test_what_takes_the_place_of_its_folder_keeps_no_other_back(self, after, tmp_path, workers):
        rig = Rig(tmp_path, workers, after=after)
        path = write_csv(rig.root / "sub" / "a.csv", good_rows(3))
        write_csv(rig.root / "b.csv", good_rows(3, 10))
        with rig.journal.write():  # and there the daemon was killed
            rig.intake.admission.arrive(os.fsencode(path), "sub/a.csv", inspection.fingerprint(str(path)))
        path.unlink()
        path.parent.rmdir()
        path.parent.write_text("packed\n")
        rig.again()
        rig.intake.scan()
        assert rig.intake.problem is None
        assert rig.states() == [("sub/a.csv", "dropped"), ("b.csv", "admitted")]
        rig.close()

    def test_stopping_ends_a_scan_that_waits_for_a_reader(self, rig):
        write_csv(rig.root / "a.csv", good_rows(3))
        rig.intake.admission._submit = lambda *_: Future()  # never ends
        scanning = threading.Thread(target=rig.intake.scan)
        scanning.start()
        wait_until(rig.files)
        rig.intake.stop()
        scanning.join(5)
        assert not scanning.is_alive()
        rig.again()
        assert rig.intake.scan() == 1
        assert rig.states() == [("a.csv", "admitted")]


class TestWatching:
    @pytest.fixture
    def watched(self, tmp_path, workers):
        rig = Rig(tmp_path, workers, settle=600, scan_every=600)
        rig.woken = threading.Event()
        rig.intake.start(rig.woken.set)
        rig.woken.clear()
        yield rig
        rig.close()

    def hinted(self, rig):
        rig.woken.wait(1)
        rig.woken.clear()
        return rig.intake.scan()

    def scan_on_hint(self, rig):
        return wait_until(lambda: self.hinted(rig))

    def test_a_file_that_is_closed_or_moved_in_is_admitted_without_settling(self, watched):
        (watched.root / "a.csv").write_text("x,y\n1,a\n")
        assert self.scan_on_hint(watched) == 1
        outside = watched.folder / "b.csv"
        outside.write_text("x,y\n2,a\n")
        outside.rename(watched.root / "b.csv")
        assert self.scan_on_hint(watched) == 1
        aside = watched.root / "c.csv.tmp"
        aside.write_text("x,y\n3,a\n")
        aside.rename(watched.root / "c.csv")
        assert self.scan_on_hint(watched) == 1
        assert rows_of(watched) == [1, 2, 3]

    def test_a_file_that_is_open_waits_until_it_is_closed(self, watched):
        with (watched.root / "a.csv").open("w") as file:
            file.write("x,y\n1,a\n")
            file.flush()
            assert watched.woken.wait(5)
            assert watched.intake.scan() == 0
        assert self.scan_on_hint(watched) == 1

    def test_a_new_sub_folder_is_watched_too(self, watched):
        folder = watched.root / "new" / "deep"
        folder.mkdir(parents=True)
        (folder / "a.csv").write_text("x,y\n1,a\n")
        assert watched.woken.wait(5)
        watched.woken.clear()
        # written anew each time: nobody hears of the first if the folder's watch comes a moment later
        wait_until(lambda: (folder / "b.csv").write_text("x,y\n2,a\n") and self.hinted(watched))

    def test_a_folder_that_is_watched_twice_is_no_warning(self, tmp_path, workers, recwarn):
        rig = Rig(tmp_path, workers)
        rig.intake.start(lambda: None)
        (emitter,) = rig.intake._watch._observer.emitters
        emitter._inotify._add_callback(os.fsencode(rig.root))
        rig.close()
        assert not [each for each in recwarn if "Callback" in str(each.message)]

    def test_a_root_that_vanishes_and_comes_back_is_watched_again(self, watched):
        assert watched.intake.watching == "events"
        shutil.rmtree(watched.root)
        wait_until(lambda: watched.intake.problem)
        assert "is not there" in watched.intake.problem
        watched.root.mkdir()
        wait_until(lambda: watched.intake.problem is None)
        watched.woken.clear()
        (watched.root / "a.csv").write_text("x,y\n1,a\n")
        assert self.scan_on_hint(watched) == 1

    def test_a_root_that_was_replaced_is_watched_again(self, watched):
        armed = watched.intake._watch._observer
        watched.root.rename(watched.folder / "old")
        watched.root.mkdir()
        wait_until(lambda: watched.intake._watch._observer not in (armed, None))
        watched.woken.clear()
        (watched.root / "a.csv").write_text("x,y\n1,a\n")
        assert self.scan_on_hint(watched) == 1

    def test_an_observer_that_dies_is_replaced(self, watched):
        armed = watched.intake._watch._observer
        next(iter(armed.emitters)).stop()
        wait_until(lambda: watched.intake._watch._observer not in (armed, None))
        watched.woken.clear()
        (watched.root / "a.csv").write_text("x,y\n1,a\n")
        assert self.scan_on_hint(watched) == 1

    @pytest.mark.parametrize(
        ("code", "knob"),
        [(errno.ENOSPC, "fs.inotify.max_user_watches"), (errno.EMFILE, "fs.inotify.max_user_instances")],
    )
    def test_without_events_the_source_is_polled_and_it_is_said(self, tmp_path, workers, monkeypatch, code, knob):
        def refused(*_):
            raise OSError(code, os.strerror(code))

        monkeypatch.setattr("driftd.intake.change_hints._observe", refused)
        rig = Rig(tmp_path, workers, scan_every=0.05)
        wakes = []
        rig.intake.start(lambda: wakes.append(rig.intake.watching))
        wait_until(lambda: len(wakes) > 2)
        assert rig.intake.watching == "polling"
        assert rig.intake.problem is None
        (said,) = rig.said("watching")
        assert said["mode"] == "polling"
        assert knob in said["reason"]
        rig.close()

    @pytest.mark.parametrize("kind", ["nfs4", "cifs", "fuse.s3fs"])
    def test_a_network_file_system_is_polled(self, tmp_path, workers, monkeypatch, kind):
        monkeypatch.setattr("driftd.intake.change_hints.file_system", lambda _: kind)
        rig = Rig(tmp_path, workers)
        rig.intake.start(lambda: None)
        assert rig.intake.watching == "polling"
        assert kind in rig.said("watching")[0]["reason"]
        rig.close()

    def test_a_wake_up_comes_when_a_file_settles(self, tmp_path, workers):
        rig = Rig(tmp_path, workers, settle=0.3, scan_every=600)
        woken = threading.Event()
        rig.intake.start(woken.set)
        write_csv(rig.root / "a.csv", good_rows(3), at=time.time() + 3600)

        def hinted():
            woken.wait(1)
            woken.clear()
            return rig.intake.scan()

        assert wait_until(hinted) == 1
        rig.close()


def test_a_burst_of_files_while_nobody_looks_is_found_by_the_scan(tmp_path, workers):
    rig = Rig(tmp_path, workers)
    rig.intake.start(lambda: None)
    for i in range(300):
        write_csv(rig.root / f"{i:04d}.csv", good_rows(1, i))
    wait_until(lambda: rig.intake.scan() == 0)
    assert rows_of(rig) == list(range(300))
    rig.close()
