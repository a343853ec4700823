"""`driftd init --repository`: settings for repositories of many shapes, none of which is touched. Real git and DVC."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from driftd import adopt, config
from driftd.errors import RepositoryError
from support.adoption import state_of
from support.pipeline import attempt
from support.project import BIN, copy_project, make_project, tool, write_rows

pytestmark = pytest.mark.slow

DRIFTD = str(BIN / "driftd")


@pytest.fixture
def repository(template, tmp_path) -> Path:
    return copy_project(template, tmp_path / "kinds")


def init(folder, *words, **environment):
    environment = {"VIRTUAL_ENV": sys.prefix} | environment
    return attempt(folder, DRIFTD, "init", *words, **environment)


def commit(repository, message="A change"):
    tool(repository, "git", "add", "-A")
    tool(repository, "git", "commit", "-q", "-m", message)


def proposed(repository):
    proposal = adopt.propose(repository, {"PATH": os.environ["PATH"], "HOME": str(repository.parent)})
    return proposal, {setting.key: setting.value for setting in proposal.settings}


def test_the_file_is_right_and_the_repository_as_it_was(repository, tmp_path):
    (repository / "dvc.yaml").write_text("this is being worked on: [")
    (repository / "notes.txt").write_text("mine")
    before = state_of(repository)
    (tmp_path / "here").mkdir()
    done = init(tmp_path / "here", "--repository", "../kinds")
    assert done.returncode == 0, done.stderr
    assert state_of(repository) == before
    assert sorted(path.name for path in (tmp_path / "here").iterdir()) == ["driftd.yaml", "incoming"]
    settings = config.load(tmp_path / "here" / "driftd.yaml")
    project = settings.projects["kinds"]
    assert settings.state_dir == tmp_path / "here" / "state"
    assert (project.repository, project.source.path) == (repository, tmp_path / "here" / "incoming")
    assert project.labels == ("label",)
    assert (project.retrain.base, project.retrain.dataset, project.retrain.model) == ("main", "data", "model")
    assert project.promote.metric == "scores.json:accuracy"
    assert project.promote.per_row == "evaluation/rows.jsonl"
    assert project.promote.score_stages == ("preprocess", "evaluate")
    assert project.promote.split == "project"
    assert project.retrain.env.path == (Path(sys.prefix) / "bin",)
    said = " ".join(done.stdout.split())
    for word in ("labels", "retrain.dataset", "promote.split", "VIRTUAL_ENV", "approval is manual", "driftd run -c"):
        assert word in said


def test_a_file_is_never_overwritten(repository, tmp_path):
    (tmp_path / "driftd.yaml").write_text("mine: {}\n")
    done = init(tmp_path, "--repository", str(repository))
    assert (done.returncode, "exists already" in done.stderr) == (2, True)
    assert (tmp_path / "driftd.yaml").read_text() == "mine: {}\n"
    done = init(tmp_path, "--repository", str(repository), "--output", "other.yaml")
    assert done.returncode == 0, done.stderr
    assert config.load(tmp_path / "other.yaml").projects["kinds"].repository == repository


def test_nothing_is_written_into_the_repository(repository):
    before = state_of(repository)
    for words in ([], ["deeper"], ["--output", "x.yaml"]):
        done = init(repository, "--repository", ".", *words)
        assert done.returncode == 2
        assert "lies in the repository" in done.stderr
        assert "driftd init DIR --repository PATH" in done.stderr
    assert state_of(repository) == before


def test_the_base_is_read_whatever_is_checked_out(repository):
    tool(repository, "git", "switch", "-q", "-c", "feature")
    (repository / "dvc.yaml").unlink()
    commit(repository)
    proposal, found = proposed(repository)
    assert found["retrain.base"] == "main"
    assert "feature is checked out" in next(s.why for s in proposal.settings if s.key == "retrain.base")
    tool(repository, "git", "switch", "-q", "--detach", "main")
    assert proposed(repository)[1]["retrain.base"] == "main"


def test_origin_says_which_branch_others_build_on(repository, tmp_path):
    tool(repository, "git", "branch", "-q", "-m", "main", "develop")
    tool(tmp_path, "git", "clone", "-q", str(repository), "clone")
    tool(tmp_path / "clone", "git", "switch", "-q", "-c", "main")
    shutil.copytree(repository / ".dvc" / "cache", tmp_path / "clone" / ".dvc" / "cache")
    proposal, found = proposed(tmp_path / "clone")
    assert found["retrain.base"] == "develop"
    assert "origin's default branch; main is checked out" in proposal.settings[2].why


def test_without_the_data_nothing_is_known_of_columns_and_it_says_so(repository):
    shutil.rmtree(repository / ".dvc" / "cache")
    shutil.rmtree(repository / "data")
    proposal, found = proposed(repository)
    assert (found["retrain.dataset"], "labels" in found) == ("data", False)
    assert "`dvc pull`" in " ".join(proposal.warnings)


def test_data_of_a_form_that_driftd_does_not_read(repository):
    for path in (repository / "data").iterdir():
        path.rename(path.with_suffix(".png"))
    tool(repository, "dvc", "add", "-q", "data")
    commit(repository)
    with pytest.raises(RepositoryError, match="data: of no form that driftd reads"):
        proposed(repository)


def test_a_file_as_dataset_and_data_that_only_the_cache_has(tmp_path):
    repository = make_project(tmp_path / "rows", source="rows.csv")
    (repository / "rows.csv").unlink()
    shutil.rmtree(repository / "model")
    proposal, found = proposed(repository)
    assert (found["retrain.dataset"], found["labels"]) == ("rows.csv", ["label"])
    assert "rows at its end" in next(s.why for s in proposal.settings if s.key == "retrain.dataset")
    shutil.rmtree(repository / ".dvc" / "cache")
    proposal, found = proposed(repository)
    assert "labels" not in found
    assert "`dvc pull`" in " ".join(proposal.warnings)


def test_templates_and_loops_in_a_sub_folder(template, tmp_path):
    whole = tmp_path / "whole"
    repository = whole / "teams" / "kinds"
    shutil.copytree(template, repository, ignore=shutil.ignore_patterns(".git", ".dvc"))
    tool(whole, "git", "init", "-q", "-b", "main")
    tool(repository, "dvc", "init", "-q", "--subdir")
    (repository / "params.yaml").write_text("script: stages.py\nout: model\n")
    text = (repository / "dvc.yaml").read_text().replace("python stages.py", "python ${script}")
    (repository / "dvc.yaml").write_text(text.replace("outs: [model]", "outs: ['${out}']"))
    tool(repository, "dvc", "add", "-q", "data")
    tool(repository, "dvc", "repro", "-q")
    commit(whole)
    proposal, found = proposed(repository)
    assert (proposal.name, found["retrain.model"], found["retrain.dataset"]) == ("kinds", "model", "data")
    for near in (whole / "teams", repository / "data"):
        with pytest.raises(RepositoryError, match="no DVC project") as error:
            adopt.propose(near)
        assert f"did you mean {repository}?" in error.value.remedy


def test_versions_that_are_tagged_name_the_project(repository):
    tool(repository, "git", "tag", "-a", "letters@v1.2.0", "-m", "first")
    assert proposed(repository)[0].name == "letters"


def test_stages_whose_program_is_not_found_are_named(repository, tmp_path):
    """Also an interpreter of the repository's own, which no worktree has."""
    (repository / ".venv" / "bin").mkdir(parents=True)
    (repository / ".venv" / "pyvenv.cfg").touch()
    (repository / ".venv" / "bin" / "python").symlink_to(sys.executable)
    (repository / ".gitignore").write_text("/.venv\n/data\n/features\n/model\n")
    text = (repository / "dvc.yaml").read_text()
    text = text.replace("python stages.py evaluate", "Rscript evaluate.R")
    (repository / "dvc.yaml").write_text(text.replace("python stages.py train", ".venv/bin/python stages.py train"))
    commit(repository)
    done = init(tmp_path, "--repository", str(repository))
    assert done.returncode == 0, done.stderr
    said = " ".join(done.stdout.split())
    assert "'evaluate' runs 'Rscript', which is not found" in said
    assert "'train' runs '.venv/bin/python', which is not in the worktrees of runs; let it run 'python'" in said
    assert str(repository / ".venv" / "bin") in said


