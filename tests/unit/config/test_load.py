import os
from pathlib import Path

import pytest

from driftd.config import find_file, load, parse
from driftd.errors import ConfigError, ExitCode

MINIMAL = """\
projects:
  addresses:
    repository: /srv/addresses
    source:
      path: /srv/incoming
"""
NAME = Path("/etc/driftd/driftd.yaml")


def problems(text):
    with pytest.raises(ConfigError) as caught:
        parse(text, NAME)
    assert caught.value.exit_code is ExitCode.CONFIG
    assert caught.value.remedy
    return caught.value.message.splitlines()


class TestPlaces:
    def test_an_unknown_name_says_where_and_what_was_meant(self):
        assert problems(MINIMAL + "    windw: {rows: 10}\n") == [
            f"{NAME}:6:5: projects.addresses.windw: unknown setting; did you mean 'window'?"
        ]

    @pytest.mark.parametrize(
        ("line", "place", "meant"),
        [
            ("state_dirr: /x", "6:1: state_dirr", "state_dir"),
            ("http: {listn: 127.0.0.1:1}", "6:8: http.listn", "listen"),
            ("    retrain: {env: {passs: [A]}}", "6:21: projects.addresses.retrain.env.passs", "pass"),
            ("    promote: {guards: [{metrc: 'a:b', max_drop: 0}]}", "6:25: projects.addresses.promote.guards.0.metrc", "metric"),
            ("    drift: {falsealarms: 1 per 9 windows}", "6:13: projects.addresses.drift.falsealarms", "false_alarms"),
        ],
    )  # fmt: skip
    def test_near_names_at_every_level(self, line, place, meant):
        found = problems(MINIMAL + line + "\n")
        assert f"{NAME}:{place}: unknown setting; did you mean {meant!r}?" in found

    def test_a_name_like_no_other_lists_what_can_be_there(self):
        (found,) = problems(MINIMAL + "compute: {zzz: 1}\n")
        assert found == f"{NAME}:6:11: compute.zzz: unknown setting; here can be: workers"

    def test_a_missing_setting_points_at_its_section(self):
        (found,) = problems("projects:\n  a:\n    repository: /r\n")
        assert found == f"{NAME}:2:3: projects.a.source: must be set"

    def test_a_wrong_value_points_at_itself(self):
        (found,) = problems(MINIMAL + "    window:\n      rows: many\n")
        assert found.startswith(f"{NAME}:7:7: projects.addresses.window.rows: ")

    def test_all_problems_are_named_in_the_order_of_the_file(self):
        text = "http:\n  listen: 0.0.0.0:80\n" + MINIMAL + "    window: {rows: 1}\nnope: 1\n"
        found = problems(text)
        assert [line.split(":")[1] for line in found] == ["2", "8", "9"]
        assert "loopback" in found[0]

    def test_a_wrong_name_of_a_project(self):
        (found,) = problems("projects:\n  Über_x:\n    repository: /r\n    source: {path: /s}\n")
        assert found.startswith(f"{NAME}:2:3: projects.Über_x: ")


class TestYaml:
    def test_a_key_that_is_set_twice(self):
        (found,) = problems(MINIMAL + "http: {}\nprojects: {}\n")
        assert found == f"{NAME}:7:1: 'projects' is set twice, first on line 1"

    def test_a_merged_value_may_be_set_again(self):
        text = (
            "projects:\n"
            "  a: &base\n    repository: /a\n    source: {path: /sa}\n    window: {rows: 77}\n"
            "  b:\n    <<: *base\n    source: {path: /sb}\n"
        )
        settings = parse(text, NAME)
        assert settings.projects["b"].window.rows == 77
        assert settings.projects["b"].source.path == Path("/sb")

    @pytest.mark.parametrize(
        ("text", "place"),
        [
            ("a: [1\n", "2:1"),
            ("a:\n\t- b\n", "2:1"),
            ("a: 'x\n", "2:1"),
            ("a: *b\n", "1:4"),
            ("a: 1\n---\nb: 1\n", "2:1"),
            ("a: !!python/object:os.system {}\n", "1:4"),
            ("a: &x [*x]\n", "1:1"),
        ],
    )
    def test_what_is_not_yaml_says_where(self, text, place):
        assert problems(text)[0].startswith(f"{NAME}:{place}: ")

    def test_nesting_without_end_is_an_error_too(self):
        assert "nested" in problems("[" * 5000 + "]" * 5000)[0]

    def test_a_key_that_is_no_text(self):
        assert problems("on: 1\n") == [f"{NAME}:1:1: the key True is not a text"]

    @pytest.mark.parametrize("text", ["", "# nothing\n", "- a\n", "text\n"])
    def test_anything_but_a_mapping(self, text):
        assert problems(text) == [f"{NAME}:1:1: settings are a mapping of names to values"]


