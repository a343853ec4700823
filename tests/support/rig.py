"""A throw-away systemd: booted as PID 1 of namespaces of its own, over this machine's files, of which it changes none.

with Rig(tmp_path, {"/etc/driftd/driftd.yaml": text}, binds={folder: "/srv"}) as rig:
    rig.run("systemctl", "start", "driftd")

What is below `binds` is shared with the machine; everything else that is written is gone with the rig.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from support.daemon import wait_until
from support.parts import lacking, require

ROOT = Path(__file__).parents[2]
VENV = Path(sys.prefix)
SYSTEMD = Path("/lib/systemd/systemd")
TARGET = "rig.target"
TARGET_UNIT = "[Unit]\nDescription=Nothing but what a test starts\nRequires=sysinit.target\nAfter=sysinit.target\n"
NAMESPACES = ("--mount", "--pid", "--fork", "--uts", "--ipc", "--cgroup", "--kill-child")


class Rig:
    """One booted systemd."""

    def __init__(self, folder: Path, files: Mapping[str, str], binds: Mapping[Path, str]) -> None:
        self.folder = folder
        kept = "/etc/tmpfiles.d/tmp.conf"  # empty, or else /tmp were cleared, with what is shown below it
        self.files = {f"/etc/systemd/system/{TARGET}": TARGET_UNIT, kept: "", **files}
        self.binds = {str(source): target for source, target in binds.items()}
        self.log = folder / "boot.log"
        self.cgroup = cgroup_root() / f"rig-{os.getpid()}-{folder.name}"
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, *words: str, check: bool = True, timeout: float = 120.0) -> str:
        """Run a command inside, as root, and return what it says."""
        inside = ["nsenter", "-t", str(self.pid), "-m", "-p", "-u", "-i", "-C", "-r", "--wd=/", "--", *words]
        done = subprocess.run(inside, capture_output=True, text=True, check=False, timeout=timeout)
        if check:
            assert done.returncode == 0, f"{words}: {done.returncode}: {done.stdout}{done.stderr}\n{self.journal()}"
        return done.stdout

    def show(self, unit: str, *properties: str) -> list[str]:
        """Return properties of a unit, in the order asked for."""
        said = self.run("systemctl", "show", unit, *(f"--property={name}" for name in properties))
        values = dict(line.partition("=")[::2] for line in said.splitlines())
        return [values[name] for name in properties]

    def journal(self, *words: str) -> str:
        return self.run("journalctl", "--no-pager", "--output=short-monotonic", *words, check=False)

    @property
    def pid(self) -> int:
        """The PID, as the machine counts, of the systemd inside."""
        assert self._process
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        return int(children.read_text().split()[0])

    def __enter__(self) -> Self:
        if not SYSTEMD.exists() or not namespaces():
            lacking("booting a systemd needs root, namespaces and Debian's package systemd")
        base = self.folder / "base"
        base.mkdir()
        plan = {
            "base": str(base),
            "files": self.files,
            "shown": [str(path) for path in (VENV, Path(sys.base_prefix), ROOT)],
            "binds": self.binds,
            "venv": str(VENV),
            "target": TARGET,
        }
        init = str(Path(__file__).with_name("rig_init.py"))
        # the cgroup is entered before its namespace is made, so that it is all that systemd sees and makes folders in
        enter = f'echo $$ >"{self.cgroup}/cgroup.procs" && exec "$@"'
        words = ["sh", "-c", enter, "sh", require("unshare"), *NAMESPACES, sys.executable, init, json.dumps(plan)]
        self.cgroup.mkdir()
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            wait_until(self._booted, 60, "systemd has booted")
        except BaseException as error:
            self.__exit__()
            raise AssertionError(f"{error}\n{self.log.read_text(errors='replace')}") from error
        return self

    def _booted(self) -> bool:
        assert self._process
        if self._process.poll() is not None:
            raise AssertionError(f"systemd ended with {self._process.returncode}")
        try:
            return self.run("systemctl", "is-active", TARGET, check=False).strip() == "active"
        except (OSError, IndexError):
            return False

    def __exit__(self, *_: object) -> None:
        if self._process:
            self._process.kill()  # its child, PID 1 of the namespace, ends with it, and everything inside with that
            self._process.wait()
        wait_until(
            lambda: "populated 0" in (self.cgroup / "cgroup.events").read_text(), 30, "everything inside has ended"
        )
        for folder, _, _ in os.walk(self.cgroup, topdown=False):
            Path(folder).rmdir()


def namespaces() -> bool:
    """Return whether this process may make namespaces and mount in them."""
    words = [require("unshare"), "--mount", "--pid", "--fork", "mount", "--make-rprivate", "/"]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def cgroup_root() -> Path:
    """Return this process's cgroup of version 2."""
    place = next(
        (line.split()[1] for line in Path("/proc/mounts").read_text().splitlines() if line.split()[2] == "cgroup2"),
        None,
    )
    if place is None:
        lacking("a systemd needs cgroups of version 2, which are not mounted here")
    own = next(line for line in Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::"))
    return Path(place + own.removeprefix("0::").rstrip("/"))
