"""What code, parameters and data say about labels and test rows."""

import csv
import json

import pytest

from driftd.adopt.code_evidence import Data, Line, cautions, find_labels, find_split, runners
from driftd.adopt.proposal import Setting
from driftd.adopt.stage_graph import Stage
from driftd.adopt.stage_roles import Rescoring
from driftd.readers import Column, Kind, Schema, row_id

SCHEMA = Schema(tuple(Column(name, Kind.NUMERIC) for name in ("age", "income", "employed")))


def lines(*texts):
    return [Line("train.py", number, text) for number, text in enumerate(texts, 1)]


@pytest.mark.parametrize(
    "code",
    [
        'labels = [row.pop("employed") for row in rows]',
        "y = frame['employed']",
        "    y_train, weights = frame['employed'], None",
        'TARGET = "employed"',
        'target_column: str = "employed"',
        "X, y = frame.drop(columns=['employed']), frame['employed']",
    ],
)
def test_code_says_what_the_label_is(code):
    found = find_labels(SCHEMA, lines("import pandas", code), {})
    assert found.value == ["employed"]
    assert "train.py, line 2" in found.why


@pytest.mark.parametrize(
    "code", ['x = frame["age"]', "print('employed')", "style = 'income'", "if y == 'employed': pass"]
)
def test_code_that_only_names_a_column_says_nothing(code):
    assert find_labels(SCHEMA, lines(code), {}) is None


def test_parameters_win_over_code():
    found = find_labels(SCHEMA, lines("y = frame['employed']"), {"prepare": {"target": "income"}})
    assert (found.value, found.why) == (["income"], "params.yaml says prepare.target: income")
    assert find_labels(SCHEMA, (), {"labels": ["income", "employed"]}).value == ["income", "employed"]
    assert find_labels(SCHEMA, (), {"target": "unknown"}) is None


def test_without_a_word_a_columns_name_is_assumed_to_say_it():
    schema = Schema((Column("text", Kind.TEXT), Column("Label", Kind.CATEGORICAL)))
    found = find_labels(schema, (), {})
    assert found.value == ["Label"]
    assert "assumed" in found.why


def test_entities_are_labels_without_being_told():
    schema = Schema((Column("text", Kind.TEXT), Column("label", Kind.ENTITIES)))
    assert find_labels(schema, (), {}) is None


@pytest.fixture
def people(tmp_path):
    """A dataset, and per-row results that name its rows by their identity."""
    rows = [{"age": age, "income": age * 10, "employed": age % 2} for age in range(30)]
    with (tmp_path / "rows.csv").open("w", newline="") as file:
        out = csv.DictWriter(file, ["age", "income", "employed"])
        out.writeheader()
        out.writerows(rows)
    results = tmp_path / "results.jsonl"
    names = [row_id(row, ["employed"]) for row in rows[::5]]
    results.write_text("".join(json.dumps({"row": name, "value": 1.0}) + "\n" for name in names))
    return Data((str(tmp_path / "rows.csv"),), SCHEMA, 30), results


def test_a_split_is_by_content_hash_only_where_results_and_code_say_so(people):
    data, results = people
    hashing = lines("from hashlib import sha256")
    assert find_split(data, ["employed"], results, hashing).value == "content_hash"
    for found in (
        find_split(data, ["employed"], results, lines("train_test_split(rows)")),
        find_split(data, [], results, hashing),  # then identities are others
        find_split(data, ["employed"], None, hashing),
        find_split(None, ["employed"], results, hashing),
    ):
        assert found.value == "project"
        assert "approval is manual" in found.why


def scoring(*stages, fresh=True):
    return Rescoring(stages, Setting("promote.score_stages", [], ""), fresh)


class Code:
    """Contents of which only text is asked."""

    def __init__(self, **texts):
        self.text = {f"{name}.py": text for name, text in texts.items()}.get


def test_what_is_fitted_before_the_model_is_a_caution():
    prepare = Stage("prepare", ("python prepare.py",), ".", ("data",), ())
    code = Code(prepare="import x\nscaler.fit_transform(rows)\n")
    [said] = cautions(scoring(prepare), "train", [prepare], code)
    assert "prepare.py, line 2: `scaler.fit_transform(rows)`" in said
    assert list(cautions(scoring(prepare), "train", [prepare], Code(prepare="scaler.transform(rows)"))) == []
    assert list(cautions(scoring(prepare), "train", [], code)) == []


def test_test_rows_of_old_are_a_caution():
    evaluate = Stage("evaluate", ("python evaluate.py",), ".", (), ())
    [said] = cautions(scoring(evaluate, fresh=False), "train", [], Code())
    assert "test rows of old" in said


def test_a_tool_that_looks_for_an_environment_is_a_caution():
    stages = [Stage(name, (command,), ".", (), ()) for name, command in (("a", "uv run a.py"), ("b", "python b.py"))]
    [said] = runners(stages)
    assert "`uv run dvc repro`" in said
