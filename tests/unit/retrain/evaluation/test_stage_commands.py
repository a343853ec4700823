import json
import os
import threading

import pytest
import yaml

from driftd.errors import CommandError
from driftd.retrain.evaluation import stage_commands
from driftd.retrain.process.run_log import RunLog
from driftd.retrain.repository.dvc import Dvc

TRAIN = "test ! -e model && echo new >model && echo $(basename $PWD) >../where"


@pytest.fixture
def root(tmp_path):
    """A project whose stages were reproduced once: two in folders of their own, one of them in a loop."""
    root = tmp_path / "root"
    root.mkdir()
    written = {
        "train": {"cmd": TRAIN, "wdir": "src", "outs": ["model", "../where"]},
        "each": {
            "foreach": ["a"],
            "do": {"cmd": "cat model", "wdir": "src", "deps": ["model"], "outs": ["${item}.txt"]},
        },
        "plain": {"cmd": ["echo one >first", "test -e first"], "deps": ["where"], "outs": ["first"]},
    }
    locked = {
        "plain": {"cmd": written["plain"]["cmd"], "deps": [{"path": "where"}], "outs": [{"path": "first"}]},
        "each@a": {"cmd": "cat model", "deps": [{"path": "model"}], "outs": [{"path": "a.txt"}]},
        "train": {"cmd": TRAIN, "outs": [{"path": "../where"}, {"path": "model"}]},
    }
    (root / "dvc.yaml").write_text(yaml.safe_dump({"stages": written}))
    (root / "dvc.lock").write_text(json.dumps({"schema": "2.0", "stages": locked}))
    (root / "src").mkdir()
    return root


@pytest.fixture
def tools(tmp_path):
    return Dvc(dict(os.environ), RunLog(tmp_path / "log"), threading.Event(), 60)


def test_outs_of_a_stage_in_a_folder_of_its_own_are_named_from_the_root(root):
    found = {each.stage: (each.folder, each.outs) for each in stage_commands.commands(root, ["train", "each@a"])}
    assert found == {"train": ("src", ("where", "src/model")), "each@a": ("src", ("src/a.txt",))}


def test_what_an_earlier_run_left_there_is_removed_before_the_stage(root, tools):
    (root / "src" / "model").write_text("old")
    (root / "model").write_text("another one")  # of nobody that the stage knows
    for _ in range(2):
        stage_commands.run(tools, root, stage_commands.commands(root, ["train"]))
        assert (root / "src" / "model").read_text() == "new\n"
        assert (root / "where").read_text() == "src\n"
    assert (root / "model").read_text() == "another one"


def test_the_second_command_of_a_stage_finds_what_the_first_has_made(root, tools):
    stage_commands.run(tools, root, stage_commands.commands(root, ["plain"]))
    assert (root / "first").read_text() == "one\n"


def test_a_command_that_fails_is_named_with_its_stage(root, tools):
    with pytest.raises(CommandError, match=r"the stage each@a ended with 1: .*model"):
        stage_commands.run(tools, root, stage_commands.commands(root, ["each@a"]))
