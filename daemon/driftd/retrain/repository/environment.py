"""What git, DVC and stages see of the outside: nothing but what is written here."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from driftd.config.settings import StageEnvironment
from driftd.journal.files import make_folder, write_file
from driftd.journal.layout import Layout
from driftd.retrain.process.launcher import ROOT

NAME, EMAIL = "driftd", "driftd@localhost"
IGNORED = (
    ".dvc/config.local\n.dvc/cache\n.dvc/tmp\n__pycache__/\n*.pyc\n.ipynb_checkpoints/\n"  # whatever the project says
)
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
    ignored = home / ".gitignore"
    for file, content in (
        (home / ".gitconfig", f"[user]\n\tname = {NAME}\n\temail = {EMAIL}\n[safe]\n\tdirectory = *\n"),
        (ignored, IGNORED),
    ):
        if not file.exists():
            write_file(file, content.encode())
    path = [*map(str, stages.path), outside.get("PATH", os.defpath), str(Path(sys.executable).parent)]
    settings = outside.get("XDG_CONFIG_HOME") or str(Path(outside.get("HOME", "/nonexistent")) / ".config")
    env = {name: outside[name] for name in (*KEPT, *stages.pass_) if name in outside}
    env |= {
        "PATH": os.pathsep.join(path),
        "HOME": str(home),
        "LANG": "C.UTF-8",
        ROOT: str(layout.root),
        "DRIFTD_RUN": f"{layout.project}/{run}",
        "DVC_NO_ANALYTICS": "1",
        "DVC_SITE_CACHE_DIR": str(home / "dvc"),
        "DVC_GLOBAL_CONFIG_DIR": outside.get("DVC_GLOBAL_CONFIG_DIR") or f"{settings}/dvc",
        "GIT_TERMINAL_PROMPT": "0",
    }
    for role in ("AUTHOR", "COMMITTER"):
        env |= {f"GIT_{role}_NAME": NAME, f"GIT_{role}_EMAIL": EMAIL}
    config = GIT | {"core.excludesFile": str(ignored)}
    env["GIT_CONFIG_COUNT"] = str(len(config))
    for number, (key, value) in enumerate(config.items()):
        env |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return env
