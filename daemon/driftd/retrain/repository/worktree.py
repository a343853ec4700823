"""Worktrees of driftd's own, in which DVC works as it does in the user's checkout."""

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from driftd.errors import CommandError, RepositoryError
from driftd.journal.files import make_folder, write_file
from driftd.retrain.repository.git import Git

# Options of a remote that name files, relative to the folder of the settings that they stand in (dvc.config.Config._map_dirs).
PATHS = frozenset(
    {
        "url",
        "gdrive_user_credentials_file",
        "gdrive_service_account_json_file_path",
        "credentialpath",
        "configpath",
        "keyfile",
        "cert_path",
        "key_path",
    }
)


def own_branch(project: str) -> str:
    """Return the branch that driftd commits to."""
    return f"driftd/{project}"


class Repository:
    """The user's repository, which is only ever read; driftd's commits and tags are added through git.

    The DVC project may lie in a sub-folder of the git repository: `prefix` is the way there, "" or with a slash at its end.
    """

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        if not (folder / ".dvc").is_dir():
            raise RepositoryError(
                f"{folder} is no DVC project: it has no folder .dvc",
                remedy="run `dvc init` there, or correct `repository`",
            )
        self.folder = folder
        self.git = Git(folder, env)
        try:
            self.prefix = self.git("rev-parse", "--show-prefix")
        except CommandError as error:
            raise RepositoryError(
                f"{folder} is in no git repository: {error.output}",
                remedy="run `git init` there and commit the project",
            ) from error

    def read(self, revision: str, path: str) -> bytes | None:
        """Return a file of the DVC project at a revision."""
        return self.git.read(revision, self.prefix + path)

    def base(self, branch: str) -> str:
        """Return the commit at the tip of the branch from which runs start."""
        commit = self.git.commit(f"refs/heads/{branch}") or self.git.commit(branch)
        if commit is None:
            raise RepositoryError(
                f"{self.folder}: there is no branch {branch!r} with a commit",
                remedy="set retrain.base to one that exists",
            )
        return commit

    def default_branch(self) -> str:
        branch = self.git.head_branch()
        if branch is None:
            raise RepositoryError(
                f"{self.folder}: HEAD is detached, so it does not say which branch runs start from",
                remedy="set retrain.base to a branch",
            )
        return branch

    def worktree(self, path: Path, commit: str) -> "Worktree":
        """Return a worktree at a commit, with nothing else in it."""
        git = self.git.at(path)
        if not _sound(git, path):
            shutil.rmtree(path, ignore_errors=True)
            make_folder(path.parent)
            self.git("worktree", "add", "-f", "-f", "--detach", "--no-checkout", str(path), commit)
        _unlock(git)
        git("checkout", "-q", "-f", "--detach", commit)
        git("clean", "-ffdxq", "-e", ".dvc/")
        tree = Worktree(path, path / self.prefix, git)
        write_file(tree.root / ".dvc" / "config.local", self._config(), mode=0o640)
        return tree

    def _config(self) -> bytes:
        """Return what a worktree's .dvc/config.local must say: the user's own, with paths that hold there too, and the cache."""
        from configobj import ConfigObj

        folder = self.folder / ".dvc"
        shared, local = (dict(_config(folder / name)) for name in ("config", "config.local"))
        merged = ConfigObj(list_values=False)
        for section, options in local.items():
            merged[section] = {key: _absolute(section, key, value, folder) for key, value in options.items()}
        for section, options in shared.items():
            moved = {key: _absolute(section, key, value, folder) for key, value in options.items()}
            for key in (key for key, value in options.items() if moved[key] != value):
                merged.setdefault(section, {}).setdefault(key, moved[key])
        cache = merged.setdefault("cache", {})
        cache["dir"] = str(self.cache())
        cache["type"] = "reflink,copy"  # a link would let a stage write into the cache
        merged.setdefault("core", {})["check_update"] = "false"
        merged.indent_type = "    "
        return "\n".join([*merged.write(), ""]).encode()

    def cache(self) -> Path:
        """Return where the project's DVC cache is; the nearest settings win."""
        folders = [self.folder / ".dvc" / name for name in ("config.local", "config")]
        folders += [Path(self.git.env["DVC_GLOBAL_CONFIG_DIR"], "config"), Path("/etc/xdg/dvc/config")]
        for path in folders:
            if where := _config(path).get("cache", {}).get("dir"):
                return Path(os.path.normpath(path.parent / Path(where).expanduser()))
        return self.folder / ".dvc" / "cache"

    def written(self) -> tuple[Path, Path]:
        """Return the folders that runs write: git's, which worktrees share, and the DVC cache."""
        return _shared(self.git), self.cache()


class Worktree:
    """A folder that is driftd's to change; `root` is the DVC project in it."""

    def __init__(self, path: Path, root: Path, git: Git) -> None:
        self.path = path
        self.root = root
        self.git = git

    def tree(self) -> str:
        """Return the git tree of what is there now, as far as git tracks or does not ignore it."""
        self.git("add", "-A")
        return self.git("write-tree")


def _sound(git: Git, path: Path) -> bool:
    try:
        return (path / ".git").is_file() and Path(git("rev-parse", "--show-toplevel")).samefile(path)
    except (CommandError, OSError):
        return False


def _unlock(git: Git) -> None:
    """Remove the lock of a git that was killed in this worktree: nobody else works here."""
    folder = Path(git("rev-parse", "--absolute-git-dir"))
    for name in ("index.lock", "HEAD.lock"):
        (folder / name).unlink(missing_ok=True)


def unlock_references(git: Git, project: str) -> None:
    """Remove locks of references that only driftd writes, left by a git that was killed while writing them."""
    for lock in _locks(_shared(git) / "refs", project):
        lock.unlink(missing_ok=True)


def _shared(git: Git) -> Path:
    """Return git's folder, which all worktrees share."""
    return Path(git("rev-parse", "--path-format=absolute", "--git-common-dir"))


def _locks(refs: Path, project: str) -> Iterator[Path]:
    yield refs / "heads" / "driftd" / f"{project}.lock"
    for pattern in (f"{project}@v*.lock", f"{project}#prod#*.lock"):
        yield from (refs / "tags").glob(pattern)


def _config(path: Path) -> dict[str, Any]:
    from configobj import ConfigObj

    try:
        return dict(ConfigObj(str(path), list_values=False, encoding="utf-8"))
    except (OSError, SyntaxError, UnicodeDecodeError) as error:
        raise RepositoryError(
            f"{path}: cannot be read: {error}", remedy="correct it; `dvc config --list` shows it"
        ) from error


def _absolute(section: str, key: str, value: Any, folder: Path) -> Any:
    """Make a path absolute where DVC takes it as relative to the folder of its settings."""
    is_path = section.strip("'").startswith("remote ") and key in PATHS
    if not is_path or re.match(r"\w+://", value) or value.startswith("~"):
        return value
    return os.path.normpath(folder / value)
