"""The first process inside the rig's namespaces: puts a root together, makes it the root, and becomes systemd."""

import json
import os
import subprocess
import sys
from pathlib import Path

SYSTEMD = "/lib/systemd/systemd"


def mount(*words: object) -> None:
    subprocess.run(["mount", *map(str, words)], check=True)


def overlay(base: Path) -> Path:
    """Return a root that shows this machine's files; what is written goes to memory."""
    mount("--make-rprivate", "/")
    mount("-t", "tmpfs", "tmpfs", base)
    upper, work, root = (base / name for name in ("upper", "work", "root"))
    for folder in (upper, work, root):
        folder.mkdir()
    mount("-t", "overlay", "overlay", "-o", f"lowerdir=/,upperdir={upper},workdir={work}", root)
    return root


def below(root: Path, path: str) -> Path:
    return root / path.lstrip("/")


def bind(root: Path, source: str, target: str, *options: str) -> None:
    place = below(root, target)
    place.mkdir(parents=True, exist_ok=True)
    mount("--bind", *options, source, place)


def reachable(root: Path, path: str) -> None:
    """Let every user pass to a folder, such as a Python below a private home."""
    for parent in Path(path).parents:
        place = below(root, str(parent))
        place.chmod(place.stat().st_mode | 0o111)


def system(root: Path) -> None:
    for kind, place in (("proc", "proc"), ("sysfs", "sys"), ("tmpfs", "run"), ("tmpfs", "tmp")):
        mount("-t", kind, kind, root / place)
    devices(root / "dev")
    mount("-t", "cgroup2", "cgroup2", root / "sys/fs/cgroup")
    mount("--bind", root / "proc/sys", root / "proc/sys")
    for place in ("proc/sys", "sys"):  # they belong to the whole machine
        mount("-o", "remount,bind,ro", root / place)


def devices(dev: Path) -> None:
    """Fill a /dev of its own with what programs expect; the machine's would get systemd's nodes and its log socket."""
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", dev)
    for name in ("null", "zero", "full", "random", "urandom", "tty"):
        (dev / name).touch()
        mount("--bind", f"/dev/{name}", dev / name)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        (dev / name).symlink_to(f"/proc/self/fd/{number}")
    (dev / "fd").symlink_to("/proc/self/fd")
    for name, kind, options in (("shm", "tmpfs", "mode=1777"), ("pts", "devpts", "newinstance,ptmxmode=0666")):
        (dev / name).mkdir()
        mount("-t", kind, "-o", options, kind, dev / name)
    (dev / "ptmx").symlink_to("pts/ptmx")


def main() -> None:
    plan = json.loads(sys.argv[1])
    os.umask(0o022)  # whatever the tests' own process has
    root = overlay(Path(plan["base"]))
    system(root)  # before what may lie below the /tmp of its own
    for path in plan["shown"]:
        bind(root, path, path, "-o", "ro")
        reachable(root, path)
    for source, target in plan["binds"].items():
        bind(root, source, target)
    for path, text in plan["files"].items():
        place = below(root, path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    below(root, "/opt").mkdir(exist_ok=True)
    below(root, "/opt/driftd").symlink_to(plan["venv"])
    (root / "old").mkdir()
    os.chdir(root)
    subprocess.run(["pivot_root", ".", "old"], check=True)
    os.chdir("/")
    subprocess.run(["umount", "-l", "/old"], check=True)
    mount("--make-rshared", "/")  # as outside of containers: credentials are mounted by a child of systemd
    words = ["--system", "--show-status=no", f"--unit={plan['target']}"]
    environment = {
        "PATH": os.environ["PATH"],
        "container": "other",
        "SYSTEMD_UNIT_PATH": "/etc/systemd/system:/lib/systemd/system",
    }
    os.execve(SYSTEMD, [SYSTEMD, *words], environment)  # noqa: S606  # systemd takes this process's place


if __name__ == "__main__":
    main()
