"""The very unit under a real systemd: a model is made and replaced inside its sandbox; ready, reload, watchdog, stop."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from support.daemon import wait_until
from support.project import BIN, make_project, tool, write_rows
from support.rig import ROOT, VENV, Rig
from support.running import PROMOTE, RETRAIN

pytestmark = pytest.mark.slow

UNITS = ROOT / "systemd"
SETTINGS = "/etc/driftd/driftd.yaml"
DROP_INS = "/etc/systemd/system/driftd.service.d"
OWN_VENV = "/srv/kinds/.venv"
PROJECT = {
    "repository": "/srv/kinds",
    "source": {"path": "/srv/incoming", "scan_every": 1, "settle": 0.2},
    "labels": ["label"],
    "window": {"rows": 60},
    "drift": {"ignore": ["n"]},
    "retrain": RETRAIN | {"env": {"path": [f"{OWN_VENV}/bin", str(BIN)], "pass": ["AWS_SHARED_CREDENTIALS_FILE"]}},
    "promote": PROMOTE,
}
# stands at the head of the project's stages: what a stage may do in the sandbox, said by the stage itself; training can be held up
PROBE = """
import errno, mmap, os, time
def refused(call):
    try:
        call()
    except OSError as error:
        return errno.errorcode[error.errno]
here = pathlib.Path("/srv/kinds")
(here / "probe").write_text(json.dumps({
    "credentials": pathlib.Path(os.environ["AWS_SHARED_CREDENTIALS_FILE"]).read_text(),
    "elsewhere": refused(lambda: pathlib.Path("/srv/elsewhere/mine").write_text("")),
    "executable memory": refused(lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC)),
    "home": refused(lambda: os.listdir("/root")) or os.listdir("/root"),
    "nice": os.getpriority(os.PRIO_PROCESS, 0),
    "prefix": sys.prefix,
    "user": os.getuid() != 0,
}))
if sys.argv[1] == "train" and (here / "hold").exists():
    (here / "training").write_text(str(os.getpid()))
    while (here / "hold").exists():
        time.sleep(0.05)
"""


class Site:
    """A machine on which docs/install.md was followed."""

    def __init__(self, rig: Rig, srv: Path) -> None:
        self.rig = rig
        self.srv = srv

    def driftd(self, *words: str) -> str:
        """Run a command as the daemon's user, as a person would by sudo."""
        return self.rig.run("runuser", "-u", "driftd", "--", "/opt/driftd/bin/driftd", *words, "-c", SETTINGS)

    def drop(self, kinds: str, *numbers: int) -> None:
        for number in numbers:
            aside = write_rows(self.srv / "aside" / f"{number}.csv", kinds, start=number * 10_000, each=30)
            aside.rename(self.srv / "incoming" / aside.name)

    def served(self) -> str:
        return self.rig.run("readlink", "/var/lib/driftd/kinds/models/current", check=False).strip()

    def wait_for(self, version: str) -> None:
        self.wait(lambda: self.served() == version, f"{version} is served", 40)

    def training(self) -> str:
        """Wait until a stage trains, and return which process it is."""
        told = self.srv / "kinds" / "training"
        self.wait(told.exists, "a stage trains", 40)
        process = told.read_text()
        told.unlink()
        return process

    def wait(self, condition: Callable[[], bool], what: str, timeout: float = 30) -> None:
        try:
            wait_until(condition, timeout, what)
        except AssertionError as error:
            logs = self.rig.run("sh", "-c", "tail -n 40 /var/lib/driftd/kinds/runs/*/log", check=False)
            raise AssertionError(f"{error}\n{self.rig.journal('-u', 'driftd')}\n{logs}") from None

    def state(self) -> tuple[str, str]:
        active, status = self.rig.show("driftd", "ActiveState", "StatusText")
        return active, status


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("rig")
    srv = folder / "srv"
    repository = make_project(srv / "kinds", reproduce=False)
    (srv / "incoming").mkdir()
    (srv / "elsewhere").mkdir()
    stages = repository / "stages.py"
    stages.write_text(stages.read_text().replace("def rows():", f"{PROBE}\ndef rows():", 1))
    tool(repository, "git", "commit", "-qam", "Look around")
    files = {
        "/etc/systemd/system/driftd.service": (UNITS / "driftd.service").read_text(),
        "/usr/lib/sysusers.d/driftd.conf": (UNITS / "driftd.sysusers").read_text(),
        "/usr/lib/tmpfiles.d/driftd.conf": (UNITS / "driftd.tmpfiles").read_text(),
        f"{DROP_INS}/paths.conf": example(
            "paths.conf", "/srv/addresses /srv/addresses-incoming", "/srv/kinds /srv/incoming"
        ),
        f"{DROP_INS}/home.conf": example(
            "home.conf", "/home/alice/addresses/.venv", f"{VENV} {sys.base_prefix} {ROOT}"
        ),
        f"{DROP_INS}/credentials.conf": example("credentials.conf"),
        f"{DROP_INS}/sooner.conf": "[Service]\nWatchdogSec=4s\nRestartSec=100ms\n",
        "/etc/driftd/aws-credentials": "a secret",
        "/etc/systemd/system/follow.path": example("address-server-reload.path", "addresses", "kinds"),
        "/etc/systemd/system/follow.service": (
            "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'readlink /var/lib/driftd/kinds/models/current >/run/followed'\n"
        ),
        SETTINGS: yaml.safe_dump({"http": {"listen": "127.0.0.1:0"}, "projects": {"kinds": PROJECT}}),
    }
    with Rig(folder, files, {srv: "/srv"}) as rig:
        rig.run("chown", "-R", "driftd:", "/srv/kinds", "/srv/incoming", "/srv/elsewhere")
        rig.run("runuser", "-u", "driftd", "--", sys.executable, "-m", "venv", "--without-pip", OWN_VENV)
        rig.run("systemctl", "start", "driftd")
        site = Site(rig, srv)
        site.wait_for("v1.0.0")
        yield site


