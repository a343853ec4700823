import pytest

from driftd.errors import RepositoryError
from driftd.retrain.evaluation.scores import Metric, read_rows, read_scores

FILES = {
    "scores.json": '{"f": 0.5, "CITY": {"f": 1, "note": "text"}, "ok": true}',
    "scores.yaml": "f: 0.5\nCITY:\n  f: 1\n",
    "scores.toml": "f = 0.5\n[CITY]\nf = 1\n",
}


@pytest.mark.parametrize("name", FILES)
def test_every_number_is_found_by_file_and_dotted_name(tmp_path, name):
    (tmp_path / name).write_text(FILES[name])
    assert read_scores(tmp_path, [name]) == {f"{name}:f": 0.5, f"{name}:CITY.f": 1.0}


def test_a_pattern_matches_names_in_its_file_only():
    scores = {"a.json:CITY.f": 1, "a.json:f": 1, "b.json:CITY.f": 1}
    assert Metric.parse("a.json:*.f").matching(scores) == ["a.json:CITY.f"]


@pytest.mark.parametrize(("content", "said"), [(None, "did not write this metric file"), ("{", "is no metric file")])
def test_a_file_that_cannot_be_used_is_named(tmp_path, content, said):
    if content is not None:
        (tmp_path / "scores.json").write_text(content)
    with pytest.raises(RepositoryError, match=said) as caught:
        read_scores(tmp_path, ["scores.json"])
    assert str(tmp_path / "scores.json") in caught.value.message
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("scores.json", '{"CITY": {"f": NaN}}', "nan"),
        ("scores.json", '{"CITY": {"f": -Infinity}}', "-inf"),
        ("scores.json", '{"CITY": {"f": 1e999}}', "inf"),
        ("scores.json", f'{{"CITY": {{"f": -1{"0" * 400}}}}}', "-inf"),
        ("scores.yaml", "CITY:\n  f: .nan\n", "nan"),
        ("scores.toml", "[CITY]\nf = inf\n", "inf"),
    ],
)
def test_a_metric_that_is_not_finite_is_refused_and_named(tmp_path, name, content, said):
    (tmp_path / name).write_text(content)
    with pytest.raises(RepositoryError) as caught:
        read_scores(tmp_path, [name])
    assert f"{tmp_path / name}: CITY.f is {said}," in caught.value.message
    assert caught.value.remedy


@pytest.mark.parametrize(
    "result",
    [
        '"value": NaN',
        '"value": 1e999',
        '"counts": {"CITY": [1, -2, 0]}',
        '"counts": {"CITY": [9007199254740992, 0, 0]}',
    ],
)
def test_a_row_that_has_no_finite_loss_is_refused_with_its_line(tmp_path, result):
    path = tmp_path / "rows.jsonl"
    path.write_text(f'{{"row": "a", "value": 1.0}}\n{{"row": "b", {result}}}\n')
    with pytest.raises(RepositoryError) as caught:
        read_rows(path)
    assert caught.value.message.startswith(f"{path}, line 2: ")
    assert caught.value.remedy
