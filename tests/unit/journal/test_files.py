import subprocess
import sys
import threading

import pytest

from driftd.journal.files import atomic_file, durable_rename, durable_renames, make_folder, point, write_file
from support.parts import require


def litter(folder):
    return sorted(path.name for path in folder.rglob("*") if path.name.startswith("."))


class TestAtomicFile:
    def test_writes_a_whole_file_with_its_folders(self, tmp_path):
        path = tmp_path / "a" / "b" / "file"
        write_file(path, b"content", mode=0o640)
        assert path.read_bytes() == b"content"
        assert path.stat().st_mode & 0o777 == 0o640

    def test_replaces_a_file(self, tmp_path):
        path = tmp_path / "file"
        write_file(path, b"old")
        write_file(path, b"new")
        assert path.read_bytes() == b"new"
        assert litter(tmp_path) == []

    def test_a_writer_that_fails_leaves_the_old_file_and_no_litter(self, tmp_path):
        path = tmp_path / "file"
        write_file(path, b"old")
        with pytest.raises(ZeroDivisionError), atomic_file(path) as file:
            file.write(b"half")
            raise ZeroDivisionError
        assert path.read_bytes() == b"old"
        assert litter(tmp_path) == []

    def test_the_longest_name(self, tmp_path):
        path = tmp_path / ("ä" * 127)
        write_file(path, b"x")
        assert path.read_bytes() == b"x"

    @pytest.mark.slow
    @pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
    @pytest.mark.parametrize("call", ["write", "fsync", "rename"])
    def test_a_disk_that_fails_leaves_the_old_file_whole(self, tmp_path, call, error):
        strace = require("strace")
        path = tmp_path / "file"
        write_file(path, b"old")
        script = (
            "import os, sys, pathlib\n"
            "from driftd.journal.files import write_file\n"
            "os.write(1, b'go')\n"
            "try: write_file(pathlib.Path(sys.argv[1]), b'new' * 100_000)\n"
            "except OSError as error: sys.exit(40 if error.errno == int(sys.argv[2]) else 41)\n"
        )
        when = "2+" if call == "write" else "1+"  # the first write is "go"
        done = subprocess.run(
            [
                strace,
                "-f",
                "-qq",
                "-o",
                str(tmp_path / "trace"),
                "-e",
                f"trace={call}",
                "-e",
                f"inject={call}:error={error}:when={when}",
                sys.executable,
                "-B",
                "-c",
                script,
                str(path),
                str(getattr(__import__("errno"), error)),
            ],
            check=False,
            capture_output=True,
        )
        assert done.returncode == 40, done.stderr.decode()
        assert path.read_bytes() == b"old"
        assert litter(tmp_path) == []


class TestRename:
    def test_moves_between_folders(self, tmp_path):
        make_folder(tmp_path / "to")
        (tmp_path / "file").write_text("x")
        durable_rename(tmp_path / "file", tmp_path / "to" / "file")
        assert (tmp_path / "to" / "file").read_text() == "x"
        assert not (tmp_path / "file").exists()

    def test_what_was_moved_before_one_fails_stays_moved(self, tmp_path):
        make_folder(tmp_path / "to")
        (tmp_path / "a").write_text("a")
        with pytest.raises(FileNotFoundError):
            durable_renames([(tmp_path / n, tmp_path / "to" / n) for n in ("a", "missing")])
        assert (tmp_path / "to" / "a").read_text() == "a"

    def test_each_folder_is_synced_once(self, tmp_path, monkeypatch):
        make_folder(tmp_path / "to")
        for i in range(10):
            (tmp_path / str(i)).write_text("x")
        synced = []
        monkeypatch.setattr("driftd.journal.files.sync_folder", synced.append)
        durable_renames([(tmp_path / str(i), tmp_path / "to" / str(i)) for i in range(10)])
        assert sorted(synced) == [tmp_path, tmp_path / "to"]


class TestPoint:
    def test_makes_and_replaces_a_link(self, tmp_path):
        link = tmp_path / "models" / "current"
        point(link, "v1.0.0")
        assert str(link.readlink()) == "v1.0.0"
        point(link, "v2.0.0")
        assert str(link.readlink()) == "v2.0.0"
        assert litter(tmp_path) == []

    def test_goes_on_from_the_litter_of_a_crash(self, tmp_path):
        (tmp_path / ".current.tmp").symlink_to("half")
        point(tmp_path / "current", "v1.0.0")
        assert str((tmp_path / "current").readlink()) == "v1.0.0"

    def test_a_reader_always_finds_a_whole_target(self, tmp_path):
        for version in ("v1", "v2"):
            write_file(tmp_path / version / "model", version.encode())
        link = tmp_path / "current"
        point(link, "v1")
        stop = threading.Event()

        def swap():
            for i in range(200):
                point(link, "v2" if i % 2 else "v1")
            stop.set()

        swapper = threading.Thread(target=swap)
        swapper.start()
        seen = set()
        while not stop.is_set():
            seen.add((link / "model").read_bytes())
        swapper.join()
        assert seen <= {b"v1", b"v2"}
        assert seen
