"""The process that moves an alias: registers the version if the registry has none of that name, then points the alias at it."""

import json
import sys
from typing import Any


def move(order: dict[str, Any]) -> str:
    """Carry out an order and return the number of the version that the alias names now; doing it twice changes nothing."""
    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=order["registry"], registry_uri=order["registry"])
    name, tags = order["model"], order["tags"]
    try:
        client.get_registered_model(name)
    except MlflowException:
        client.create_registered_model(name)
    known = client.search_model_versions(f"name='{name}'")
    same = [each for each in known if all(each.tags.get(key) == tags[key] for key in tags)]
    found = same[0] if same else client.create_model_version(name, order["source"], tags=tags)
    client.set_registered_model_alias(name, order["alias"], found.version)
    return str(found.version)


def main() -> None:
    try:
        print(move(json.loads(sys.argv[1])))  # noqa: T201  # its parent's log
    except ImportError as error:
        sys.exit(f"the MLflow client is missing ({error}): pip install 'driftd[mlflow]'")


if __name__ == "__main__":
    main()
