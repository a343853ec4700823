"""Back to an older version: the same atomic step as a promotion, without a new commit."""

from driftd.errors import OperationError, RefusedError, RepositoryError
from driftd.journal import tables
from driftd.journal.files import point as point_link
from driftd.journal.records import Assignment, Model, RunState
from driftd.retrain.context import Context, champion
from driftd.retrain.evaluation.model_diff import model_of
from driftd.retrain.publication import model_store
from driftd.retrain.repository.environment import EMAIL, NAME
from driftd.retrain.steps import outcome
from driftd.retrain.steps.publication import set_references


def roll_back(ctx: Context, version: str | None) -> Assignment:
    """Restore the served copy, tag the assignment, swap the pointer, and say so in the journal, in this order."""
    journal = ctx.journal
    found = champion(journal, ctx.project)
    if found is None:
        raise RefusedError(f"{ctx.project} has no model in production")
    _refuse_half_promoted(ctx)
    now, current = found
    target = _target(ctx, current, version)
    ctx.log.step(f"roll back from {current.version} to {target.version}")
    restore(ctx, target)
    number = _number(ctx, now.number, target)
    at = journal.clock()
    point_link(ctx.layout.current, target.version)
    with journal.write():
        assignment = outcome.assign(ctx, target, number, "rollback", at)
        outcome.bring_back(journal, target)
    outcome.clean(ctx)
    return tables.assignments.get(journal, assignment)


def _target(ctx: Context, current: Model, version: str | None) -> Model:
    if version is None:
        earlier = tables.assignments.first(
            ctx.journal, "project = ? AND model_id <> ?", ctx.project, current.id, order="number DESC"
        )
        if earlier is None:
            raise RefusedError(f"{current.version} is the only version so far, there is none before it")
        return tables.models.get(ctx.journal, earlier.model_id)
    target = model_of(ctx.journal, ctx.project, version)
    if target.id == current.id:
        raise RefusedError(f"{current.version} is in production already")
    return target


def _refuse_half_promoted(ctx: Context) -> None:
    """Refuse between a promotion's tags and its row, where the journal does not know yet what others see."""
    half = tables.runs.first(
        ctx.journal, "project = ? AND state = ? AND step IN ('commit', 'point')", ctx.project, RunState.RUNNING
    )
    if half is not None:
        raise RefusedError(f"run {half.id} is being promoted", remedy="ask again in a moment")


def restore(ctx: Context, target: Model) -> None:
    """Make sure that the served copy is there, byte for byte; one that was cleaned away comes out of DVC again."""
    copy = ctx.layout.models / target.version
    if copy.is_dir() and model_store.digest(copy) == target.digest:
        return
    tree = ctx.worktree(target.revision, "rollback")
    model = ctx.settings.retrain.model
    try:
        ctx.dvc(tree.root, "checkout", "--force", model)
    except OperationError:
        ctx.dvc(tree.root, "pull", "--force", model, remedy="`dvc pull` it, or roll back to another version")
    if model_store.make(ctx.layout.models, target.version, tree.root / model) != target.digest:
        raise RepositoryError(
            f"{model} at {target.revision[:10]} is not what was served as {target.version}",
            remedy="roll back to another version; the cache or the remote has changed",
        )


def _number(ctx: Context, last: int, target: Model) -> int:
    """Tag the assignment and return its number; a tag that an interrupted rollback left is taken over."""
    tags = ctx.tags()
    numbers = tags.numbers()
    number = max([last, *numbers]) + 1
    for left in (n for n in numbers if n > last and tags.commits[tags.assignment_tag(n)] == target.revision):
        return left
    tag = tags.assignment_tag(number)
    message = f"{target.version} goes into production again (rollback)"
    git = ctx.repository.git
    made = git.tag_object(tag, target.revision, message, ctx.journal.clock(), f"{NAME} <{EMAIL}>")
    set_references(git, [(f"refs/tags/{tag}", made, "")])
    return number
