"""Files to windows: what arrives is settled, numbered, moved, read and admitted, and admitted rows are cut into windows."""

from driftd.intake import quarantine
from driftd.intake.intake import Intake
from driftd.intake.windows import close_windows

__all__ = ["Intake", "close_windows", "quarantine"]
