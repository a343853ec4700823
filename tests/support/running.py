"""A running daemon over the small project of support.project, with what tests ask of it."""

import json
import os
import shutil
import sqlite3
import subprocess
from pathlib import Path
from typing import Any, Self

from support.daemon import Daemon, wait_until, write_settings
from support.project import BIN, copy_project, tool, write_rows

PROMOTE = {
    "metric": "scores.json:accuracy",
    "per_row": "evaluation/rows.jsonl",
    "score_stages": ["preprocess", "evaluate"],
}
RETRAIN = {"min_rows": 120, "cooldown": 0, "env": {"path": [str(BIN)]}}


WORD = "a long word"


class Kinds:
    """Project `kinds` in a folder: repository, incoming files, settings, and the daemon once it is started."""

    def __init__(self, folder: Path, template: Path, **sections: Any) -> None:
        self.folder = folder
        self.repository = folder / "repository"
        self.incoming = folder / "incoming"
        copy_project(template, self.repository)
        self.incoming.mkdir()
        self.sections = sections
        self.settings = write_settings(folder, {"kinds": self.project(**sections)})

    @classmethod
    def copy(cls, watched: Path, folder: Path, **sections: Any) -> Self:
        """Copy a folder whose daemon has stopped, and whose first model no files have followed."""
        kinds = cls(folder, watched / "repository", **sections)
        left = shutil.ignore_patterns("worktrees")  # they know where their repository was
        shutil.copytree(watched / "state", folder / "state", symlinks=True, ignore=left)
        tool(kinds.repository, "git", "worktree", "prune")
        return kinds

    def project(self, **sections: Any) -> dict[str, Any]:
        return {
            "repository": str(self.repository),
            "source": {"path": str(self.incoming), "scan_every": 1, "settle": 0.2},
            "labels": ["label"],
            "window": {"rows": 60},
            "drift": {"ignore": ["n"]},
            "retrain": RETRAIN,
            "promote": PROMOTE,
        } | sections

    def let_others_ask(self) -> None:
        """Set a token, in the file `token`."""
        (self.folder / "token").write_text(f"{WORD}\n")
        self.settings = write_settings(
            self.folder, {"kinds": self.project(**self.sections)}, http={"listen": "127.0.0.1:0", "token_file": "token"}
        )

    def daemon(self, **options: Any) -> Daemon:
        return Daemon(self.settings, **options)

    def drop(self, number: int, kinds: str, each: int = 30) -> None:
        """Let a file of new rows arrive, whole from the first moment."""
        aside = write_rows(self.folder / "aside" / f"{number}.csv", kinds, start=number * 10_000, each=each)
        aside.rename(self.incoming / aside.name)

    def driftd(self, *words: str, code: int = 0) -> str:
        env = os.environ | {"DRIFTD_CONFIG": str(self.settings)}
        done = subprocess.run([BIN / "driftd", *words], env=env, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout if code == 0 else done.stdout + done.stderr

    def json(self, *words: str) -> Any:
        return json.loads(self.driftd(*words, "--json"))

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return rows_of(self.folder / "state" / "journal.db", query)

    def one(self, query: str) -> Any:
        return self.rows(query)[0][0]

    def wait_for_event(self, *kinds: str, times: int = 1, timeout: float = 90) -> None:
        def enough() -> bool:
            return sum(kind in kinds for (kind,) in self.rows("SELECT kind FROM events")) >= times

        wait_until(enough, timeout, f"{times} x {kinds}")

    def wait_for_model(self) -> None:
        self.wait_for_event("run-promoted", "run-failed")
        assert self.one("SELECT count(*) FROM models") == 1

    @property
    def served(self) -> dict[str, bytes]:
        folder = (self.folder / "state" / "kinds" / "models" / "current").resolve()
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def rows_of(journal: Path, query: str, *values: object) -> list[tuple[Any, ...]]:
    """Ask a journal that a daemon may be writing, if it is there."""
    if not journal.exists():
        return []
    db = sqlite3.connect(f"file:{journal}?mode=ro", uri=True)
    try:
        return db.execute(query, values).fetchall()
    finally:
        db.close()


def left_over(state_dir: Path) -> list[int]:
    """Return the processes that a run of this state folder has started and that still live."""
    from driftd.retrain.process.launcher import ROOT

    mark = f"{ROOT}={state_dir}/".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (process / "environ").read_bytes():
                found.append(int(process.name))
        except OSError:
            continue
    return found