def example(name: str, before: str = "", after: str = "") -> str:
    text = (UNITS / "examples" / name).read_text()
    assert before in text
    return text.replace(before, after) if before else text


def test_it_is_ready_when_systemctl_start_returns(site):
    assert site.state() == ("active", "watching 1 project")
    started = site.rig.journal("-u", "driftd").partition("Started driftd")[0]
    assert "daemon-started" in started
    assert "watching project=kinds" in started


def test_it_owns_its_state_and_the_group_may_read_models(site):
    owners = site.rig.run("stat", "-c", "%U:%G %a", "/var/lib/driftd", "/var/lib/driftd/kinds/models/v1.0.0/map.json")
    assert owners.splitlines() == ["driftd:driftd 750", "driftd:driftd 644"]
    assert site.driftd("status").startswith("daemon ready")


def test_a_stage_sees_what_the_unit_shows_it(site):
    seen = json.loads((site.srv / "kinds" / "probe").read_text())
    assert seen["credentials"] == "a secret"
    assert seen["elsewhere"] == "EROFS"
    assert seen["executable memory"] == "EPERM"
    assert seen["user"]
    assert seen["prefix"] == OWN_VENV
    assert seen["nice"] == 5
    assert set(seen["home"]) <= {part for path in (VENV, ROOT, Path(sys.base_prefix)) for part in path.parts}


def test_a_daemon_that_is_killed_or_stopped_while_it_trains_goes_on(site):
    site.rig.run("systemctl", "start", "follow.path")
    (site.srv / "kinds" / "hold").touch()
    site.drop("ab", 1, 2, 3)
    site.drop("cd", 4, 5, 6, 7)
    killed = site.training()
    site.rig.run("systemctl", "kill", "--kill-who=main", "--signal=KILL", "driftd")
    site.wait(lambda: site.rig.show("driftd", "NRestarts", "ActiveState") == ["1", "active"], "it is started again")
    stopped = site.training()
    assert stopped != killed
    site.rig.run("systemctl", "stop", "driftd", timeout=30)
    assert site.rig.show("driftd", "Result") == ["success"]
    assert site.rig.run("pgrep", "-u", "driftd", check=False) == ""
    site.rig.run("systemctl", "start", "driftd")
    site.training()
    (site.srv / "kinds" / "hold").unlink()
    site.wait_for("v2.0.0")


