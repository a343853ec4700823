"""What happens after a promotion or rollback: one module a kind, registered by the setting's name."""

from collections.abc import Callable

from driftd.config.settings import Hook
from driftd.retrain.context import Context
from driftd.retrain.hooks import command, mlflow, pushes, webhook
from driftd.retrain.hooks.payload import Notice

KINDS: dict[str, Callable[[Context, Hook, Notice], None]] = {
    "command": command.call,
    "webhook": webhook.call,
    "dvc_push": pushes.dvc_push,
    "git_push": pushes.git_push,
    "mlflow": mlflow.call,
}

__all__ = ["KINDS", "Notice"]
