"""Where the files of a source are kept once they have a number."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from driftd.journal.records import File

LONGEST = 255  # bytes of a file's name
_NUMBER = re.compile(r"(\d{6,18})-")


class Places:
    """`processed/` and `quarantine/` inside the source folder, so that a move is a rename; files there bear their number."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.processed = root / "processed"
        self.quarantine = root / "quarantine"

    def processed_as(self, file: File) -> Path:
        return self.processed / numbered(file)

    def quarantined_as(self, file: File) -> Path:
        return self.quarantine / numbered(file)

    def back(self, file: File) -> Path:
        """Return where a file goes that was moved too early: to where it came from, if that name is free."""
        came_from = Path(os.fsdecode(file.location))
        if came_from.parent in (self.processed, self.quarantine):
            came_from = self.root / file.name.rsplit("/", 1)[-1]
        return came_from.with_name(numbered(file)) if os.path.lexists(came_from) else came_from

    def highest(self) -> int:
        """Return the highest number in use here, by this journal or by one before it."""
        folders = (self.processed, self.quarantine)
        names = [path.name for folder in folders if folder.is_dir() for path in folder.iterdir()]
        return max((int(match[1]) for name in names if (match := _NUMBER.match(name))), default=0)


def numbered(file: File) -> str:
    """Return the name of a file that has its number; a long one loses its beginning."""
    prefix = f"{file.id:06d}-"
    base = file.name.rsplit("/", 1)[-1].encode()
    return prefix + base[-(LONGEST - len(prefix)) :].decode("utf-8", "ignore")