class TestRelations:
    @pytest.mark.parametrize(
        ("one", "other"),
        [("/srv/in", "/srv/in"), ("/srv/in", "/srv/in/sub"), ("/srv/in/x", "/srv/in"), ("in", "/etc/driftd/in")],
    )
    def test_sources_do_not_overlap(self, one, other):
        text = f"projects:\n  a: {{repository: /a, source: {{path: {one}}}}}\n  b: {{repository: /b, source: {{path: {other}}}}}\n"
        (found,) = problems(text)
        assert found.startswith(f"{NAME}:3:32: projects.b.source.path: ")
        assert "is the source of project 'a' too" in found

    @pytest.mark.parametrize(
        ("source", "why"), [("/", "repository"), ("/var", "state_dir"), ("/srv/addresses", "repository")]
    )
    def test_a_source_holds_neither_state_nor_repository(self, source, why):
        found = problems(MINIMAL.replace("/srv/incoming", source))
        assert why in found[0]
        assert found[0].startswith(f"{NAME}:5:7: ")

    def test_a_source_may_lie_in_its_repository(self):
        assert parse(MINIMAL.replace("/srv/incoming", "/srv/addresses/incoming"), NAME)

    def test_sources_beside_each_other(self):
        text = "projects:\n  a: {repository: /a, source: {path: /in}}\n  b: {repository: /a, source: {path: /in2}}\n"
        assert len(parse(text, NAME).projects) == 2

    def test_at_least_one_project(self):
        assert problems("projects: {}\n")[0].startswith(f"{NAME}:1:1: projects: ")


class TestPaths:
    def test_are_relative_to_the_file(self, tmp_path):
        path = tmp_path / "conf" / "driftd.yaml"
        path.parent.mkdir()
        path.write_text(
            "state_dir: ../state\nprojects:\n  a:\n    repository: .\n    source: {path: ./in/../incoming}\n"
            "    retrain: {env: {path: [.venv/bin]}}\n"
        )
        settings = load(path)
        assert settings.state_dir == tmp_path / "state"
        project = settings.projects["a"]
        assert project.repository == path.parent
        assert project.source.path == path.parent / "incoming"
        assert project.retrain.env.path == (path.parent / ".venv/bin",)

    def test_home(self, tmp_path, monkeypatch):
        monkeypatch.setenv("HOME", str(tmp_path))
        assert (
            parse(MINIMAL.replace("/srv/incoming", "~/in"), NAME).projects["addresses"].source.path == tmp_path / "in"
        )

    def test_absolute_ones_stay(self):
        assert parse(MINIMAL, NAME).projects["addresses"].repository == Path("/srv/addresses")


class TestFinding:
    def test_given_first_then_environment_then_here(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        with pytest.raises(ConfigError, match="no settings file"):
            find_file(environ={})
        (tmp_path / "driftd.yaml").write_text(MINIMAL)
        assert find_file(environ={}) == Path("driftd.yaml")
        assert find_file(environ={"DRIFTD_CONFIG": "/e.yaml"}) == Path("/e.yaml")
        assert find_file(environ={"DRIFTD_CONFIG": ""}) == Path("driftd.yaml")
        assert find_file(Path("/given.yaml"), environ={"DRIFTD_CONFIG": "/e.yaml"}) == Path("/given.yaml")

    @pytest.mark.parametrize("content", [None, b"\xff\xfe\xfa"])
    def test_a_file_that_cannot_be_read(self, tmp_path, content):
        path = tmp_path / "driftd.yaml"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(ConfigError, match="cannot be read"):
            load(path)

    def test_a_folder_instead(self, tmp_path):
        with pytest.raises(ConfigError, match="cannot be read"):
            load(tmp_path)


def test_settings_never_change():
    settings = parse(MINIMAL, NAME)
    with pytest.raises(Exception, match="frozen"):
        settings.projects["addresses"].window.rows = 7
    assert os.fspath(settings.state_dir) == "/var/lib/driftd"
