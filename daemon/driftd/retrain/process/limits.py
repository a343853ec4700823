"""What a command may use while it runs: memory of all its processes together, and the disk down to a floor."""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from driftd.errors import CommandLimitError

PAGE = os.sysconf("SC_PAGE_SIZE")
UNITS = ("B", "kB", "MB", "GB", "TB")


@dataclass(frozen=True)
class Limits:
    """`places` are folders on the file systems that a command writes to."""

    memory: float | None = None  # bytes
    free_disk: float = 0.0  # bytes
    nice: int = 0
    places: Sequence[Path] = ()

    def check(self, pid: int, name: str) -> None:
        """Raise where the command whose supervisor has this pid uses more than it may."""
        if self.memory is not None and (used := memory_of(pid, self.memory)) > self.memory:
            raise CommandLimitError(
                f"`{name}` used {size(used)} of memory, more than {size(self.memory)}, and was ended",
                remedy="raise retrain.memory, or let the stage use less",
            )
        if self.free_disk and (short := shortage(self.places, self.free_disk)):
            raise CommandLimitError(
                f"`{name}` was ended because {short}", remedy="free disk space, or lower retrain.free_disk"
            )


NONE = Limits()


def shortage(places: Sequence[Path], floor: float) -> str | None:
    """Say which file system has less free space than the floor."""
    for place in places:
        there = next(folder for folder in (place, *place.parents) if folder.exists())
        disk = os.statvfs(there)
        free = disk.f_bavail * disk.f_frsize
        if free < floor:
            return f"{size(free)} are free at {there}, less than {size(floor)}"
    return None


def memory_of(root: int, enough: float) -> float:
    """Return the bytes that the processes below `root` hold; shared pages count once if the sum is above `enough`."""
    pids = list(descendants(root))
    resident = sum(_resident(pid) for pid in pids)
    return resident if resident <= enough else sum(_proportional(pid) for pid in pids)


def descendants(root: int) -> Iterator[int]:
    """Yield the processes below one that the system shows."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parent = int(path.read_bytes().rpartition(b")")[2].split()[1])
            children.setdefault(parent, []).append(int(path.parent.name))
    waiting = children.get(root, [])
    while waiting:
        pid = waiting.pop()
        yield pid
        waiting += children.get(pid, [])


def _resident(pid: int) -> int:
    with suppress(OSError, IndexError):
        return int(Path(f"/proc/{pid}/statm").read_bytes().split()[1]) * PAGE
    return 0


def _proportional(pid: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_bytes().splitlines():
            if line.startswith(b"Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def size(number: float) -> str:
    """Write bytes as a person reads them."""
    for unit in UNITS[:-1]:
        if abs(number) < 1000:  # noqa: PLR2004  # the next unit begins here
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:.3g} {UNITS[-1]}"
