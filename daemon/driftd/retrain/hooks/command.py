"""A program of the user's, told by its environment and, as JSON, by the variable DRIFTD_EVENT."""

import json

from driftd.config.settings import Hook
from driftd.errors import CommandError
from driftd.retrain.context import Context
from driftd.retrain.hooks.payload import Notice
from driftd.retrain.process import launcher


def call(ctx: Context, hook: Hook, notice: Notice) -> None:
    told = {key: notice.data[key] for key in ("project", "version", "revision", "cause", "number", "before", "path")}
    env = {f"DRIFTD_{key.upper()}": str(value or "") for key, value in told.items()}
    env["DRIFTD_EVENT"] = json.dumps(notice.data)
    run(ctx, hook, list(hook.command or ()), env)


def run(ctx: Context, hook: Hook, words: list[str], env: dict[str, str] | None = None) -> None:
    """Run a program in the repository, within the hook's time, its output in the hooks' log."""
    done = launcher.run(
        words,
        cwd=ctx.repository.folder,
        env={**ctx.dvc.env, **(env or {})},
        log=ctx.log.path,
        stop=ctx.dvc.stop,
        timeout=hook.timeout,
    )
    if done.code:
        last = (done.log.splitlines() or ["it printed nothing"])[-1]
        raise CommandError(
            f"`{words[0]}` ended with {done.code}: {last}",
            output=done.log,
            code=done.code,
            remedy=f"see {ctx.log.path}",
        )
