"""The file lists of the distributions: the code, and the tracked files of four folders beside it."""

import os
import shutil
import subprocess
import sys
import tarfile
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


def build(kind, source, folder):
    words = [sys.executable, "-m", "build", f"--{kind}", "--no-isolation", "--outdir", str(folder), str(source)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    [path] = folder.iterdir()
    return path


def shared_names(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return {name.removeprefix("driftd/_share/") for name in archive.namelist() if "/_share/" in name}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return build("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def unpacked_sdist(tmp_path_factory):
    sdist = build("sdist", ROOT, tmp_path_factory.mktemp("sdist"))
    folder = tmp_path_factory.mktemp("unpacked")
    shutil.unpack_archive(sdist, folder, filter="data")
    [source] = folder.iterdir()
    return source


@pytest.fixture
def checkout(tmp_path):
    """A repository with the build's own files and little more."""
    source = tmp_path / "checkout"
    for name in ("hatch_build.py", "pyproject.toml", "README.md", "LICENSE", ".gitignore", "daemon/driftd/__init__.py"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, source / name)
    (source / "pipeline").mkdir()
    (source / "pipeline" / "dvc.yaml").write_text("stages: {}\n")
    subprocess.run(["git", "init", "-q"], cwd=source, check=True)
    subprocess.run(["git", "add", "."], cwd=source, check=True)
    (source / "pipeline" / "dvc.lock").write_text("of a run of the pipeline\n")
    return source


def test_the_files_beside_the_code_are_those_that_git_tracks(wheel):
    assert shared_names(wheel) == listed(*SHARED)


def test_a_wheel_of_an_unpacked_sdist_has_the_same_files_without_git(wheel, unpacked_sdist, tmp_path):
    assert not (unpacked_sdist / ".git").exists()
    with zipfile.ZipFile(build("wheel", unpacked_sdist, tmp_path)) as rebuilt, zipfile.ZipFile(wheel) as archive:
        assert set(rebuilt.namelist()) == set(archive.namelist())


def test_untracked_files_are_in_no_distribution(checkout, tmp_path):
    assert shared_names(build("wheel", checkout, tmp_path / "wheel")) == {"pipeline/dvc.yaml"}
    with tarfile.open(build("sdist", checkout, tmp_path / "sdist")) as archive:
        names = [name for name in archive.getnames() if "/pipeline/" in name]
    assert [name.partition("/")[2] for name in names] == ["pipeline/dvc.yaml"]


def test_an_editable_install_takes_them_from_the_checkout(tmp_path):
    code = f"from hatchling.build import build_editable; build_editable({str(tmp_path)!r})"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True)
    [path] = tmp_path.iterdir()
    with zipfile.ZipFile(path) as archive:
        [pointer] = [archive.read(name).decode() for name in archive.namelist() if name.endswith(".pth")]
    assert shared_names(path) == set()
    assert pointer.strip() == str(ROOT / "daemon")


def test_the_code_ships_whole(wheel):
    with zipfile.ZipFile(wheel) as archive:
        shipped = {
            f"daemon/{name}" for name in archive.namelist() if name.startswith("driftd/") and "/_share/" not in name
        }
    assert shipped == listed("--cached", "--others", "--exclude-standard", "daemon/driftd")


def test_a_project_can_be_made_of_an_installed_wheel(wheel, tmp_path):
    shutil.unpack_archive(wheel, tmp_path / "installed", "zip")
    env = {**os.environ, "PYTHONPATH": str(tmp_path / "installed")}
    words = [sys.executable, "-m", "driftd", "init", "made"]
    done = subprocess.run(words, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    where = [sys.executable, "-c", "from driftd.resources import share_dir; print(share_dir())"]
    found = subprocess.run(where, cwd=tmp_path, env=env, capture_output=True, text=True, check=True).stdout.strip()
    assert found == str(tmp_path / "installed" / "driftd" / "_share")
    assert (Path(found) / "pipeline" / "sample" / "incoming" / "01-iowa.jsonl").is_file()
    assert (tmp_path / "made" / "data" / "iowa.jsonl").read_bytes() == (ROOT / "pipeline/data/iowa.jsonl").read_bytes()
