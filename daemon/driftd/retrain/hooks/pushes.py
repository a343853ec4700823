"""Data and model to a DVC remote, commits and tags to a git remote."""

from dataclasses import replace

from driftd.config.settings import Hook
from driftd.retrain.context import Context
from driftd.retrain.hooks.command import run
from driftd.retrain.hooks.payload import Notice

NAME = "hooks"  # of the worktree


def dvc_push(ctx: Context, hook: Hook, notice: Notice) -> None:
    """Push what the assigned commit names; what the remote has already is not sent again."""
    tree = ctx.worktree(notice.revision, NAME)
    replace(ctx.dvc, timeout=hook.timeout)(tree.root, "push", "--remote", str(hook.dvc_push))


def git_push(ctx: Context, hook: Hook, notice: Notice) -> None:  # noqa: ARG001  # all tags are pushed, not only its own
    """Push driftd's branch and the project's tags, and nothing of a person's."""
    project = ctx.project
    patterns = (f"refs/heads/{ctx.branch}", f"refs/tags/{project}@*", f"refs/tags/{project}#*")
    found = ctx.repository.git("for-each-ref", "--format=%(refname)", *patterns).splitlines()
    words = ["git", "push", "--porcelain", str(hook.git_push), *(f"{name}:{name}" for name in found)]
    ctx.log.line(f"$ {' '.join(words[:4])} (driftd's branch and {len(found)} names in all)")
    run(ctx, hook, words)
