"""What git, DVC and stages see of the outside: nothing but what is written here."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from driftd.config.model import StageEnvironment
from driftd.journal.files import make_folder, write_file
from driftd.journal.layout import Layout
from driftd.retrain.processes import ROOT

NAME, EMAIL = "driftd", "driftd@localhost"
KEPT = ("TMPDIR", "USER", "LOGNAME", "LD_LIBRARY_PATH")
# These win over what the user's repository says, also for the git that DVC and stages call.
GIT = {
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "commit.gpgSign": "false",
    "tag.gpgSign": "false",
    "tag.forceSignAnnotated": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "advice.detachedHead": "false",
    "safe.directory": "*",
}


def environment(
    layout: Layout, stages: StageEnvironment, run: str, outside: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """Return the environment of a run's commands; `stages.path` wins over PATH, driftd's own programs come last."""
    home = make_folder(layout.home, mode=0o750)
    gitconfig = home / ".gitconfig"
    content = f"[user]\n\tname = {NAME}\n\temail = {EMAIL}\n[safe]\n\tdirectory = *\n"
    if not gitconfig.exists():  # for programs that do not read git's environment
        write_file(gitconfig, content.encode())
    path = [*map(str, stages.path), outside.get("PATH", os.defpath), str(Path(sys.executable).parent)]
    config = outside.get("XDG_CONFIG_HOME") or str(Path(outside.get("HOME", "/nonexistent")) / ".config")
    env = {name: outside[name] for name in (*KEPT, *stages.pass_) if name in outside}
    env |= {
        "PATH": os.pathsep.join(path),
        "HOME": str(home),
        "LANG": "C.UTF-8",
        ROOT: str(layout.root),
        "DRIFTD_RUN": f"{layout.project}/{run}",
        "DVC_NO_ANALYTICS": "1",
        "DVC_SITE_CACHE_DIR": str(home / "dvc"),
        "DVC_GLOBAL_CONFIG_DIR": outside.get("DVC_GLOBAL_CONFIG_DIR") or f"{config}/dvc",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_COUNT": str(len(GIT)),
    }
    for role in ("AUTHOR", "COMMITTER"):
        env |= {f"GIT_{role}_NAME": NAME, f"GIT_{role}_EMAIL": EMAIL}
    for number, (key, value) in enumerate(GIT.items()):
        env |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return env
