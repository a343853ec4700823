"""The units as systemd reads them, without a systemd that runs."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from support.parts import require
from support.rig import ROOT

UNITS = ROOT / "systemd"
EXAMPLES = sorted((UNITS / "examples").iterdir())
INSTALLED = "/opt/driftd/bin/driftd"
EXPOSURE = 15  # tenths


def verify(folder: Path, unit: str) -> str:
    """Return what `systemd-analyze verify` finds; the program of the units is the one that runs the tests."""
    for path in folder.glob("*.service"):
        path.write_text(path.read_text().replace(INSTALLED, str(Path(sys.executable).with_name("driftd"))))
    words = [require("systemd-analyze"), "verify", "--recursive-errors=no", unit]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) == (not done.stderr), done.stderr
    return done.stderr


def copy(folder: Path, name: str, text: str | None = None) -> None:
    (folder / name).write_text(text or (UNITS / name).read_text())


@pytest.mark.parametrize("unit", ["driftd.service", "driftd@.service"])
class TestUnits:
    def test_are_right(self, tmp_path, unit):
        copy(tmp_path, unit)
        assert not verify(tmp_path, f"./{unit}")

    def test_a_typo_would_be_found(self, tmp_path, unit):
        copy(tmp_path, unit, (UNITS / unit).read_text().replace("WatchdogSec=", "WatchdogSecs="))
        assert "WatchdogSecs" in verify(tmp_path, f"./{unit}")

    def test_are_hardened(self, tmp_path, unit):
        copy(tmp_path, unit)
        words = [
            require("systemd-analyze"),
            "security",
            "--offline=true",
            "--no-pager",
            f"--threshold={EXPOSURE}",
            unit,
        ]
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_template_is_the_unit_with_another_name():
    unit, template = ((UNITS / name).read_text() for name in ("driftd.service", "driftd@.service"))
    comment, _, template = template.partition("\n")
    assert comment.startswith("#")
    same = re.sub(r"/etc/driftd/%i", "/etc/driftd/driftd", template)
    assert same.replace("driftd-%i", "driftd").replace("driftd %i", "driftd") == unit


@pytest.mark.parametrize("example", [path for path in EXAMPLES if path.suffix == ".conf"], ids=lambda path: path.name)
def test_an_example_of_a_drop_in_is_right(tmp_path, example):
    copy(tmp_path, "driftd.service")
    (tmp_path / "driftd.service.d").mkdir()
    copy(tmp_path, f"driftd.service.d/{example.name}", example.read_text())
    assert not verify(tmp_path, "./driftd.service")
    assert example.read_text().startswith(f"# /etc/systemd/system/driftd.service.d/{example.name}\n")


def test_an_example_with_a_typo_would_be_found(tmp_path):
    copy(tmp_path, "driftd.service")
    (tmp_path / "driftd.service.d").mkdir()
    copy(tmp_path, "driftd.service.d/x.conf", "[Service]\nReadWritePath=/srv\n")
    assert "ReadWritePath" in verify(tmp_path, "./driftd.service")


def test_the_example_of_a_unit_that_follows_the_model_is_right(tmp_path):
    for name in ("address-server-reload.path", "address-server-reload.service"):
        copy(tmp_path, name, (UNITS / "examples" / name).read_text())
    assert not verify(tmp_path, "./address-server-reload.path")
