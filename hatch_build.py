"""Build hook: the files beside the code that a wheel and a source distribution carry.

A wheel has the tracked files of `SHARED` under `driftd/_share/`, where `share_dir()` looks for them. Listing them by git
keeps out what running the reference pipeline leaves in its folder. A source distribution holds tracked files only, so its
folders are taken as they are.
"""

import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SHARED = ("pipeline", "config", "systemd", "docs/runbooks")
SOURCES = ("benchmarks", "config", "docs", "pipeline", "requirements", "systemd", "tests")


def tracked(root: Path, folders: tuple[str, ...]) -> list[str]:
    """Return the files of the folders that belong to the project, as paths below the root."""
    if (root / ".git").exists():
        # A checkout may belong to another user than the one who builds, such as in a container.
        git = ["git", "-c", f"safe.directory={root}", "-c", "core.fsmonitor=false", "ls-files", "-z", "--", *folders]
        done = subprocess.run(git, cwd=root, stdout=subprocess.PIPE, text=True, check=True)
        names = [name for name in done.stdout.split("\0") if name and (root / name).exists()]
    else:
        paths = (path for folder in folders for path in (root / folder).rglob("*"))
        names = [str(path.relative_to(root)) for path in paths if path.is_file() and "__pycache__" not in path.parts]
    return sorted(names)


class TrackedFiles(BuildHookInterface):
    """Adds the tracked files to a wheel or a source distribution. An editable install finds them in the checkout."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Name the files for hatchling."""
        root = Path(self.root)
        if self.target_name == "sdist":
            build_data["force_include"].update({str(root / name): name for name in tracked(root, SOURCES)})
        elif version != "editable":
            build_data["force_include"].update(
                {str(root / name): f"driftd/_share/{name}" for name in tracked(root, SHARED)}
            )
