import pytest

from driftd.errors import RepositoryError
from driftd.retrain.publication import version_tags
from driftd.retrain.repository import dvc


def stage(deps=(), outs=()):
    return {"deps": [{"path": path} for path in deps], "outs": [{"path": path} for path in outs]}


LOCK = {
    "stages": {
        "evaluate": stage(["model", "features/test.bin"], ["scores.json"]),
        "report": stage(["scores.json"]),
        "fold@2": stage(["features"], ["folds/2"]),
        "fold@1": stage(["features"], ["folds/1"]),
        "train": stage(["features/train.bin", "folds"], ["model"]),
        "preprocess": stage(["data"], ["features"]),
    }
}


@pytest.mark.parametrize(
    ("names", "order"),
    [
        (["evaluate", "preprocess"], ["preprocess", "evaluate"]),
        (["report", "evaluate", "preprocess"], ["preprocess", "evaluate", "report"]),
    ],
)
def test_stages_are_sorted_by_the_graph(names, order):
    assert dvc.in_order(names, LOCK) == order


def test_the_name_of_a_group_means_its_stages_and_comes_before_what_needs_it():
    order = dvc.in_order(["train", "fold"], LOCK)
    assert set(order[:2]) == {"fold@1", "fold@2"}
    assert order[2] == "train"


def test_an_unknown_stage_is_named_with_those_that_are_there():
    with pytest.raises(RepositoryError, match="names scoer, which") as caught:
        dvc.in_order(["scoer", "evaluate"], LOCK)
    assert "preprocess" in caught.value.remedy


def test_the_next_version_follows_the_highest_not_the_newest():
    tags = version_tags.Tags("a", {f"a@{v}": "c" for v in ("v2.0.0", "v10.1.0", "v9.0.0", "v11.0.0-rc1", "other")})
    assert tags.versions() == ["v2.0.0", "v9.0.0", "v10.1.0"]
    assert tags.next_version() == "v11.0.0"
    assert version_tags.Tags("a", {}).next_version() == "v1.0.0"
