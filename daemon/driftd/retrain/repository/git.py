"""git, as far as driftd needs it: reading objects and references, and writing its own."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from driftd.errors import CommandError, RepositoryError
from driftd.retrain.process.launcher import query


@dataclass(frozen=True)
class Git:
    """git in one folder: a repository, or a worktree of it."""

    folder: Path
    env: Mapping[str, str]

    def __call__(self, *words: str, content: bytes = b"", **env: str) -> str:
        said = query(["git", *words], cwd=self.folder, env={**self.env, **env}, content=content)
        return os.fsdecode(said).strip()  # names and lines of any encoding

    def at(self, folder: Path) -> "Git":
        return Git(folder, self.env)

    def commit(self, revision: str) -> str | None:
        """Return the commit that a name stands for, or None."""
        try:
            return self("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        except CommandError:
            return None

    def read(self, revision: str, path: str) -> bytes | None:
        """Return a file's content at a revision, or None where there is none."""
        try:
            return query(["git", "cat-file", "blob", f"{revision}:{path}"], cwd=self.folder, env=self.env)
        except CommandError:
            return None

    def is_ancestor(self, older: str, newer: str) -> bool:
        try:
            self("merge-base", "--is-ancestor", older, newer)
        except CommandError as error:
            if error.code == 1:
                return False
            raise
        return True

    def head_branch(self) -> str | None:
        """Return the branch that HEAD names, or None where it is detached."""
        try:
            return self("symbolic-ref", "--quiet", "--short", "HEAD")
        except CommandError:
            return None

    def checked_out(self, branch: str) -> Path | None:
        """Return the worktree in which a branch is checked out."""
        for block in self("worktree", "list", "--porcelain", "-z").split("\0\0"):
            lines = block.split("\0")
            if f"branch refs/heads/{branch}" in lines:
                return Path(lines[0].removeprefix("worktree "))
        return None

    def commit_tree(self, tree: str, parents: Sequence[str], message: str, when: float) -> str:
        """Write a commit; the same arguments make the same commit."""
        date = f"{int(when)} +0000"
        words = [word for parent in dict.fromkeys(parents) for word in ("-p", parent)]
        return self(
            "commit-tree", tree, *words, content=message.encode(), GIT_AUTHOR_DATE=date, GIT_COMMITTER_DATE=date
        )

    def tag_object(self, name: str, commit: str, message: str, when: float, tagger: str) -> str:
        """Write the object of an annotated tag, without the reference to it."""
        text = f"object {commit}\ntype commit\ntag {name}\ntagger {tagger} {int(when)} +0000\n\n{message}\n"
        return self("mktag", content=text.encode())

    def update(self, references: Sequence[tuple[str, str, str]]) -> None:
        """Set references (name, new, old; an empty old means that it must not exist) all together or not at all."""
        zero = "0" * 40
        lines = ["start", *(f"update {name} {new} {old or zero}" for name, new, old in references), "prepare", "commit"]
        try:
            self("update-ref", "-m", "driftd: promotion", "--stdin", content="\n".join(lines).encode() + b"\n")
        except CommandError as error:
            names = ", ".join(name for name, _, _ in references)
            raise RepositoryError(
                f"{self.folder}: git could not set {names}: {error.output}",
                remedy="see whether somebody moved or locked them; the next run tries again",
            ) from error
