"""What a person would type after a promotion, and what they would read."""

import os
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

from driftd.cli.demo.sandbox import Stage
from driftd.observe.sanitize import clean
from driftd.observe.views import RunView


def show_commands(console: Console, stage: Stage, run: RunView) -> None:
    """Run them in the project's repository and show what they say."""
    tags = [f"{stage.project}@{version}" for version in (run.champion, run.version)]
    show(console, stage, ["dvc", "metrics", "diff", *tags], of=("Metric", "ents_"))
    console.print(Text("     (each model's own test rows: the first one had seen Iowa only)", style="dim"))
    show(console, stage, ["gto", "show"])
    show(console, stage, ["git", "log", "--graph", "--format=%h%d %s", tags[-1]])


def show(console: Console, stage: Stage, words: list[str], *, of: tuple[str, ...] = ("",)) -> None:
    """Run one command; of a long answer, show the lines that hold one of some words."""
    console.print(Text.assemble(("   $ ", "dim"), " ".join(words)))
    said = run_command(words, stage.settings.repository)
    shown = [line for line in said if any(word in line for word in of)]
    for line in shown:
        console.print(Text(f"     {clean(line)}"), soft_wrap=True)
    if len(shown) < len(said):
        console.print(Text(f"     and {len(said) - len(shown)} lines more, p, r and f of each label", style="dim"))


def run_command(words: list[str], folder: Path) -> list[str]:
    here = Path(sys.executable).parent
    env = {**os.environ, "PATH": f"{here}{os.pathsep}{os.environ.get('PATH', os.defpath)}", "DVC_NO_ANALYTICS": "1"}
    done = subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, check=False)
    return (done.stdout or done.stderr).splitlines()
