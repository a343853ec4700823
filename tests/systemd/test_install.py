"""`driftd install`: what it writes is what systemd, Prometheus and Grafana take, for settings of many kinds."""

import json
import subprocess
from pathlib import Path

import pytest
import yaml

from driftd import config
from driftd.errors import UsageError
from driftd.service.deploy.systemd_units import MARK, unit_files
from support.parts import require
from support.project import BIN

FILE = Path("/etc/driftd/driftd.yaml")
PROGRAM = Path("/opt/driftd/bin/driftd")


def made(repository="/srv/a", *, source="/srv/in", file=FILE, program=PROGRAM, state="/var/lib/driftd", **sections):
    project = {"repository": repository, "source": {"path": source}, **sections}
    settings = config.parse(yaml.safe_dump({"state_dir": state, "projects": {"a": project}}), file)
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


@pytest.fixture
def part(tmp_path):
    """A DVC project in a sub-folder of a git repository, whose cache lies outside of both."""
    folder = tmp_path / "mono" / "part"
    (folder / ".dvc").mkdir(parents=True)
    (folder / ".dvc" / "config").write_text("[cache]\n    dir = ../../../cache\n")
    subprocess.run(["git", "init", "-q", str(folder.parent)], check=True)
    return folder


class TestFiles:
    def test_what_runs_write_outside_of_the_repository_can_be_written(self, part):
        lies = part.parents[1]
        text = drop_in(made(str(part)), "10-paths.conf")
        assert f"ReadWritePaths=/srv/in {lies}/cache {lies}/mono/.git {part}\n" in text
        (part / ".dvc" / "config").write_text("")
        assert f"ReadWritePaths=/srv/in {lies}/mono/.git {part}\n" in drop_in(made(str(part)), "10-paths.conf")
        (part / ".dvc" / "cache").symlink_to("/srv/large")
        text = drop_in(made(str(part)), "10-paths.conf")
        assert f"ReadWritePaths=/srv/in /srv/large {lies}/mono/.git {part}\n" in text

    def test_a_worktree_is_written_with_its_repository(self, part):
        lies = part.parents[1]
        git = ["git", "-C", str(part.parent), "-c", "user.name=a", "-c", "user.email=a@localhost"]
        subprocess.run([*git, "add", "-A"], check=True)
        subprocess.run([*git, "commit", "-q", "-m", "project"], check=True)
        subprocess.run([*git, "worktree", "add", "-q", str(lies / "tree")], check=True)
        text = drop_in(made(str(lies / "tree" / "part")), "10-paths.conf")
        assert f"ReadWritePaths=/srv/in {lies}/cache {lies}/mono/.git {lies}/tree/part\n" in text

    def test_repositories_and_sources_can_be_written_and_no_folder_is_named_twice(self):
        assert "ReadWritePaths=/srv/a\n" in drop_in(made(source="/srv/a/in"), "10-paths.conf")
        assert "ReadWritePaths=/srv/a /srv/in\n" in drop_in(made(), "10-paths.conf")

    def test_a_state_folder_of_its_own_can_be_written(self):
        assert "ReadWritePaths=/srv/a /srv/in /srv/state\n" in drop_in(made(state="/srv/state"), "10-paths.conf")
        assert "ReadWritePaths=/srv/a /srv/in\n" in drop_in(made(state="/srv/a/state"), "10-paths.conf")

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

    def test_a_state_folder_of_its_own_is_made_and_given_to_the_user(self, settings, tmp_path):
        settings.write_text(f"state_dir: {tmp_path / 'state'}\n" + settings.read_text())
        said = driftd(settings, "--systemd", "--dry-run")
        assert f"mkdir -p {tmp_path / 'state'}\n" in said
        assert f"chown -R driftd: {tmp_path / 'a'} {tmp_path / 'in'} {tmp_path / 'state'}\n" in said
        (tmp_path / "state").mkdir()
        assert "mkdir -p" not in driftd(settings, "--systemd", "--dry-run")

    def test_a_cache_that_is_elsewhere_is_made_and_given_to_the_user(self, settings, part):
        lies = part.parents[1]
        settings.write_text(settings.read_text().replace(str(lies / "a"), str(part)))
        said = driftd(settings, "--systemd", "--dry-run")
        assert f"mkdir -p {lies}/cache\n" in said
        assert f"{lies}/cache {lies}/in {lies}/mono/.git {part}\n" in said
        (lies / "cache").mkdir()
        assert f"{lies}/cache\n" not in driftd(settings, "--systemd", "--dry-run")

    def test_a_folder_that_the_unit_does_not_see_is_named(self, settings, tmp_path):
        hidden = f"does not see {tmp_path / 'a'}: move it"
        assert (hidden in driftd(settings, "--systemd", "--dry-run")) == tmp_path.is_relative_to("/tmp")  # noqa: S108

    def test_without_a_kind_it_says_what_to_write(self, settings):
        assert "driftd install --systemd" in driftd(settings, code=2)


class TestMonitoring:
    def test_prometheus_takes_the_rules_and_what_it_is_said_to_merge(self, settings, tmp_path):
        settings.write_text(
            "http: {listen: '127.0.0.1:9470', url: 'https://driftd.example.com/'}\n" + settings.read_text()
        )
        root = tmp_path / "root"
        said = driftd(settings, "--prometheus", "--root", str(root))
        assert files_below(root) == {"etc/prometheus/driftd/alerts.yml", "etc/prometheus/driftd/rules.yml"}
        _, _, rest = said.partition("Alertmanager:\n")
        merged, _, _ = rest.partition("\nWhat comes next")
        own = root / "etc/prometheus/prometheus.yml"
        own.write_text(merged)
        [job] = yaml.safe_load(own.read_text())["scrape_configs"]
        assert job["static_configs"] == [
            {"targets": ["127.0.0.1:9470"], "labels": {"url": "https://driftd.example.com"}}
        ]
        done = subprocess.run(
            [require("promtool"), "check", "config", str(own)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        for name in ("alerts.yml", "rules.yml"):
            assert f"Checking {own.parent / 'driftd' / name}" in done.stdout
        assert "as it was" in driftd(settings, "--prometheus", "--root", str(root))

    def test_without_an_address_of_the_pages_links_begin_with_the_target(self, settings):
        said = driftd(settings, "--prometheus", "--dry-run")
        assert 'targets: ["127.0.0.1:9469"]' in said
        assert "labels: {url" not in said

    def test_grafana_is_told_where_the_dashboard_lies(self, settings, tmp_path):
        root = tmp_path / "root"
        driftd(settings, "--grafana", "--root", str(root))
        [provider] = yaml.safe_load((root / "etc/grafana/provisioning/dashboards/driftd.yaml").read_text())["providers"]
        [dashboard] = (root / Path(provider["options"]["path"]).relative_to("/")).iterdir()
        assert json.loads(dashboard.read_text())["title"] == "driftd"
        assert "as it was" in driftd(settings, "--grafana", "--root", str(root))
        dashboard.write_text("{}")
        assert "is not from `driftd install`" in driftd(settings, "--grafana", "--root", str(root), code=2)
