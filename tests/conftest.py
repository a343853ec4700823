"""What tests of several rooms begin with: the small project, as a repository and with models in production."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.project import copy_project, make_project
from support.retraining import Retraining
from support.running import Kinds

# The files that take longest, which begin first, so that no worker is left with one of them alone at the end.
LONGEST = (
    "test_demo",
    "test_adopt",
    "test_retrain_crash",
    "test_kept_out",
    "test_backtest",
    "test_retrain",
    "test_retrain_faults",
    "test_hooks",
    "test_reference_pipeline",
    "test_recall",
    "test_training_rows",
    "test_gc",
    "test_init",
    "test_probation",
    "test_intake_crash",
    "test_daemon_crash",
    "test_boot",
    "test_alerting",
    "test_triggers_and_gates",
    "test_reference_stages",
)


def pytest_collection_modifyitems(items):
    """Let those files come first, then the other slow ones; the quick tests fill what is left at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: (item.path not in slow, places.get(item.path.stem, len(LONGEST))))


@pytest.fixture(scope="session")
def template(tmp_path_factory) -> Path:
    return make_project(tmp_path_factory.mktemp("template") / "repository")


@pytest.fixture
def repository(template, tmp_path) -> Path:
    return copy_project(template, tmp_path / "repository")


@pytest.fixture(scope="session")
def one_model(template, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("one-model")
    kinds = Retraining(copy_project(template, folder / "repository"), folder / "state")
    kinds.first()
    kinds.journal.close()
    return folder


@pytest.fixture(scope="session")
def two_models(one_model, tmp_path_factory) -> Path:
    """Besides, window 1 has brought rows of kinds c and d, and a second model."""
    folder = tmp_path_factory.mktemp("two-models")
    kinds = Retraining.copy(one_model, folder)
    kinds.arrive(1, "cd")
    kinds.answer((1, 1), 1)
    kinds.journal.close()
    return folder


@pytest.fixture(scope="session")
def watched(template, tmp_path_factory) -> Path:
    """A folder in which a daemon has made the first model, and has stopped."""
    kinds = Kinds(tmp_path_factory.mktemp("watched"), template)
    with kinds.daemon():
        kinds.wait_for_model()
    return kinds.folder


@pytest.fixture
def with_models(tmp_path, request) -> Callable[..., Retraining]:
    """Return what copies the project with one model or two in production, to run it with other settings."""

    def copied(models: int = 1, sections: dict[str, Any] | None = None) -> Retraining:
        return Retraining.copy(request.getfixturevalue(("one_model", "two_models")[models - 1]), tmp_path, sections)

    return copied
