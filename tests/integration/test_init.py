"""`driftd init DIR` as a stranger types it: real git, DVC and spaCy."""

import json
import os
import subprocess

import pytest

from driftd import adopt
from driftd.adopt import new_project
from driftd.errors import CommandError, UsageError
from driftd.resources import share_dir
from support.pipeline import SMALL, attempt, set_params, stages_that_ran
from support.project import BIN, tool

pytestmark = pytest.mark.slow

DRIFTD = str(BIN / "driftd")
NOBODY = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    done = attempt(folder, DRIFTD, "init", "x", "--remote", "store", **NOBODY)
    assert done.returncode == 0, done.stderr
    return folder / "x", done.stdout


def test_it_is_committed_and_says_what_comes_next(made):
    folder, said = made
    assert tool(folder, "git", "status", "--porcelain") == ""
    assert tool(folder, "git", "log", "--format=%an <%ae> %s").splitlines() == [
        "driftd <driftd@localhost> A project that driftd keeps in step with its data"
    ]
    assert "cd x" in said
    assert "driftd run" in said
    tracked = tool(folder, "git", "ls-files").split()
    assert {"dvc.yaml", "data.dvc", "driftd.yaml", "stages/train.py"} < set(tracked)
    assert not [name for name in tracked if name.startswith(("sample", "incoming", "data/"))]


def test_a_person_without_dvc_or_spacy_is_told_where_they_are(made, tmp_path):
    _, said = made
    assert "export PATH" not in said
    done = attempt(tmp_path, DRIFTD, "init", "x", PATH="/usr/bin:/bin")
    assert done.returncode == 0, done.stderr
    assert f"export PATH={BIN}:$PATH" in done.stdout


def test_new_data_have_a_folder_and_the_sample_lies_beside_it(made):
    folder, _ = made
    assert list((folder / "incoming").iterdir()) == []
    shipped = share_dir() / "pipeline" / "sample" / "incoming"
    assert sorted(path.name for path in (folder / "sample" / "incoming").iterdir()) == sorted(
        path.name for path in shipped.iterdir()
    )
    assert [path.name for path in (folder / "data").iterdir()] == ["iowa.jsonl"]


def test_settings_fit_the_project(made):
    folder, _ = made
    done = attempt(folder, DRIFTD, "config", "check")
    assert done.returncode == 0, done.stderr
    shown = json.loads(attempt(folder, DRIFTD, "config", "show", "--json").stdout)
    assert shown["state_dir"] == str(folder / "state")
    assert shown["projects"]["addresses"]["source"]["path"] == str(folder / "incoming")


def test_a_remote_is_meant_from_where_the_person_stands(made):
    folder, _ = made
    assert tool(folder, "dvc", "remote", "list").split()[:2] == ["storage", str(folder.parent / "store")]
    assert attempt(folder, "dvc", "push", "-q").returncode == 0
    assert list((folder.parent / "store").rglob("*.dir"))


def test_dvc_repro_needs_no_daemon_and_runs_nothing_twice(made):
    folder, _ = made
    set_params(folder, **SMALL)  # that the whole model is worth its time, the demo shows
    first = attempt(folder, "dvc", "repro")
    assert stages_that_ran(first.stdout) == ["preprocess", "train", "evaluate"], first.stderr
    again = attempt(folder, "dvc", "repro")
    assert (again.returncode, stages_that_ran(again.stdout)) == (0, [])
    tool(folder, "git", "add", "--all")
    tool(folder, "git", "commit", "-q", "-m", "First model")
    proposal = adopt.propose(folder)
    found = {setting.key: setting.value for setting in proposal.settings}
    assert proposal.name == "addresses"
    assert (found["window"], found["retrain.dataset"], found["retrain.model"]) == ({"rows": 100}, "data", "model")
    assert (found["promote.metric"], found["promote.per_row"]) == ("scores.json:ents_f", "evaluation/rows.jsonl")
    assert (found["promote.split"], found["promote.score_stages"]) == ("content_hash", ["preprocess", "evaluate"])


def test_a_folder_that_is_not_empty_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    done = attempt(tmp_path, DRIFTD, "init", ".")
    assert done.returncode == 2
    assert "not empty" in done.stderr
    assert "--repository" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    done = attempt(tmp_path, DRIFTD, "init", "mine.txt")
    assert (done.returncode, "not a folder" in done.stderr) == (2, True)


def test_an_empty_folder_stays_the_same_one(tmp_path):
    """A shell may stand in it."""
    before = tmp_path.stat().st_ino
    done = attempt(tmp_path, "sh", "-c", f"{DRIFTD} init . >/dev/null && git log --oneline | wc -l && ls -A")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[0] == "1"
    assert not any(name.startswith(new_project.ASIDE) for name in done.stdout.split())
    assert tmp_path.stat().st_ino == before


def test_a_failure_leaves_nothing_and_a_second_try_works(tmp_path, monkeypatch):
    with monkeypatch.context() as without:
        without.setenv("PATH", str(tmp_path))
        with pytest.raises(CommandError, match="git cannot be started"):
            adopt.create(tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "there").mkdir()
    with pytest.raises(CommandError, match=r"`dvc remote add .* what://ever` failed: .*what://"):
        adopt.create(tmp_path / "there", "what://ever")
    assert list((tmp_path / "there").iterdir()) == []
    assert adopt.create(tmp_path / "there") == tmp_path / "there" / "driftd.yaml"


def test_what_a_killed_init_has_left_is_no_obstacle(tmp_path):
    (tmp_path / f"{new_project.ASIDE}killed").mkdir()
    adopt.create(tmp_path)
    assert (tmp_path / "dvc.yaml").is_file()
    with pytest.raises(UsageError):
        adopt.create(tmp_path)


def test_a_persons_git_settings_do_not_get_in_the_way(tmp_path):
    """Signing without a key, a hook that refuses, and being called from a hook of another repository."""
    hook = tmp_path / "hooks" / "pre-commit"
    hook.parent.mkdir()
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    settings = tmp_path / "gitconfig"
    settings.write_text(
        f"[user]\nname = Ann\nemail = ann@example.com\n[commit]\ngpgsign = true\n[core]\nhooksPath = {hook.parent}\n"
    )
    other = tmp_path / "other"
    subprocess.run(["git", "init", "-q", str(other)], check=True)
    done = attempt(
        tmp_path,
        DRIFTD,
        "init",
        "x",
        GIT_CONFIG_GLOBAL=str(settings),
        GIT_DIR=str(other / ".git"),
        GIT_WORK_TREE=str(other),
    )
    assert done.returncode == 0, done.stderr
    assert tool(tmp_path / "x", "git", "log", "--format=%an").strip() == "Ann"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "driftd init DIR makes a new project"),
        (["x", "--output", "y.yaml"], "--output goes with --repository"),
        (["--repository", "r", "--remote", "s3://b"], "dvc remote add --default storage s3://b"),
        (["x", "--repository", "r", "--output", "y.yaml"], "both name the file"),
    ],
)
def test_words_that_do_not_fit(tmp_path, words, said):
    done = attempt(tmp_path, DRIFTD, "init", *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert list(tmp_path.iterdir()) == []
