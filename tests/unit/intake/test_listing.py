import os
import socket
from pathlib import Path

import pytest

from driftd.intake.listing import display, listing


def look(root, reserved=()):
    found, odd = listing(os.fsencode(root), [os.fsencode(root / name) for name in reserved])
    return (
        sorted(os.fsdecode(os.path.relpath(file.path, os.fsencode(root))) for file in found),
        {os.fsdecode(os.path.relpath(each.path, os.fsencode(root))): each.reason for each in odd},
    )


def test_files_of_data_in_all_folders(tmp_path):
    for name in ("a.csv", "sub/b.jsonl.gz", "sub/deep/er/c.parquet", "D.JSON"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    assert look(tmp_path) == (["D.JSON", "a.csv", "sub/b.jsonl.gz", "sub/deep/er/c.parquet"], {})


def test_what_is_hidden_or_written_aside_is_not_even_mentioned(tmp_path):
    for name in (".a.csv", "a.csv.tmp", "a.csv.PART", ".git/b.csv", "x.part/c.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    assert look(tmp_path) == ([], {})


def test_reserved_folders_are_not_looked_into(tmp_path):
    for name in ("processed/a.csv", "quarantine/b.csv", "sub/processed/c.csv"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("x")
    assert look(tmp_path, ("processed", "quarantine")) == (["sub/processed/c.csv"], {})


def test_odd_things_are_named_with_a_reason(tmp_path):
    (tmp_path / "real.csv").write_text("x")
    (tmp_path / "link.csv").symlink_to(tmp_path / "real.csv")
    (tmp_path / "dangling.csv").symlink_to(tmp_path / "nowhere")
    (tmp_path / "folder-link").symlink_to("/")
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "folder.csv" / "inside.csv").write_text("x")
    (tmp_path / "notes.txt").write_text("x")
    os.mkfifo(tmp_path / "pipe.csv")
    here = Path.cwd()
    os.chdir(tmp_path)  # the name of a socket is short
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("socket.csv")
            found, odd = look(tmp_path)
    finally:
        os.chdir(here)
    assert found == ["real.csv"]
    assert odd == {
        "link.csv": "this is a symbolic link, not a file",
        "dangling.csv": "this is a symbolic link, not a file",
        "folder-link": "this is a symbolic link, not a file",
        "folder.csv": "this is a folder with the name of a data file",
        "notes.txt": "driftd reads no files with this ending",
        "pipe.csv": "this is a named pipe, not a file",
        "socket.csv": "this is a socket, not a file",
    }


def test_a_root_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        look(tmp_path / "gone")


def test_a_root_may_be_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.csv").write_text("x")
    (tmp_path / "link").symlink_to("real")
    assert look(tmp_path / "link") == (["a.csv"], {})


def test_the_order_is_time_then_name(tmp_path):
    for name, second in (("b.csv", 5), ("a.csv", 5), ("z.csv", 1)):
        (tmp_path / name).write_text("x")
        os.utime(tmp_path / name, (second, second))
    found, _ = listing(os.fsencode(tmp_path), ())
    names = [Path(os.fsdecode(f.path)).name for f in sorted(found, key=lambda f: f.order)]
    assert names == ["z.csv", "a.csv", "b.csv"]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"sub/a.csv", "sub/a.csv"),
        ("ü 1.csv".encode(), "ü 1.csv"),
        (b"caf\xe9.csv", r"caf\xe9.csv"),
        (b"a\nb\x1b[31m.csv", r"a\nb\x1b[31m.csv"),
    ],
)
def test_names_are_safe_to_print(name, shown):
    assert display(b"/in/" + name, b"/in") == shown
    assert shown.isprintable()


def test_a_folder_that_may_be_listed_but_not_entered_keeps_no_other_file_back(tmp_path, monkeypatch):
    tmp_path.chmod(0o755)
    (tmp_path / "sub").mkdir()
    for name in ("a.csv", "sub/b.csv"):
        (tmp_path / name).write_text("x")
    (tmp_path / "sub").chmod(0o744 if os.geteuid() == 0 else 0o444)
    monkeypatch.chdir(tmp_path)  # above it nobody may pass
    if os.geteuid() == 0:
        os.seteuid(65534)
    try:
        found, odd = listing(b".", [])
    finally:
        os.seteuid(os.getuid())
        (tmp_path / "sub").chmod(0o755)
    assert [file.path for file in found] == [b"./a.csv"]
    assert [(each.path, each.reason) for each in odd] == [(b"./sub", "this folder cannot be listed: Permission denied")]
