"""Where things lie in the state folder."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Layout:
    """Folders of one project; nothing in them is named by anything but the journal and the pointer."""

    state_dir: Path
    project: str

    @property
    def root(self) -> Path:
        return self.state_dir / self.project

    @property
    def references(self) -> Path:
        return self.root / "references"

    @property
    def windows(self) -> Path:
        return self.root / "windows"

    @property
    def batches(self) -> Path:
        return self.root / "batches"

    @property
    def labels(self) -> Path:
        """Labels that came later than their rows."""
        return self.root / "labels"

    @property
    def to_label(self) -> Path:
        """Rows that are most worth a label, while an incident waits for labels."""
        return self.root / "to_label.jsonl"

    @property
    def worktrees(self) -> Path:
        return self.root / "worktrees"

    @property
    def home(self) -> Path:
        """HOME of git, DVC and the stages."""
        return self.root / "home"

    @property
    def models(self) -> Path:
        return self.root / "models"

    @property
    def current(self) -> Path:
        """The pointer: a symbolic link to the champion's served copy."""
        return self.models / "current"

    def run(self, run_id: int) -> Path:
        return self.root / "runs" / str(run_id)


def journal_path(state_dir: Path) -> Path:
    return state_dir / "journal.db"
