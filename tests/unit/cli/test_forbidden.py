"""Commands of a person who may not read the state of a service: whose it is and how to ask, not a traceback."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

from driftd.cli import main as cli
from support.daemon import write_settings
from support.seeded import seed

NOBODY = 65534


@pytest.fixture
def service():
    """A settings file that all may read beside a state folder that only its user may; pytest's own folders are nobody's else."""
    folder = Path(tempfile.mkdtemp(prefix="driftd-"))
    try:
        folder.chmod(0o755)
        seed(folder / "state")
        settings = write_settings(
            folder, {"orders": {"repository": str(folder), "source": {"path": str(folder / "in")}}}
        )
        settings.chmod(0o644)
        yield settings
    finally:
        (folder / "state").chmod(0o700)
        shutil.rmtree(folder)


def called(settings, monkeypatch, *words) -> int:
    monkeypatch.setattr(sys, "argv", ["driftd", *words, "-c", str(settings)])
    try:
        cli.main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


@pytest.mark.parametrize("command", ["status", "config check", "incidents dismiss 1", "quarantine list"])
def test_it_is_said_whose_the_state_is(service, monkeypatch, capsys, command):
    words = command.split()
    called(service, monkeypatch, *words)  # all that has to be imported, while it can be read
    capsys.readouterr()
    state = service.parent / "state"
    owner = state.owner()
    state.chmod(0o700 if os.geteuid() == 0 else 0)
    before = os.geteuid()
    if before == 0:
        os.seteuid(NOBODY)
    try:
        code = called(service, monkeypatch, *words)
    finally:
        os.seteuid(before)
    said = " ".join(capsys.readouterr().err.split())
    assert code == 5
    if before == 0:
        assert f"it belongs to {owner}" in said
        assert f"sudo -u {owner} " in said
        assert f"driftd {command} -c {service}" in said
    else:
        assert f"permission denied fix: see `namei -l {state}" in said
