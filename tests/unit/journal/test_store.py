import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing, contextmanager

import pytest

from driftd.errors import JournalError
from driftd.journal import Journal, migrations, outbox, tables
from driftd.journal.filesystem import file_system
from driftd.journal.records import ProjectState


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / "journal.db"


@pytest.fixture
def journal(path):
    journal = Journal.open(path, clock=lambda: 1000.0)
    yield journal
    journal.close()


def add_project(journal, name):
    tables.projects.add(journal, name=name, state=ProjectState.NEW, columns=None, detail={})


def names(journal):
    return [project.name for project in tables.projects.all(journal)]


@contextmanager
def older(path, monkeypatch, steps):
    """Make a journal with project `a` as a driftd with fewer migrations has left it."""
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "STEPS", migrations.STEPS[:steps])
        journal = Journal.open(path)
        with journal.write():
            add_project(journal, "a")
        yield journal
        journal.close()


def add_files(journal, count, rows):
    for _ in range(count):
        tables.files.add(
            journal,
            project="a",
            name="n",
            location=b"/n",
            sha256="",
            size=10,
            mtime_ns=0,
            state="arrived",
            rows=rows,
            arrived_at=1.0,
        )


def totals(journal):
    return by_state(journal.rows("SELECT project, state, files, rows, bad_rows, size FROM file_totals WHERE files > 0"))


def counted(journal):
    query = "SELECT project, state, count(*), sum(rows), sum(bad_rows), sum(size) FROM files GROUP BY project, state"
    return by_state(journal.rows(query))


def by_state(found):
    return {tuple(row.values())[:2]: tuple(row.values())[2:] for row in found}


class TestWrite:
    def test_commits_at_its_end(self, journal, path):
        with journal.write():
            add_project(journal, "a")
        assert names(Journal.read_only(path)) == ["a"]

    def test_nothing_is_left_of_a_block_that_fails(self, journal, path):
        with pytest.raises(ZeroDivisionError), journal.write():
            add_project(journal, "a")
            journal.emit("problem")
            raise ZeroDivisionError
        assert names(journal) == []
        assert tables.events.count(Journal.read_only(path)) == 0

    def test_others_see_nothing_before_the_outermost_block_ends(self, journal, path):
        other = Journal.read_only(path)
        with journal.write():
            with journal.write():
                add_project(journal, "a")
            assert names(other) == []
        assert names(other) == ["a"]

    def test_a_failed_inner_block_undoes_itself_only(self, journal):
        with journal.write():
            add_project(journal, "outer")
            with pytest.raises(ZeroDivisionError), journal.write():
                add_project(journal, "inner")
                raise ZeroDivisionError
            add_project(journal, "after")
        assert names(journal) == ["outer", "after"]

    def test_a_failed_outer_block_undoes_finished_inner_ones(self, journal):
        with pytest.raises(ZeroDivisionError), journal.write():
            with journal.write():
                add_project(journal, "inner")
            raise ZeroDivisionError
        assert names(journal) == []

    def test_a_row_outside_of_a_block_is_refused(self, journal):
        with pytest.raises(JournalError, match=r"outside write\(\)"):
            add_project(journal, "a")

    def test_goes_on_after_the_disk_was_full(self, journal):
        pages = journal.db.execute("PRAGMA page_count").fetchone()[0]
        journal.db.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(sqlite3.OperationalError, match="full"), journal.write():
            for i in range(1000):
                add_project(journal, f"p{i}" * 100)
        journal.db.execute(f"PRAGMA max_page_count = {pages * 100}")
        with journal.write():
            add_project(journal, "a")
        assert names(journal) == ["a"]

    def test_goes_on_after_a_commit_that_failed(self, journal):
        journal.db.execute("CREATE TABLE late (p TEXT REFERENCES projects(name) DEFERRABLE INITIALLY DEFERRED)")
        with pytest.raises(sqlite3.IntegrityError), journal.write():
            journal.run("INSERT INTO late VALUES ('nobody')")  # only COMMIT looks
        with journal.write():
            add_project(journal, "a")
        assert names(journal) == ["a"]

    def test_threads_take_turns(self, journal):
        def work(k):
            for i in range(20):
                with journal.write():
                    add_project(journal, f"{k}-{i}")
                    journal.emit("problem", project=f"{k}-{i}")

        threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(names(journal)) == tables.events.count(journal) == 80

    def test_foreign_keys_hold(self, journal):
        with pytest.raises(sqlite3.IntegrityError), journal.write():
            tables.ignored.add(journal, project="nobody", location=b"x", name="x", reason="r", since=0.0)


