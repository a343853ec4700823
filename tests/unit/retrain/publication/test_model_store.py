import os
from pathlib import Path

import pytest

from driftd.errors import RepositoryError
from driftd.retrain.publication import model_store


def model(folder: Path, **files: str) -> Path:
    for name, content in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder


@pytest.fixture
def private():
    """What this process makes is for nobody else, as under the unit's UMask."""
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.mark.usefixtures("private")
def test_a_copy_is_whole_readable_by_others_and_apart_from_its_source(tmp_path):
    source = model(tmp_path / "model", a="1", deep__er__b="2")
    digest = model_store.make(tmp_path / "models", "v1.0.0", source)
    copy = tmp_path / "models" / "v1.0.0"
    (source / "a").write_text("changed")
    assert (copy / "a").read_text() == "1"
    assert (copy / "deep" / "er" / "b").read_text() == "2"
    assert model_store.digest(copy) == digest
    modes = {path.stat().st_mode & 0o777 for path in [copy, *copy.rglob("*")] if path.is_dir()}
    assert modes == {0o755}
    assert {path.stat().st_mode & 0o777 for path in copy.rglob("*") if path.is_file()} == {0o644}
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["v1.0.0"]


def test_a_model_that_is_one_file_keeps_its_name(tmp_path):
    (tmp_path / "model.pkl").write_text("weights")
    model_store.make(tmp_path / "models", "v1.0.0", tmp_path / "model.pkl")
    assert (tmp_path / "models" / "v1.0.0" / "model.pkl").read_text() == "weights"


@pytest.mark.parametrize("files", [{"a": "2"}, {"b": "1"}, {"a": "1", "b": ""}, {"a__a": "1"}])
def test_the_digest_tells_content_and_names_apart(tmp_path, files):
    assert model_store.digest(model(tmp_path / "x", a="1")) != model_store.digest(model(tmp_path / "y", **files))


def test_what_an_unfinished_run_left_is_replaced(tmp_path):
    models = tmp_path / "models"
    model(models / ".v1.0.0.tmp", half="h")
    model(models / "v1.0.0", old="o")
    digest = model_store.make(models, "v1.0.0", model(tmp_path / "model", a="1"))
    assert [path.name for path in models.rglob("*")] == ["v1.0.0", "a"]
    assert model_store.make(models, "v1.0.0", tmp_path / "model") == digest


@pytest.mark.parametrize("empty", [False, True])
def test_a_model_that_no_stage_wrote_is_an_error(tmp_path, empty):
    if empty:
        (tmp_path / "model").mkdir()
    with pytest.raises(RepositoryError, match="is empty" if empty else "does not exist"):
        model_store.make(tmp_path / "models", "v1.0.0", tmp_path / "model")


def test_cleaning_keeps_what_is_named_and_what_the_pointer_names(tmp_path):
    models = tmp_path / "models"
    for version in ("v1.0.0", "v2.0.0", "v3.0.0", ".v4.0.0.tmp"):
        model(models / version, a="1")
    (models / "current").symlink_to("v1.0.0")
    model_store.clean(models, ["v3.0.0"])
    assert sorted(path.name for path in models.iterdir()) == ["current", "v1.0.0", "v3.0.0"]
