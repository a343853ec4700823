"""The project's own Python, wherever its tool keeps it, and its name."""

import os
import sys
from base64 import urlsafe_b64encode
from hashlib import sha256

import pytest

from driftd.adopt.project_environment import find_environment, find_name
from driftd.adopt.stage_graph import Graph


def environment(folder):
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").symlink_to(sys.executable)
    return folder


def digest(text):
    return urlsafe_b64encode(sha256(str(text).encode()).digest()).decode()[:8]


def found(project, top=None, **outside):
    setting = find_environment(project, top or project, {"HOME": str(project.parent), "PATH": "", **outside})
    return setting and (setting.value["path"], setting.why)


@pytest.fixture
def project(tmp_path):
    (tmp_path / "people").mkdir()
    return tmp_path / "people"


@pytest.mark.parametrize("name", [".venv", "venv", "env"])
def test_in_the_repository(project, name):
    made = environment(project / name)
    path, why = found(project)
    assert path == [str(made / "bin")]
    assert "virtual environment of the repository" in why


def test_on_top_of_a_repository_with_several_projects(project):
    made = environment(project.parent / ".venv")
    assert found(project, top=project.parent)[0] == [str(made / "bin")]
    environment(project / ".venv")
    assert found(project, top=project.parent)[0] == [str(project / ".venv" / "bin")]


def test_where_uv_is_told_to_keep_it(project):
    made = environment(project / "elsewhere")
    assert found(project, UV_PROJECT_ENVIRONMENT="elsewhere")[0] == [str(made / "bin")]


def test_where_poetry_keeps_it(project):
    (project / "pyproject.toml").write_text('[tool.poetry]\nname = "People At Work"\n')
    home = project.parent / ".cache" / "pypoetry" / "virtualenvs"
    made = environment(home / f"people_at_work-{digest(project.resolve())}-py3.11")
    path, why = found(project)
    assert path == [str(made / "bin")]
    assert "Poetry" in why
    moved = made.rename(project.parent / made.name)
    assert found(project, POETRY_VIRTUALENVS_PATH=str(project.parent))[0] == [str(moved / "bin")]


def test_where_pipenv_keeps_it(project):
    (project / "Pipfile").touch()
    made = environment(project.parent / ".local" / "share" / "virtualenvs" / f"people-{digest(project / 'Pipfile')}")
    assert found(project)[0] == [str(made / "bin")]


@pytest.mark.parametrize("variable", ["VIRTUAL_ENV", "CONDA_PREFIX"])
def test_that_is_activated(project, variable):
    made = environment(project.parent / "active")
    path, why = found(project, **{variable: str(made)})
    assert path == [str(made / "bin")]
    assert variable in why
    assert "driftd's own" not in why


def test_an_activated_one_that_is_driftds_own_is_said_to_be(project):
    assert "driftd's own" in found(project, VIRTUAL_ENV=sys.prefix)[1]


def test_none_leaves_the_interpreter_behind_a_shim(project):
    shims = project.parent / "shims"
    shims.mkdir()
    (shims / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (shims / "python").chmod(0o755)
    path, why = found(project, PATH=str(shims))
    assert path == [os.path.dirname(sys.executable)]  # noqa: PTH120  # as the interpreter says it, links and all
    assert "assumed" in why
    assert found(project) is None


@pytest.mark.parametrize(
    ("models", "tags", "folder", "name"),
    [
        ({"model.pkl": "people"}, ["other@v1.0.0"], "Repo", "people"),
        ({"model.pkl": "No Name"}, [], "Repo", "repo"),
        ({}, ["work@v1.0.0", "work@v2.0.0", "work#prod#1", "release@v1"], "Repo", "work"),
        ({}, ["one@v1.0.0", "two@v1.0.0"], "Who is_employed?", "who-is-employed"),
        ({}, [], "--", "project"),
    ],
)
def test_the_name_is_the_one_that_gto_knows(tmp_path, models, tags, folder, name):
    assert find_name(Graph((), (), (), models), "model.pkl", tmp_path / folder, tags) == name
