"""What ships with driftd beside its code: the reference project, the annotated settings, the units."""

from pathlib import Path


def share_dir() -> Path:
    """Return the folder that holds pipeline/, config/ and systemd/, in an installed driftd as in a checkout."""
    installed = Path(__file__).with_name("_share")
    return installed if installed.is_dir() else Path(__file__).parents[2]