@pytest.mark.parametrize(
    ("spoil", "said", "remedy"),
    [
        (lambda it: shutil.rmtree(it / ".dvc"), "is no DVC project", "dvc init"),
        (lambda it: shutil.rmtree(it / ".git"), "is in no git repository", "git init"),
        (lambda it: (it / "dvc.yaml").unlink(), "has no dvc.yaml", "commit it on main"),
        (lambda it: (it / "dvc.yaml").write_text("stages: ["), "DVC cannot read it", "dvc status"),
        (
            lambda it: (it / "dvc.yaml").write_text("stages:\n  a: {cmd: x, outs: ['${no}']}\n"),
            "DVC cannot read it",
            "",
        ),
        (lambda it: (it / "dvc.yaml").write_text("stages: {}\n"), "has no stages", "dvc stage add"),
        (
            lambda it: tool(it, "git", "rm", "-q", "--cached", ".dvc/config", ".dvc/.gitignore"),
            "DVC cannot read it",
            "",
        ),
    ],
)
def test_what_is_in_the_way_is_named_with_the_remedy(repository, spoil, said, remedy):
    spoil(repository)
    if (repository / ".git").exists():
        tool(repository, "git", "commit", "-q", "-a", "--allow-empty", "-m", "Spoilt")
    with pytest.raises(RepositoryError, match=said) as error:
        proposed(repository)
    assert remedy in error.value.remedy


