import os
from pathlib import Path

import pytest
import yaml

from driftd.config import find_file, load, parse
from driftd.errors import ConfigError, ExitCode
from support.settings import ITSELF, settings

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


def said(text):
    """Return what is wrong with settings; nothing where they are right."""
    try:
        parse(text, NAME)
    except ConfigError as error:
        return error.message
    return ""


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
            (
                "    promote: {guards: [{metrc: 'a:b', max_drop: 0}]}",
                "6:25: projects.addresses.promote.guards.0.metrc",
                "metric",
            ),
            ("    drift: {falsealarms: 1 per 9 windows}", "6:13: projects.addresses.drift.falsealarms", "false_alarms"),
        ],
    )
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


PROJECT = "projects.addresses"


class TestWords:
    """Each message as a person reads it, without its place."""

    @pytest.mark.parametrize(
        ("lines", "said"),
        [
            ("    window: 500", f"{PROJECT}.window: must be a section of names and values, not 500"),
            ("    retrain:", f"{PROJECT}.retrain: must be a section of names and values, not empty"),
            ("    window: {rows: many}", f"{PROJECT}.window.rows: must be a whole number, not 'many'"),
            ("    window: {rows: 5.5}", f"{PROJECT}.window.rows: must be a whole number, not 5.5"),
            ("    window: {rows: 3}", f"{PROJECT}.window.rows: must be at least 10, not 3"),
            ("    drift: {min_effect: big}", f"{PROJECT}.drift.min_effect: must be a number, not 'big'"),
            ("    drift: {min_effect: .nan}", f"{PROJECT}.drift.min_effect: must be a finite number, not nan"),
            ("    drift: {min_effect: 2}", f"{PROJECT}.drift.min_effect: must be at most 1, not 2"),
            ("    promote: {confidence: 0.5}", f"{PROJECT}.promote.confidence: must be more than 0.5, not 0.5"),
            ("    promote: {confidence: 1}", f"{PROJECT}.promote.confidence: must be less than 1, not 1"),
            ("    promote: {per_row: 5}", f"{PROJECT}.promote.per_row: must be a text, not 5"),
            ("    labels: approved", f"{PROJECT}.labels: must be a list such as [a, b], not 'approved'"),
            (
                "    promote: {guards: {metric: x}}",
                f"{PROJECT}.promote.guards: must be a list such as [a, b], not a section of names and values",
            ),
            ("    promote: {guards: [{metric: 'a:b'}]}", f"{PROJECT}.promote.guards.0.max_drop: must be set"),
            (
                "    promote: {split: projct}",
                f"{PROJECT}.promote.split: 'projct' is none of its values; did you mean 'project'? there are: content_hash, project",
            ),
            (
                "    drift: {columns: {x: {psy: 1}}}",
                f"{PROJECT}.drift.columns.x.psy: 'psy' is none of its values; did you mean 'psi'?",
            ),
            ("    drift: {columns: {x: {psi: 0}}}", f"{PROJECT}.drift.columns.x.psi: must be more than 0, not 0"),
            (
                "    promote: {metric: f1}",
                f"{PROJECT}.promote.metric: 'f1' names no metric; write it like scores.json:ents_f",
            ),
            (
                "    retrain: {env: {path: [~nosuchuser/bin]}}",
                f"{PROJECT}.retrain.env.path.0: ~nosuchuser/bin: there is no user 'nosuchuser' with a home folder",
            ),
            ('    retrain: {env: {path: ["a\\0b"]}}', f"{PROJECT}.retrain.env.path.0: a path has no character U+0000"),
            ("compute: {workers: yes}", "compute.workers: must be a whole number, not true"),
            (
                "http: {url: driftd.example}",
                "http.url: 'driftd.example' is no address of a page; write it like https://driftd.example.com",
            ),
            ("http: {listen: 9469}", "http.listen: must be a text, not 9469"),
        ],
    )
    def test_of_a_value(self, lines, said):
        (found,) = problems(MINIMAL + lines + "\n")
        assert found.split(": ", 1)[1].startswith(said)

    def test_of_a_file_without_projects(self):
        assert problems("projects: {}\n") == [f"{NAME}:1:1: projects: must name at least one"]
        assert problems("projects:\n") == [f"{NAME}:1:1: projects: must be a section of names and values, not empty"]

    def test_a_name_of_a_project(self):
        (found,) = problems("projects:\n  A_b:\n    repository: /r\n    source: {path: /s}\n")
        assert "'A_b' is no name here; take at most 63 of a-z, 0-9 and -" in found

    @pytest.mark.parametrize("at", [at for at, _ in settings()], ids=".".join)
    @pytest.mark.parametrize("value", ["x y", "1", "-1.5", "[1]", "{a: 1}", "null", "true"])
    def test_none_is_the_librarys_own(self, at, value):
        document = yaml.safe_load(MINIMAL)
        inner = document
        for part in at[:-1]:
            inner = inner.setdefault(part if part != ITSELF else "addresses", {})
        inner[at[-1]] = yaml.safe_load(value)
        assert "Input" not in said(yaml.safe_dump(document))


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
            ("a: 'x\n", "1:4"),
            ("a: *b\n", "1:4"),
            ("a: 1\n---\nb: 1\n", "2:1"),
            ("a: !!python/object:os.system {}\n", "1:4"),
            ("a: &x [*x]\n", "1:1"),
        ],
    )
    def test_what_is_not_yaml_says_where(self, text, place):
        assert problems(text)[0].startswith(f"{NAME}:{place}: ")

    @pytest.mark.parametrize(
        ("value", "said"),
        [
            ("!!bool x", "'x' is no !!bool"),
            ("!!timestamp x", "'x' is no !!timestamp"),
            ("!!int ''", "'' is no !!int"),
            ("!!float ''", "'' is no !!float"),
            ("!!map x", "'x' is no !!map"),
            ("!!seq x", "'x' is no !!seq"),
            ("1" + ":0" * 200 + ".0", f"'1{':0' * 200}.0' is no !!float"),
        ],
    )
    def test_a_value_that_its_tag_does_not_fit(self, value, said):
        assert problems(f"log:\n  format: {value}\n") == [f"{NAME}:2:11: {said}"]
        assert problems(f"{{{value}: 1}}\n") == [f"{NAME}:1:2: {said}"]

    def test_nesting_without_end_is_an_error_too(self):
        assert "nested" in problems("[" * 5000 + "]" * 5000)[0]

    def test_a_key_that_is_no_text(self):
        assert problems("on: 1\n") == [f"{NAME}:1:1: the key True is not a text"]

    @pytest.mark.parametrize("text", ["- a\n", "text\n", "1\n"])
    def test_anything_but_a_mapping(self, text):
        assert problems(text) == [f"{NAME}:1:1: settings are names with values, such as `projects:`"]

    @pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "null\n"])
    def test_nothing(self, text):
        assert problems(text) == [f"{NAME}:1:1: there is nothing in it"]

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("a:\n\t- b\n", "a tab stands where YAML takes spaces only"),
            ('a: "x\n', "this quote is not closed"),
            ("a: b\n  c: d\n", "a colon cannot stand here"),
        ],
    )
    def test_what_happens_most_often_is_said_in_plain_words(self, text, said):
        assert problems(text)[0].endswith(f": this is not YAML: {said}")

    def test_a_character_that_cannot_be_seen(self):
        assert problems("a: 1\nb: x\0y\n") == [f"{NAME}:2:5: the character U+0000 may not be in YAML"]


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
        ("source", "why"),
        [
            ("/", "repository"),
            ("/var", "state_dir"),
            ("/var/lib/driftd/incoming", "state_dir"),
            ("/srv/addresses", "repository"),
            ("/srv/addresses/data", "dataset"),
            ("/srv/addresses/data/new", "dataset"),
            ("/srv/addresses/model", "model"),
        ],
    )
    def test_a_source_reaches_into_nothing_else(self, source, why):
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

    def test_a_file_that_is_not_there(self, tmp_path):
        with pytest.raises(ConfigError, match=r"driftd\.yaml: there is no such file"):
            load(tmp_path / "driftd.yaml")

    @pytest.mark.parametrize(
        ("content", "place"), [(b"\xff\xfe", r"1:1: the byte 0xff"), (b"a: 1\nb: caf\xe9\n", r"2:7: the byte 0xe9")]
    )
    def test_a_file_that_is_no_utf8(self, tmp_path, content, place):
        path = tmp_path / "driftd.yaml"
        path.write_bytes(content)
        with pytest.raises(ConfigError, match=place):
            load(path)

    def test_a_folder_instead(self, tmp_path):
        with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
            load(tmp_path)


def test_settings_never_change():
    settings = parse(MINIMAL, NAME)
    with pytest.raises(Exception, match="frozen"):
        settings.projects["addresses"].window.rows = 7
    assert os.fspath(settings.state_dir) == "/var/lib/driftd"
