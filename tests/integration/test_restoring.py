"""What is taken from the cache by hash is what `dvc checkout` gives, and what cannot be is left to DVC."""

import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from driftd.journal import tables
from driftd.retrain.context import Context
from driftd.retrain.dataset import dvc_dataset
from driftd.retrain.evaluation import cache_checkout, champion_scorer
from driftd.retrain.process.run_log import RunLog
from driftd.retrain.repository.dvc import Dvc
from driftd.retrain.repository.environment import environment
from driftd.retrain.repository.worktree import Repository
from support.project import copy_project, make_project, tool
from support.retraining import Retraining

pytestmark = pytest.mark.slow

NESTED = """
stages:
  shout:
    cmd: tr a-z A-Z <words >loud && cp words loud.txt && chmod +x loud && mkdir kept && cp words kept
    wdir: inner
    deps: [words]
    outs: [loud, loud.txt, kept: {cache: false}]
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return a project with folders, single files, a program, a stage in a folder of its own, and a folder within one that git knows."""
    repository = make_project(tmp_path_factory.mktemp("made") / "repository")
    inner = repository / "more" / "inner"
    inner.mkdir(parents=True)
    (inner / "words").write_text("some words\n")
    (repository / "more" / "dvc.yaml").write_text(NESTED)
    (repository / "more" / "empty").mkdir()
    (repository / "more" / "sub" / "deep").mkdir(parents=True)
    (repository / "more" / "sub" / "deep" / "file").write_text("deep\n")
    (repository / "more" / "tool.sh").write_text("#!/bin/sh\n")
    (repository / "more" / "tool.sh").chmod(0o755)
    tool(repository, "dvc", "add", "-q", "more/sub", "more/tool.sh")
    tool(repository / "more", "dvc", "repro", "-q")
    tool(repository, "git", "add", "-A")
    tool(repository, "git", "commit", "-q", "-m", "More")
    return repository


@pytest.fixture
def ctx(made, tmp_path):
    """Return a run that has just begun in a copy of it."""
    kinds = Retraining(copy_project(made, tmp_path / "repository"), tmp_path / "state")
    run = tables.runs.get(kinds.journal, kinds.start("drift"))
    env, log = environment(kinds.layout, kinds.settings.retrain.env, str(run.id)), RunLog(kinds.layout.run(run.id))
    return Context(
        run=run,
        settings=kinds.settings,
        journal=kinds.journal,
        layout=kinds.layout,
        executor=kinds.executor,
        clock=kinds.clock,
        repository=Repository(kinds.repository, env),
        dvc=Dvc(env, log, threading.Event(), 600.0),
        log=log,
    )


def tip(ctx):
    return ctx.repository.git("rev-parse", "HEAD")


def seen(root: Path) -> dict[str, tuple[bytes, bool]]:
    files = [
        path for path in root.rglob("*") if path.is_file() and not {".git", ".dvc"} & set(path.parts[len(root.parts) :])
    ]
    return {str(path.relative_to(root)): (path.read_bytes(), os.access(path, os.X_OK)) for path in files}


def test_the_files_are_those_that_dvc_checks_out(ctx):
    by_dvc = ctx.worktree(tip(ctx), "by-dvc")
    assert ctx.dvc.check_out(by_dvc.root)
    log = ctx.log.path.read_text()
    by_hash = ctx.worktree(tip(ctx), "by-hash")
    cache_checkout.bring(ctx, by_hash)
    assert ctx.log.path.read_text() == log  # DVC was not asked
    assert seen(by_hash.root) == seen(by_dvc.root)
    assert {
        "model/more/size",
        "more/sub/deep/file",
        "more/inner/loud",
        "more/inner/kept/words",
        "more/tool.sh",
    } <= seen(by_hash.root).keys()
    assert ctx.dvc.clean(by_hash.root)


def test_a_dataset_may_be_left_and_one_of_its_files_be_an_example(ctx):
    tree = ctx.worktree(tip(ctx))
    data = dvc_dataset.find(tree, "data")
    like = Path(cache_checkout.example(ctx, tree, data))
    assert like.read_bytes() in [path.read_bytes() for path in (ctx.repository.folder / "data").iterdir()]
    assert like.suffix == ".csv"
    cache_checkout.bring(ctx, tree, leave={data.path})
    assert (tree.root / "model").is_dir()
    assert not (tree.root / "data").exists()


@pytest.mark.parametrize("damage", [lambda path: path.write_text("{}"), Path.unlink], ids=["changed", "lost"])
def test_what_the_cache_has_lost_or_changed_is_asked_of_dvc(ctx, damage):
    outs = cache_checkout.outputs(ctx.worktree(tip(ctx)))
    [oid] = [out.oid for out in outs if out.path == "model"]
    remote = ctx.repository.folder.parent / "remote"
    tool(ctx.repository.folder, "dvc", "remote", "add", "-q", "--local", "-d", "there", str(remote))
    tool(ctx.repository.folder, "dvc", "push", "-q")
    tree = ctx.worktree(tip(ctx))
    path = cache_checkout.path_of(ctx.repository.cache(), oid)
    path.chmod(0o644)
    damage(path)
    cache_checkout.bring(ctx, tree)
    assert "not all can be taken from the cache by hash" in ctx.log.path.read_text()
    assert (tree.root / "model" / "map.json").read_bytes() == (
        ctx.repository.folder / "model" / "map.json"
    ).read_bytes()


def test_a_model_that_was_written_to_is_told_from_one_that_was_only_touched(ctx):
    tree = ctx.worktree(tip(ctx))
    cache_checkout.bring(ctx, tree)
    [entry] = [out for out in cache_checkout.outputs(tree) if out.path == "model"]
    known = {"path": "model", "hash": "md5", "md5": entry.oid}
    cache, model = ctx.repository.cache(), tree.root / "model"
    (model / "map.json").touch()
    assert cache_checkout.unchanged(cache, model, known)
    (model / "new").touch()
    assert not cache_checkout.unchanged(cache, model, known)
    (model / "new").unlink()
    (model / "map.json").write_text("{}")
    assert not cache_checkout.unchanged(cache, model, known)


def test_a_served_model_is_put_back_where_no_folder_is_left_for_it(ctx):
    tree = ctx.worktree(tip(ctx))
    retrain = ctx.settings.retrain.model_copy(update={"model": "made/by/hand/map.json"})
    ctx = replace(ctx, settings=ctx.settings.model_copy(update={"retrain": retrain}))
    served = ctx.layout.models / "v1.0.0"
    served.mkdir(parents=True)
    (served / "map.json").write_text("{}")
    given = {"project": "kinds", "version": "v1.0.0", "revision": tip(ctx), "digest": "d", "scores": {}}
    with ctx.journal.write():
        number = tables.models.add(ctx.journal, created_at=1.0, **given)
    champion_scorer._restore_model(ctx, tree, tables.models.get(ctx.journal, number))
    assert (tree.root / "made/by/hand/map.json").read_text() == "{}"
