"""What ships: the code and the tracked files of pipeline/, config/, systemd/ and docs/runbooks/, no more and no less."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (Path(__file__).parents[2] / ".git").exists(), reason="git says what is tracked"),
]

ROOT = Path(__file__).parents[2]
SHARED = ("pipeline", "config", "systemd", "docs/runbooks")


def listed(*words):
    done = subprocess.run(["git", "ls-files", "-z", *words], cwd=ROOT, capture_output=True, text=True, check=True)
    return {name for name in done.stdout.split("\0") if name and (ROOT / name).exists()}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    words = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    [path] = folder.glob("*.whl")
    return path


def test_what_ships_beside_the_code_is_what_git_tracks(wheel):
    with zipfile.ZipFile(wheel) as archive:
        shipped = {name.removeprefix("driftd/_share/") for name in archive.namelist() if "/_share/" in name}
    assert shipped == listed(*SHARED), "pyproject.toml lists under force-include what ships"


def test_the_code_ships_whole(wheel):
    with zipfile.ZipFile(wheel) as archive:
        shipped = {
            f"daemon/{name}" for name in archive.namelist() if name.startswith("driftd/") and "/_share/" not in name
        }
    assert shipped == listed("--cached", "--others", "--exclude-standard", "daemon/driftd")


def test_a_project_can_be_made_of_an_installed_wheel(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    env = {**os.environ, "PYTHONPATH": str(tmp_path / "installed")}
    words = [sys.executable, "-m", "driftd", "init", "made"]
    done = subprocess.run(words, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    where = [sys.executable, "-c", "from driftd.resources import share_dir; print(share_dir())"]
    found = subprocess.run(where, cwd=tmp_path, env=env, capture_output=True, text=True, check=True).stdout.strip()
    assert found == str(tmp_path / "installed" / "driftd" / "_share")
    assert (Path(found) / "pipeline" / "sample" / "incoming" / "01-iowa.jsonl").is_file()
    assert (tmp_path / "made" / "data" / "iowa.jsonl").read_bytes() == (ROOT / "pipeline/data/iowa.jsonl").read_bytes()
