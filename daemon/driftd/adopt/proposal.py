"""What is proposed, and why: each setting is a line in the file, with its reason, and a line on the terminal."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Setting:
    """A value for `projects.NAME.<key>`; `others` could have been meant instead."""

    key: str
    value: Any
    why: str
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class Proposal:
    """Settings for a repository; `warnings` are what no setting can put right."""

    name: str
    repository: Path
    settings: tuple[Setting, ...]
    warnings: tuple[str, ...]
