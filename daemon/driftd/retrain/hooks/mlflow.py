"""An alias in an MLflow model registry, moved by a process of its own: the client is an extra (`pip install 'driftd[mlflow]'`)."""

import json
import sys

from driftd.config.settings import Hook
from driftd.retrain.context import Context
from driftd.retrain.hooks.command import run
from driftd.retrain.hooks.payload import Notice


def call(ctx: Context, hook: Hook, notice: Notice) -> None:
    asked = hook.model_dump()["mlflow"]
    source = (asked["source"] or notice.data["path"]).replace("{version}", notice.version)
    order = asked | {
        "source": source,
        "tags": {f"driftd.{key}": notice.data[key] for key in ("project", "version", "revision", "digest")},
    }
    run(ctx, hook, [sys.executable, "-P", "-m", "driftd.retrain.hooks.mlflow_alias", json.dumps(order)])
