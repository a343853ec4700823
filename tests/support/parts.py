"""Parts of the machine that some tests need beside Python's packages."""

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest


def require(program: str) -> str:
    """Return the path of a program; without it the test is skipped, and in CI it fails."""
    path = shutil.which(program)
    if path is None:
        lacking(f"{program} is missing; `make test-services` installs it")
    return path


def axe() -> Path:
    """Return the script that looks for what keeps people from using a page."""
    path = Path(__file__).parents[2] / ".venv/axe/node_modules/axe-core/axe.min.js"
    if not path.is_file():
        lacking("axe-core is missing; `make test-services` installs it")
    return path


def lacking(reason: str) -> NoReturn:
    """Skip a test for lack of a part of the machine; in CI, where nothing may be missing, let it fail."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