class TestOpening:
    def test_a_writer_that_is_killed_loses_nothing_it_committed_and_leaves_nothing_else(self, path):
        script = """
import sys
from pathlib import Path
from driftd.journal import Journal, tables
journal = Journal.open(Path(sys.argv[1]))
with journal.write():
    tables.projects.add(journal, name="committed", state="new", columns=None, detail={})
with journal.write():
    tables.projects.add(journal, name="half", state="new", columns=None, detail={})
    print("ready", flush=True)
    sys.stdin.read()
"""
        writer = subprocess.Popen(
            [sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, stdin=subprocess.PIPE
        )
        assert writer.stdout.readline() == b"ready\n"
        writer.send_signal(signal.SIGKILL)
        writer.communicate()
        journal = Journal.open(path)
        assert names(journal) == ["committed"]
        with journal.write():
            add_project(journal, "after")
        assert journal.rows("PRAGMA integrity_check") == [{"integrity_check": "ok"}]

    def test_two_processes_may_create_it_at_once(self, path):
        script = "import sys, pathlib; from driftd.journal import Journal; Journal.open(pathlib.Path(sys.argv[1]))"
        openers = [subprocess.Popen([sys.executable, "-c", script, str(path)]) for _ in range(4)]
        assert [opener.wait() for opener in openers] == [0] * 4

    def test_waits_for_another_that_is_just_creating_it(self, path):
        path.parent.mkdir(exist_ok=True)
        other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")  # SQLite would say at once that it is locked
        ends = threading.Timer(0.1, other.rollback)
        ends.start()
        with closing(Journal.open(path)) as journal:
            assert journal.rows("PRAGMA journal_mode") == [{"journal_mode": "wal"}]
        ends.join()
        other.close()

    def test_is_durable_and_readable_while_written(self, journal):
        assert journal.rows("PRAGMA journal_mode") == [{"journal_mode": "wal"}]
        assert journal.rows("PRAGMA synchronous") == [{"synchronous": 2}]

    def test_brings_an_older_one_up_to_date(self, path, monkeypatch):
        with older(path, monkeypatch, steps=1) as old:
            assert migrations.version(old.db) == 1
        with pytest.raises(JournalError, match="older driftd"):
            Journal.read_only(path)
        journal = Journal.open(path)
        assert migrations.version(journal.db) == len(migrations.STEPS)
        assert names(journal) == ["a"]

    def test_totals_of_files_follow_every_change(self, path, monkeypatch):
        with older(path, monkeypatch, steps=5) as old, old.write():
            add_files(old, 3, rows=7)
        journal = Journal.open(path)
        assert totals(journal) == counted(journal) == {("a", "arrived"): (3, 21, 0, 30)}
        with journal.write():
            add_files(journal, 2, rows=5)
            journal.run("UPDATE files SET state = 'admitted', rows = rows + 1, bad_rows = 2 WHERE id IN (1, 5)")
            journal.run("UPDATE files SET windowed = 3")
            journal.run("DELETE FROM files WHERE id = 2")
        assert (
            totals(journal) == counted(journal) == {("a", "admitted"): (2, 14, 4, 20), ("a", "arrived"): (2, 12, 0, 20)}
        )

    def test_an_error_is_counted_once(self, journal):
        with pytest.raises(sqlite3.OperationalError), journal.write(), journal.write():
            journal.rows("SELECT nothing")
        with pytest.raises(ValueError, match="mine"), journal.write():
            raise ValueError("mine")
        assert journal.errors == 1

    @pytest.mark.parametrize("opening", [Journal.open, Journal.read_only])
    def test_one_of_a_newer_driftd_is_refused_and_untouched(self, journal, path, opening):
        newer = len(migrations.STEPS) + 1
        journal.db.execute(f"PRAGMA user_version = {newer}")
        with pytest.raises(JournalError, match="newer driftd"):
            opening(path)
        assert migrations.version(journal.db) == newer

    def test_something_else_under_its_name_is_refused(self, path):
        path.parent.mkdir()
        path.write_bytes(b"no database at all, but long enough to look like one" * 10)
        with pytest.raises(JournalError, match="cannot be opened"):
            Journal.open(path)

    def test_a_network_file_system_is_refused(self, path, monkeypatch):
        monkeypatch.setattr("driftd.journal.store.file_system", lambda _: "nfs4")
        with pytest.raises(JournalError, match=r"network file system \(nfs4\)") as caught:
            Journal.open(path)
        assert "local disk" in caught.value.remedy
        assert not path.exists()

    def test_looking_at_one_that_is_not_there_makes_none(self, path):
        with pytest.raises(JournalError, match="does not exist"):
            Journal.read_only(path)
        assert not path.exists()

    def test_a_reader_cannot_write(self, path):
        Journal.open(path).close()
        reader = Journal.read_only(path)
        with pytest.raises(sqlite3.OperationalError, match="readonly"), reader.write():
            add_project(reader, "a")

    def test_odd_names_of_folders(self, tmp_path):
        path = tmp_path / "100%?#ä b" / "journal.db"
        Journal.open(path).close()
        assert path.exists()

    def test_another_connections_commit_shows_in_data_version(self, journal, path):
        other = Journal.open(path)
        before = journal.data_version()
        assert journal.data_version() == before
        with other.write():
            add_project(other, "a")
        assert journal.data_version() != before


class TestPlace:
    MOUNTS = (
        "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
        "40 22 0:40 / /srv rw shared:1 - nfs4 host:/x rw\n"
        "41 40 0:41 / /srv/fast\\040disk rw - xfs /dev/sdb rw\n"
    )

    @pytest.mark.parametrize(
        ("folder", "kind"),
        [("/var/lib", "ext4"), ("/srv", "nfs4"), ("/srv/a/b", "nfs4"), ("/srvx", "ext4"), ("/srv/fast disk/a", "xfs")],
    )
    def test_the_longest_mount_decides(self, tmp_path, folder, kind):
        mounts = tmp_path / "mountinfo"
        mounts.write_text(self.MOUNTS)
        assert file_system(type(tmp_path)(folder), mounts) == kind

    def test_a_later_mount_hides_an_earlier_one(self, tmp_path):
        mounts = tmp_path / "mountinfo"
        mounts.write_text("22 1 8:1 / / rw - ext4 a rw\n23 22 8:2 / / rw - btrfs b rw\n")
        assert file_system(tmp_path, mounts) == "btrfs"

    def test_unknown_where_the_system_does_not_say(self, tmp_path):
        assert file_system(tmp_path, tmp_path / "none") == ""

    def test_here(self, tmp_path):
        assert file_system(tmp_path)


class TestEvents:
    def test_each_subscriber_hears_each_event_once_in_order(self, journal):
        with journal.write():
            for i in range(outbox.PAGE + 10):
                journal.emit("problem", project=None, subject=i, text="ä")
        heard = list(outbox.unread(journal, "log"))
        assert [event.subject for event in heard] == list(range(outbox.PAGE + 10))
        assert heard[0].at == 1000.0
        assert heard[0].data == {"text": "ä"}
        with journal.write():
            outbox.acknowledge(journal, "log", heard[2].id)
        assert next(outbox.unread(journal, "log")).subject == 3
        assert next(outbox.unread(journal, "web")).subject == 0

    def test_a_cursor_never_goes_back(self, journal):
        with journal.write():
            outbox.acknowledge(journal, "log", 7)
            outbox.acknowledge(journal, "log", 3)
        assert outbox.cursor(journal, "log") == 7

    def test_an_event_of_a_failed_block_was_never_said(self, journal):
        with pytest.raises(ZeroDivisionError), journal.write():
            journal.emit("problem")
            raise ZeroDivisionError
        assert list(outbox.unread(journal, "log")) == []

    def test_data_may_be_called_like_the_columns(self, journal):
        with journal.write():
            journal.emit("request-answered", kind="pause", at="now")
        assert next(outbox.unread(journal, "log")).data == {"kind": "pause", "at": "now"}

    def test_numbers_are_not_used_again(self, journal):
        with journal.write():
            first = journal.emit("problem")
            journal.run("DELETE FROM events")
            assert journal.emit("problem") > first
