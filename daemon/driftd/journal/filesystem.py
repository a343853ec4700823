"""What kind of disk a folder is on."""

from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")


def file_system(folder: Path, mounts: Path = MOUNTS) -> str:
    """Return the type of the file system that holds a folder, such as ext4 or nfs4; empty where the system does not say."""
    best, kind = "", ""
    resolved = str(folder.resolve())
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return ""
    for line in lines:
        left, _, right = line.partition(" - ")
        mount = left.split()[4].replace("\\040", " ")
        inside = resolved == mount or resolved.startswith(mount.rstrip("/") + "/")
        if inside and len(mount) >= len(best):
            best, kind = mount, right.split()[0]
    return kind
