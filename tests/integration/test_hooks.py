"""Hooks after a real promotion and a real rollback: called in order, tried again, called off, and never in its way."""

import base64
import hashlib
import hmac
import json
import os
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from driftd.journal import tables
from driftd.journal.records import HookState, RunState
from driftd.projects.hook_dispatcher import Aftermath
from support import s3
from support.daemon import wait_until
from support.project import tool
from support.retraining import Retraining, contents

pytestmark = pytest.mark.slow
KEY = "a secret of the deployment"


class Receiver:
    """A server that keeps what it is sent; `answers` are the next status codes, then 204."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.got.append(({key.lower(): value for key, value in self.headers.items()}, body))
                self.send_response(outer.answers.pop(0) if outer.answers else 204)
                self.send_header("Location", "/elsewhere")
                self.end_headers()

            def log_message(self, *words: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/models?token=private"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def receiver():
    found = Receiver()
    yield found
    found.server.shutdown()
    found.server.server_close()


@pytest.fixture
def started(repository, tmp_path):
    """Return a function that makes the first champion of a project with hooks."""

    def start(*hooks) -> Retraining:
        kinds = Retraining(repository, tmp_path / "state", {"project": {"hooks": hooks}})
        assert kinds.first().state is RunState.PROMOTED
        return kinds

    return start


@pytest.fixture
def back(with_models):
    """Return a function that rolls a project with hooks back to its first model."""

    def roll_back(*hooks) -> Retraining:
        kinds = with_models(2, {"project": {"hooks": hooks}})
        kinds.runner.roll_back(None)
        return kinds

    return roll_back


def call(kinds: Retraining, *, seconds: float = 60) -> None:
    """Call the hooks that are due now, as the loop does, until none is."""
    after = Aftermath(kinds.name, kinds.journal, kinds.runner, lambda: None)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        after.step()
        if after._thread is None or not after._thread.is_alive():  # joined instead of slept for
            return
        after._thread.join()
    raise AssertionError("hooks without an end")


def states(kinds: Retraining) -> list[tuple[int, str, str]]:
    return [(row.assignment_id, row.kind, row.state) for row in tables.hooks.all(kinds.journal, order="id")]


def promote(kinds: Retraining, number: int = 1, letters: str = "cd") -> None:
    kinds.arrive(number, letters)
    run = kinds.answer((number, number), number)
    assert run.state is RunState.PROMOTED, run.error


def test_hooks_are_called_in_order_on_promotion_and_rollback(started, tmp_path, receiver):
    (tmp_path / "key").write_text(KEY + "\n")
    said = tmp_path / "said"
    note = ["sh", "-c", f'echo "$DRIFTD_PROJECT $DRIFTD_VERSION $DRIFTD_CAUSE $(cat $DRIFTD_PATH/map.json)" >> {said}']
    kinds = started({"command": note}, {"webhook": receiver.url, "secret": str(tmp_path / "key")})
    call(kinds)
    promote(kinds)
    kinds.runner.url = lambda: "https://driftd.example"  # as after a reload
    call(kinds)
    kinds.runner.roll_back(None)
    call(kinds)
    assert said.read_text().splitlines() == [
        'kinds v1.0.0 first-model {"a": "A", "b": "B"}',
        'kinds v2.0.0 promotion {"a": "A", "b": "B", "c": "C", "d": "D"}',
        'kinds v1.0.0 rollback {"a": "A", "b": "B"}',
    ]
    assert {state for *_, state in states(kinds)} == {HookState.DONE}
    events = [json.loads(body) for _, body in receiver.got]
    assert [(each["specversion"], each["id"], each["type"], each["subject"]) for each in events] == [
        ("1.0", "kinds#prod#1", "driftd.model.promoted", "kinds@v1.0.0"),
        ("1.0", "kinds#prod#2", "driftd.model.promoted", "kinds@v2.0.0"),
        ("1.0", "kinds#prod#3", "driftd.model.rolled-back", "kinds@v1.0.0"),
    ]
    assert events[1]["data"]["sentence"].startswith("The candidate is better")
    assert events[1]["data"]["before"] == "v1.0.0"
    pages = {
        "project": "https://driftd.example/projects/kinds",
        "models": "https://driftd.example/projects/kinds/models",
    }
    run = "https://driftd.example/runs/2"
    assert [each["data"]["links"] for each in events] == [
        {},
        pages | {"run": run, "report": f"{run}/report"},
        pages,
    ]
    assert events[1]["data"]["hooks"] == [
        {"kind": "command", "title": " ".join(note), "state": "done"},
    ]
    for headers, body in receiver.got:
        assert headers["content-type"] == "application/cloudevents+json; charset=utf-8"
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        expected = base64.b64encode(hmac.new(KEY.encode(), signed, hashlib.sha256).digest()).decode()
        assert headers["webhook-signature"] == f"v1,{expected}"
    assert "token" not in json.dumps([row.title for row in tables.hooks.all(kinds.journal)])


def test_a_failed_hook_is_tried_again_with_the_same_id_and_those_behind_it_wait(back, tmp_path, receiver):
    receiver.answers = [503, 307]
    done = tmp_path / "done"
    kinds = back({"webhook": receiver.url}, {"command": ["touch", str(done)]})
    call(kinds)
    assert [state for *_, state in states(kinds)] == [HookState.WAITING, HookState.WAITING]
    row = tables.hooks.all(kinds.journal)[0]
    assert (row.attempts, "503" in row.error) == (1, True)
    assert 5 <= row.due_at - kinds.clock.now <= 10
    assert not done.exists()
    kinds.clock.now += 10
    call(kinds)
    assert "307" in tables.hooks.all(kinds.journal)[0].error  # a redirect is not followed
    kinds.clock.now += 60
    call(kinds)
    assert [state for *_, state in states(kinds)] == [HookState.DONE, HookState.DONE]
    assert done.exists()
    assert {headers.get("webhook-id") for headers, _ in receiver.got} == {None}  # not signed without a secret
    assert {json.loads(body)["id"] for _, body in receiver.got} == {"kinds#prod#3"}
    assert len(receiver.got) == 3


def test_a_hook_that_is_given_up_undoes_nothing_and_those_behind_are_told(back, tmp_path):
    told = tmp_path / "told"
    kinds = back(
        {"command": ["sh", "-c", "echo no luck; exit 3"], "attempts": 2},
        {"command": ["missing-program"], "attempts": 1},
        {"command": ["sh", "-c", f'echo "$DRIFTD_EVENT" > {told}']},
    )
    call(kinds)
    kinds.clock.now += 60
    call(kinds)
    assert [state for *_, state in states(kinds)] == [HookState.FAILED, HookState.FAILED, HookState.DONE]
    assert [each["state"] for each in json.loads(told.read_text())["hooks"]] == ["failed", "failed"]
    assert "no luck" in tables.hooks.all(kinds.journal)[0].error
    assert kinds.layout.current.readlink() == Path("v1.0.0")
    events = [event.kind for event in tables.events.all(kinds.journal) if event.kind.startswith("hook-")]
    assert events == ["hook-delayed", "hook-failed", "hook-failed", "hook-done"]


def test_a_rollback_calls_off_what_would_tell_of_the_newer_model(with_models, tmp_path):
    said = tmp_path / "said"
    reload = ["sh", "-c", f'[ "$DRIFTD_VERSION" != v2.0.0 ] && echo "$DRIFTD_VERSION" >> {said}']
    kinds = with_models(1, {"project": {"hooks": [{"command": reload}, {"git_push": "nowhere"}]}})
    promote(kinds)
    call(kinds)
    kinds.runner.roll_back(None)
    call(kinds)
    assert states(kinds) == [
        (2, "command", HookState.SUPERSEDED),
        (2, "git_push", HookState.WAITING),
        (3, "command", HookState.DONE),
        (3, "git_push", HookState.WAITING),
    ]
    assert said.read_text().split() == ["v1.0.0"]


def test_a_hook_that_hangs_is_ended(back):
    kinds = back({"command": ["sh", "-c", "sleep 600 & sleep 600"], "timeout": 0.5, "attempts": 1})
    call(kinds)
    (row,) = tables.hooks.all(kinds.journal)
    assert row.state is HookState.FAILED
    assert "longer than 0.5 s" in row.error


def test_a_stop_leaves_the_hook_to_the_next_start(back, tmp_path):
    mark = tmp_path / "mark"
    kinds = back({"command": ["sh", "-c", f"[ -e {mark} ] || {{ touch {mark}; sleep 600; }}"]})
    after = Aftermath(kinds.name, kinds.journal, kinds.runner, lambda: None)
    after.step()
    deadline = time.monotonic() + 20
    while not mark.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert after.stop(20)
    assert [state for *_, state in states(kinds)] == [HookState.WAITING]
    call(kinds)
    assert [state for *_, state in states(kinds)] == [HookState.DONE]


CALLED = """
import sys; from pathlib import Path
from driftd.projects.hook_dispatcher import Aftermath; from support.retraining import Retraining
kinds = Retraining(Path(sys.argv[1]), Path(sys.argv[2]))
kinds.clock.now += 10_000
after = Aftermath(kinds.name, kinds.journal, kinds.runner, lambda: None)
after.step(); after._thread.join()
"""


def test_a_daemon_that_is_killed_in_a_hook_calls_it_again_and_the_promotion_stands(back, tmp_path):
    said = tmp_path / "said"
    kinds = back({"command": ["sh", "-c", f"echo $$ >> {said}; [ $(wc -l < {said}) -gt 1 ] || sleep 600"]})
    words = [sys.executable, "-c", CALLED, kinds.repository, kinds.state_dir]
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    with subprocess.Popen(words, env=env) as daemon:
        wait_until(said.exists, what="the hook is called")
        wait_until(lambda: said.read_text().endswith("\n"), what="the hook has said who it is")
        daemon.kill()
    wait_until(lambda: not Path("/proc", said.read_text().strip()).exists(), what="nothing of the hook is left")
    [row] = tables.hooks.all(kinds.journal)
    assert (row.state, kinds.layout.current.readlink().name) == (HookState.WAITING, "v1.0.0")
    call(kinds)
    assert [state for *_, state in states(kinds)] == [HookState.DONE]
    assert len(said.read_text().split()) == 2


@pytest.fixture
def storage():
    with s3.bucket("models") as url:
        yield url


def test_pushes_to_s3_and_git_let_a_fresh_clone_have_data_and_model(started, repository, tmp_path, storage):
    bare = tmp_path / "origin.git"
    tool(repository, "git", "init", "-q", "--bare", str(bare))
    tool(repository, "git", "remote", "add", "origin", str(bare))
    tool(repository, "git", "push", "-q", "origin", "main")
    tool(repository, "dvc", "remote", "add", "storage", "s3://models/kinds")
    tool(repository, "git", "commit", "-q", "-a", "-m", "A remote")
    s3.use(repository, storage)
    tool(repository, "git", "tag", "-a", "mine@v1.0.0", "-m", "another project's")
    kinds = started({"dvc_push": "storage"}, {"git_push": "origin"})
    promote(kinds)
    call(kinds)
    assert {state for *_, state in states(kinds)} == {HookState.DONE}, tables.hooks.all(kinds.journal)
    names = tool(bare, "git", "for-each-ref", "--format=%(refname)").split()
    assert set(names) == {
        "refs/heads/main",
        "refs/heads/driftd/kinds",
        "refs/tags/kinds@v1.0.0",
        "refs/tags/kinds@v2.0.0",
        "refs/tags/kinds#prod#1",
        "refs/tags/kinds#prod#2",
    }
    clone = tmp_path / "clone"
    tool(tmp_path, "git", "clone", "-q", str(bare), str(clone))
    tool(clone, "git", "checkout", "-q", "kinds@v2.0.0")
    s3.use(clone, storage)
    tool(clone, "dvc", "pull", "-q", "-r", "storage")
    assert contents(clone / "model", (clone / "model").rglob("*")) == kinds.served()
    assert len(list((clone / "data").iterdir())) == 2


ALIAS = """
import json, sys
from mlflow.tracking import MlflowClient
client = MlflowClient(sys.argv[1], sys.argv[1])
for _ in sys.stdin:
    print(json.dumps(client.get_model_version_by_alias("kinds", "champion").tags), flush=True)
"""


def test_an_mlflow_alias_is_moved_and_moved_back(started, tmp_path):
    registry = f"sqlite:///{tmp_path}/registry.db"
    kinds = started({"mlflow": {"registry": registry, "model": "kinds"}})
    call(kinds, seconds=120)
    words, seen = [sys.executable, "-c", ALIAS, registry], []
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client:
        for step in (lambda: None, lambda: promote(kinds), lambda: kinds.runner.roll_back(None)):
            step()
            call(kinds, seconds=120)
            print(file=client.stdin, flush=True)
            seen.append(json.loads(client.stdout.readline()))
        client.stdin.close()
    assert {state for *_, state in states(kinds)} == {HookState.DONE}, tables.hooks.all(kinds.journal)
    assert [each["driftd.version"] for each in seen] == ["v1.0.0", "v2.0.0", "v1.0.0"]
