"""The reference project as a person uses it: real git and DVC, no daemon."""

import json

import pytest
import yaml

from support.pipeline import (
    IOWA,
    NATIONWIDE,
    attempt,
    commit,
    files_of,
    lines,
    scores,
    set_params,
    stages_that_ran,
    start_repository,
    write_data,
)
from support.project import copy_project, share_cache, tool

pytestmark = pytest.mark.slow

ALL = ["preprocess", "train", "evaluate"]

SIX_SENTENCES = {
    "spacy_data": [
        ["Uber blew through $1 million a week", [[0, 4, "ORG"], [18, 28, "MONEY"]]],
        ["Android Pay expands to Canada", [[0, 11, "PRODUCT"], [23, 30, "GPE"]]],
        ["Spotify steps up Asia expansion", [[0, 7, "ORG"], [17, 21, "LOC"]]],
        ["Google Maps launches location sharing", [[0, 11, "PRODUCT"]]],
        ["Google rebrands its business apps", [[0, 6, "ORG"]]],
        ["look what i found on google! 😂", [[21, 27, "PRODUCT"]]],
    ]
}


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A project with its first model, committed."""
    project = files_of(tmp_path_factory.mktemp("template") / "project")
    write_data(project, iowa=lines(IOWA, 150))
    start_repository(project)
    output = tool(project, "dvc", "repro")
    assert stages_that_ran(output) == ALL
    commit(project, "First model")
    return project


@pytest.fixture
def project(template, tmp_path):
    return copy_project(template, tmp_path / "project")


def repro(project, *words):
    return stages_that_ran(tool(project, "dvc", "repro", *words))


def test_what_is_up_to_date_is_not_run_again(template):
    assert tool(template, "git", "ls-files", "features", "model", "evaluation") == ""
    assert repro(template) == []
    assert tool(template, "git", "status", "--porcelain") == ""


def test_another_number_of_epochs_trains_and_evaluates_only(project):
    set_params(project, epochs=3)
    assert repro(project) == ["train", "evaluate"]
    changed = json.loads(tool(project, "dvc", "metrics", "diff", "--json"))["scores.json"]
    assert changed["ents_f"]["new"] > changed["ents_f"]["old"]
    table = tool(project, "dvc", "metrics", "diff", "--all")
    for label in ("ents", "AddressNumber", "StreetName", "ZipCode"):
        for letter in "prf":
            assert f"{label}{'_' if label == 'ents' else '.'}{letter} " in table


def test_new_data_run_everything_and_no_model_is_tested_on_what_it_was_trained_on(project):
    before = {json.loads(line)["row"] for line in (project / "evaluation" / "rows.jsonl").read_text().splitlines()}
    (project / "data" / "more.jsonl").write_text("".join(lines(IOWA, 20, start=700)))
    tool(project, "dvc", "add", "-q", "data")
    assert repro(project) == ALL
    rows = [json.loads(line) for line in (project / "evaluation" / "rows.jsonl").read_text().splitlines()]
    assert before < {row["row"] for row in rows}
    assert {row["file"] for row in rows} == {"iowa.jsonl", "more.jsonl"}


def test_six_sentences_go_through(project):
    write_data(project)
    (project / "data" / "data.json").write_text(json.dumps(SIX_SENTENCES))
    tool(project, "dvc", "add", "-q", "data")
    assert repro(project) == ALL
    assert set(scores(project)) >= {"ents_p", "ents_r", "ents_f"}


def test_without_test_rows_and_without_epochs_there_are_scores_all_the_same(project):
    write_data(project, few=lines(IOWA, 4))
    set_params(project, epochs=0, test_share=0.0, dev_share=0.0)
    tool(project, "dvc", "add", "-q", "data")
    output = tool(project, "dvc", "repro")
    assert "no rows to test on, so all scores are 0" in output
    assert scores(project) == {"ents_p": 0.0, "ents_r": 0.0, "ents_f": 0.0}
    assert (project / "model" / "meta.json").exists()
    assert "labels.csv" in tool(project, "dvc", "plots", "show", "--json")


def test_a_broken_file_stops_the_run_and_is_named(project):
    (project / "data" / "broken.jsonl").write_text('{"text": "fine", "entities": []}\n{"text": "not')
    done = attempt(project, "dvc", "repro")
    assert done.returncode != 0
    assert "error: data/broken.jsonl, line 2: not valid JSON" in done.stderr
    assert "Running stage 'train'" not in done.stdout


def _counts(line):
    return json.loads(line)["counts"]


def test_a_champion_of_other_labels_is_scored_on_the_new_rows_in_a_worktree(project):
    (project / "data" / "nationwide.jsonl").write_text("".join(lines(NATIONWIDE, 60)))
    tool(project, "dvc", "add", "-q", "data")
    repro(project)
    commit(project, "Nationwide")
    rows = (project / "evaluation" / "rows.jsonl").read_text().splitlines()
    worktree = project.parent / "worktree"
    tool(project, "git", "worktree", "add", "-q", "--detach", str(worktree), "HEAD~1")
    share_cache(project, worktree)
    tool(worktree, "git", "checkout", "-q", "main", "--", "data.dvc")
    tool(worktree, "dvc", "checkout", "-q", "data", "model")
    model = {path: path.read_bytes() for path in (worktree / "model").rglob("*") if path.is_file()}
    output = tool(worktree, "dvc", "repro", "-s", "-f", "--no-run-cache", "--no-commit", "preprocess", "evaluate")
    assert stages_that_ran(output) == ["preprocess", "evaluate"]
    assert {path: path.read_bytes() for path in model} == model
    champion = (worktree / "evaluation" / "rows.jsonl").read_text().splitlines()
    assert [json.loads(line)["row"] for line in champion] == [json.loads(line)["row"] for line in rows]
    boxes = [counts["USPSBoxType"] for counts in map(_counts, champion) if "USPSBoxType" in counts]
    assert boxes
    assert all(tp == fp == 0 for tp, fp, _fn in boxes)
    assert scores(worktree)["USPSBoxType"] == {"p": 0.0, "r": 0.0, "f": 0.0}


def test_plots_and_the_artifact_are_there(project):
    drawn = json.loads(tool(project, "dvc", "plots", "show", "--json"))["data"]
    assert set(drawn) == {"evaluation/labels.csv", "evaluation/confusion.csv"}
    tool(project, "git", "tag", "-a", "addresses@v1.0.0", "-m", "first")
    tool(project, "dvc", "artifacts", "get", ".", "addresses", "-o", "served")
    served = (project / "served" / "ner" / "model").read_bytes()
    assert served == (project / "model" / "ner" / "model").read_bytes()


def test_the_declared_stages_are_what_settings_rely_on(template):
    declared = yaml.safe_load((template / "dvc.yaml").read_text())
    assert list(declared["stages"]) == ALL
    assert declared["artifacts"]["addresses"]["path"] == "model"
    assert declared["stages"]["evaluate"]["metrics"] == [{"scores.json": {"cache": False}}]
    assert "evaluation/rows.jsonl" in declared["stages"]["evaluate"]["outs"]