def test_the_new_model_is_followed_outside_the_sandbox(site):
    wait_until(lambda: site.rig.run("cat", "/run/followed", check=False).strip() == "v2.0.0", 30, "the unit follows")
    assert "everything agrees" in site.driftd("verify")
    warnings = site.rig.journal("-u", "driftd", "-p", "warning")
    assert "incident-opened" in warnings
    assert "daemon-started" not in warnings


def test_a_reload_takes_new_settings_and_refuses_wrong_ones(site):
    [pid] = site.rig.show("driftd", "MainPID")
    right = site.rig.run("cat", SETTINGS)
    site.rig.run("sed", "-i", "s/rows: 60/rwos: 60/", SETTINGS)
    site.rig.run("systemctl", "reload", "driftd")
    site.wait(lambda: "did you mean 'rows'" in site.state()[1], "the refusal is told")
    assert site.state()[0] == "active"
    site.rig.run("sh", "-c", f"printf %s '{right.replace('rows: 60', 'rows: 90')}' >{SETTINGS}")
    site.rig.run("systemctl", "reload", "driftd")
    site.wait(lambda: site.state() == ("active", "watching 1 project"), "the settings are taken")
    assert site.rig.show("driftd", "MainPID") == [pid]


def test_a_daemon_that_hangs_is_replaced_and_nothing_is_left_of_it(site):
    pid, restarts = site.rig.show("driftd", "MainPID", "NRestarts")
    site.rig.run("kill", "-STOP", pid)
    after = [str(int(restarts) + 1), "active"]
    site.wait(lambda: site.rig.show("driftd", "NRestarts", "ActiveState") == after, "another daemon is ready")
    assert "Watchdog timeout" in site.rig.journal("-u", "driftd")
    assert site.rig.run("ps", "-o", "pid=", "-p", pid, check=False) == ""
    assert site.served() == "v2.0.0"


def test_wrong_settings_are_not_tried_again(site):
    site.rig.run("systemctl", "stop", "driftd")
    assert site.rig.show("driftd", "Result") == ["success"]
    assert "driftd" not in site.rig.run("ps", "axo", "user=")
    site.rig.run("sed", "-i", "s/rows: 90/rows: many/", SETTINGS)
    site.rig.run("systemctl", "start", "driftd", check=False)
    assert site.rig.show("driftd", "ActiveState", "ExecMainStatus", "NRestarts") == ["failed", "3", "0"]
    assert "must be a whole number, not 'many'" in site.rig.journal("-u", "driftd")


def test_a_project_of_init_becomes_a_service_by_what_install_says(tmp_path):
    """With its state in its own folder, and by nothing but the commands of docs/install.md and those that are printed."""
    srv = tmp_path / "srv"
    srv.mkdir()
    checkout = {f"{DROP_INS}/checkout.conf": f"[Service]\nBindReadOnlyPaths={VENV} {sys.base_prefix} {ROOT}\n"}
    with Rig(tmp_path, checkout, {srv: "/srv"}) as rig:
        rig.run("sh", "-c", "cd /srv && /opt/driftd/bin/driftd init addresses")
        settings = srv / "addresses" / "driftd.yaml"
        settings.write_text(settings.read_text().replace("127.0.0.1:9469", "127.0.0.1:0"))
        said = rig.run("sh", "-c", "cd /srv/addresses && /opt/driftd/bin/driftd install --systemd")
        commands = [
            line.strip()
            for line in said.partition("What comes next, as root:\n")[2].splitlines()
            if line.startswith("    ")
        ]
        assert "systemctl enable --now driftd" in commands
        for command in commands:
            rig.run("sh", "-c", command)
        assert rig.show("driftd", "ActiveState", "StatusText") == ["active", "watching 1 project"]
        wait_until(lambda: "step=prepare" in rig.journal("-u", "driftd"), 60, "a run works in a worktree of its own")
        owners = rig.run(
            "stat", "-c", "%U %a", "/srv/addresses/state/journal.db", "/srv/addresses/state/addresses/worktrees"
        )
        assert [line.split()[0] for line in owners.splitlines()] == ["driftd", "driftd"]
        status = "cd /srv/addresses && runuser -u driftd -- /opt/driftd/bin/driftd status"
        assert "daemon ready" in rig.run("sh", "-c", status)
