"""The end of a run: served copy, commit and tags, pointer. What can fail for want of space or data comes before what others see."""

import textwrap
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

from driftd.errors import RepositoryError
from driftd.journal.files import point as point_link
from driftd.retrain.context import Context
from driftd.retrain.evaluation.decision import account
from driftd.retrain.publication import model_store
from driftd.retrain.publication.version_tags import Tags
from driftd.retrain.repository.environment import EMAIL, NAME
from driftd.retrain.repository.git import Git


def check_branch(ctx: Context) -> str:
    """Return the tip of driftd's branch ("" while there is none), which only driftd may move."""
    git = ctx.repository.git
    tip = git.commit(f"refs/heads/{ctx.branch}") or ""
    _refuse_checked_out(ctx)
    mine = [commit for tag, commit in ctx.tags().commits.items() if "@" in tag]
    if tip and tip not in mine:
        raise RepositoryError(
            f"the branch {ctx.branch} is at {tip[:10]}, which no version of {ctx.project} is tagged at: somebody moved it",
            remedy=f"merge what you want to keep into {ctx.base_branch()}, then `git branch -D {ctx.branch}`",
        )
    return tip


def _refuse_checked_out(ctx: Context) -> None:
    if where := ctx.repository.git.checked_out(ctx.branch):
        raise RepositoryError(
            f"the branch {ctx.branch} is checked out in {where}, and a promotion would move it under your feet",
            remedy=f"`git switch --detach` there; `git merge {ctx.branch}` brings its commits into a branch of yours",
        )


def copy(ctx: Context) -> dict[str, Any]:
    """Make the served copy, of a model and data that the cache can give back at any time."""
    tree = ctx.here()
    wanted = ctx.results["reproduce"].get("tree") or tree.git("rev-parse", "HEAD^{tree}")
    status = ctx.dvc.data_status(tree.root)
    if _vital(ctx, status.missing):
        ctx.log.line("the cache has lost data that the model needs; it is put back from the worktree")
        ctx.dvc(tree.root, "commit", "--force")
        status = ctx.dvc.data_status(tree.root)
    if lost := _vital(ctx, status.missing):
        raise RepositoryError(
            f"the DVC cache lacks {', '.join(lost[:5])}, which the model or its data consist of",
            remedy="run `dvc gc` only with -a -T -p for all worktrees; the next run makes them again",
        )
    changed = _vital(ctx, status.changed)
    if changed or tree.tree() != wanted:
        raise RepositoryError(
            f"{tree.root} has changed since its stages read and wrote it: {', '.join(changed[:5]) or 'see git status'}",
            remedy="let each stage leave its dependencies alone, so that `dvc checkout` can give back what it worked on",
        )
    return {
        "digest": model_store.make(ctx.layout.models, _names(ctx)["version"], tree.root / ctx.settings.retrain.model)
    }


def commit(ctx: Context) -> dict[str, Any]:
    """Write the commit and the tags, and set all references to them in one transaction of git."""
    _refuse_checked_out(ctx)
    names, git = _names(ctx), ctx.repository.git
    tags, when = Tags(ctx.project, {}), names["when"]
    revision = names.get("revision") or _commit(ctx, git)
    title = _subject(ctx, names["version"])
    wanted = []
    if not names.get("revision"):
        wanted.append((f"refs/heads/{ctx.branch}", revision, names["tip"]))
    for tag, message in (
        (tags.version_tag(names["version"]), title),
        (tags.assignment_tag(names["number"]), f"{names['version']} goes into production (run {ctx.run.id})"),
    ):
        if tag not in names.get("tagged", ()):
            made = git.tag_object(tag, revision, message, when, f"{NAME} <{EMAIL}>")
            wanted.append((f"refs/tags/{tag}", made, ""))
    set_references(git, wanted)
    return {"revision": revision}


def point(ctx: Context) -> dict[str, Any]:
    """Swap the pointer: from here on readers get the new model."""
    point_link(ctx.layout.current, _names(ctx)["version"])
    return {}


def set_references(git: Git, wanted: Sequence[tuple[str, str, str]]) -> None:
    """Set references that are not set yet, as a repeated step finds them."""
    lines = git("for-each-ref", "--format=%(refname) %(objectname)", *(name for name, _, _ in wanted)).splitlines()
    there = dict(line.split() for line in lines)
    left = [reference for reference in wanted if there.get(reference[0]) != reference[1]]
    if left:
        git.update(left)


def _names(ctx: Context) -> dict[str, Any]:
    return ctx.results["number"]


def _vital(ctx: Context, paths: Sequence[str]) -> list[str]:
    """Return those paths that belong to the model or the dataset."""
    vital = [PurePosixPath(ctx.settings.retrain.model), PurePosixPath(ctx.settings.retrain.dataset)]
    return [path for path in paths if any(PurePosixPath(path).is_relative_to(each) for each in vital)]


def _commit(ctx: Context, git: Git) -> str:
    """Return the candidate's commit: it descends from the champion that it replaces, from its base and from the branch's tip."""
    prepared, names = ctx.results["prepare"], ctx.results["number"]
    parents = [champion["revision"]] if (champion := prepared.get("champion")) else []
    parents.append(prepared["base"])
    if names["tip"] and not any(git.is_ancestor(names["tip"], parent) for parent in parents):
        parents.append(names["tip"])  # after a rollback: the branch only ever moves forward
    tree = ctx.results["reproduce"]["tree"]
    return git.commit_tree(tree, parents, _message(ctx, names["version"]), names["when"])


def _subject(ctx: Context, version: str) -> str:
    decision = ctx.results.get("decide")
    if decision is None:
        return f"{ctx.project} {version}: the first model"
    metric = decision["metric"].partition(":")[2]
    return f"{ctx.project} {version}: {metric} {decision['champion']:.3f} -> {decision['candidate']:.3f}"


def _message(ctx: Context, version: str) -> str:
    decision, prepared = ctx.results.get("decide"), ctx.results["prepare"]
    batches = ctx.results.get("snapshot", {}).get("batches", [])
    paragraphs = [decision["sentence"] if decision else f"Made by `dvc repro` on {prepared['branch']}."]
    if decision:
        paragraphs.append(account(decision))
    if batches:
        rows = sum(batch["rows"] for batch in batches)
        paragraphs.append(f"{rows} new rows: {', '.join(batch['name'] for batch in batches)}.")
    if chosen := ctx.results.get("snapshot", {}).get("selection"):
        paragraphs.append(chosen["sentence"])
    if decision and (approval := (ctx.run.decision or {}).get("approval")):
        paragraphs.append(f"Approved by {approval['by']}.")
    trailers = {
        "Driftd-Run": ctx.run.id,
        "Driftd-Incident": ctx.run.incident_id,
        "Driftd-Windows": "-".join(map(str, prepared.get("windows") or [])),
        "Driftd-Champion": prepared.get("champion", {}).get("version"),
        "Driftd-Base": f"{prepared['branch']} {prepared['base'][:12]}",
    }
    text = "\n\n".join(textwrap.fill(each, 76, break_long_words=False, break_on_hyphens=False) for each in paragraphs)
    lines = "\n".join(f"{key}: {value}" for key, value in trailers.items() if value)
    return f"{_subject(ctx, version)}\n\n{text}\n\n{lines}\n"
