"""`driftd install --systemd`: what it writes is what systemd takes, for settings of many kinds."""

import subprocess
from pathlib import Path

import pytest
import yaml

from driftd import config
from driftd.errors import UsageError
from driftd.service.units import MARK, unit_files
from support.parts import require
from support.project import BIN

FILE = Path("/etc/driftd/driftd.yaml")
PROGRAM = Path("/opt/driftd/bin/driftd")


def made(repository="/srv/a", *, source="/srv/in", file=FILE, program=PROGRAM, **sections):
    project = {"repository": repository, "source": {"path": source}, **sections}
    settings = config.parse(yaml.safe_dump({"projects": {"a": project}}), file)
    return {str(found.place): found.text for found in unit_files(settings, file, program, [Path("/usr")])}


def drop_in(files, name):
    return files[f"etc/systemd/system/driftd.service.d/{name}"]


@pytest.fixture
def settings(tmp_path):
    path = tmp_path / "driftd.yaml"
    project = {"repository": str(tmp_path / "a"), "source": {"path": str(tmp_path / "in")}}
    path.write_text(yaml.safe_dump({"projects": {"a": project}}))
    return path


def driftd(settings, *words, code=0):
    words = [str(BIN / "driftd"), "install", "-c", str(settings), *words]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def files_below(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


class TestFiles:
    def test_repositories_and_sources_can_be_written_and_no_folder_is_named_twice(self):
        assert "ReadWritePaths=/srv/a\n" in drop_in(made(source="/srv/a/in"), "10-paths.conf")
        assert "ReadWritePaths=/srv/a /srv/in\n" in drop_in(made(), "10-paths.conf")

    def test_names_that_systemd_would_take_apart_or_expand(self):
        text = drop_in(made("/srv/my data %h"), "10-paths.conf")
        assert 'ReadWritePaths=/srv/in "/srv/my data %%h"\n' in text

    def test_nothing_of_a_home_is_shown_without_need(self):
        assert not [name for name in made() if "20-home" in name]

    def test_of_a_home_only_what_is_needed_is_shown(self):
        files = made("/home/alice/a", retrain={"env": {"path": ["/home/alice/venv/bin"]}})
        text = drop_in(files, "20-home.conf")
        assert text == (
            MARK + "[Service]\nProtectHome=tmpfs\nBindPaths=/home/alice/a\nBindReadOnlyPaths=/home/alice/venv\n"
        )

    def test_the_program_and_the_settings_are_those_that_were_named(self):
        files = made(file=Path("/etc/other.yaml"), program=Path("/usr/local/bin/driftd"))
        assert "ExecStart=/usr/local/bin/driftd run -c /etc/other.yaml\n" in files["etc/systemd/system/driftd.service"]

    def test_settings_in_a_home_are_refused(self):
        with pytest.raises(UsageError, match="hides"):
            made(file=Path("/home/alice/driftd.yaml"))


class TestCommand:
    def test_what_is_written_is_what_systemd_takes(self, settings, tmp_path):
        said = driftd(settings, "--systemd", "--root", str(tmp_path / "root"))
        assert "systemctl enable --now driftd" in said
        units = tmp_path / "root/etc/systemd/system"
        assert (units / "driftd.service.d/10-paths.conf").exists()
        words = [require("systemd-analyze"), "verify", "--recursive-errors=no", "./driftd.service"]
        done = subprocess.run(words, cwd=units, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")

    def test_a_dry_run_shows_all_and_writes_nothing(self, settings, tmp_path):
        said = driftd(settings, "--systemd", "--dry-run", "--root", str(tmp_path / "root"))
        assert f"ExecStart={BIN / 'driftd'} run -c {settings}" in said
        assert "u driftd" in said
        assert not (tmp_path / "root").exists()

    def test_again_it_renews_its_own_files_and_touches_no_other(self, settings, tmp_path):
        root = tmp_path / "root"
        driftd(settings, "--systemd", "--root", str(root))
        unit = root / "etc/systemd/system/driftd.service"
        right = unit.read_text()
        unit.write_text(right + "# older\n")
        assert "renewed" in driftd(settings, "--systemd", "--root", str(root))
        assert unit.read_text() == right
        unit.write_text("[Service]\n")
        (root / "etc/sysusers.d/driftd.conf").unlink()
        assert "is not from `driftd install`" in driftd(settings, "--systemd", "--root", str(root), code=2)
        assert unit.read_text() == "[Service]\n"
        assert "etc/sysusers.d/driftd.conf" not in files_below(root)

    def test_another_state_folder_than_the_unit_s_is_refused(self, settings, tmp_path):
        settings.write_text(f"state_dir: {tmp_path / 'state'}\n" + settings.read_text())
        assert "lets driftd write /var/lib/driftd alone" in driftd(settings, "--systemd", "--dry-run", code=2)

    def test_without_a_kind_it_says_what_to_write(self, settings):
        assert "driftd install --systemd" in driftd(settings, code=2)