def test_a_repository_without_a_commit(tmp_path):
    tool(tmp_path, "git", "init", "-q")
    tool(tmp_path, "dvc", "init", "-q")
    with pytest.raises(RepositoryError, match="no branch has a commit"):
        adopt.propose(tmp_path)
    with pytest.raises(RepositoryError, match="does not exist"):
        adopt.propose(tmp_path / "nowhere")


def test_a_metric_that_no_commit_has_and_no_one_has_made(tmp_path):
    repository = make_project(tmp_path / "new", reproduce=False)
    with pytest.raises(RepositoryError, match=r"scores\.json: the metrics are not there") as error:
        proposed(repository)
    assert "dvc repro" in error.value.remedy


@pytest.mark.parametrize(
    ("path", "text", "said"),
    [
        ("scores.json", "{", r"^scores\.json: is no metric file"),
        ("data/more.parquet", "no", r"^the dataset cannot be read: data/more\.parquet"),
    ],
)
def test_what_cannot_be_read_is_named_by_its_place_in_the_repository(repository, path, text, said):
    (repository / path).write_text(text)
    if path.startswith("data"):
        tool(repository, "dvc", "add", "-q", "data")
    commit(repository)
    with pytest.raises(RepositoryError, match=said):
        proposed(repository)


def test_two_datasets_leave_a_choice(repository):
    write_rows(repository / "more" / "rows.csv", "ab", each=2)
    tool(repository, "dvc", "add", "-q", "more")
    text = (repository / "dvc.yaml").read_text().replace("deps: [stages.py, data]", "deps: [stages.py, data, more]")
    (repository / "dvc.yaml").write_text(text)
    commit(repository)
    proposal, found = proposed(repository)
    assert found["retrain.dataset"] == "data"
    assert next(s.others for s in proposal.settings if s.key == "retrain.dataset") == ("more",)


def test_results_by_row_identity_and_code_that_hashes_are_a_split_by_content_hash(repository):
    """The project's own identity of a row, once it is written as driftd writes it."""
    stages = (repository / "stages.py").read_text()
    plain = 'json.dumps({"kind": kind, "n": int(n)}, separators=(",", ":"))'
    (repository / "stages.py").write_text(stages.replace('json.dumps({"kind": kind, "n": n})', plain))
    tool(repository, "dvc", "repro", "-q")
    commit(repository)
    rows = (repository / "evaluation" / "rows.jsonl").read_text().splitlines()
    assert len(json.loads(rows[0])["row"]) == 64
    assert proposed(repository)[1]["promote.split"] == "content_hash"
