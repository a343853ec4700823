"""Files to windows: what arrives is settled, numbered, moved, read and admitted, and admitted rows are cut into windows."""

from driftd.intake import quarantine
from driftd.intake.source_scanner import Intake
from driftd.intake.window_cutter import close_windows

__all__ = ["Intake", "close_windows", "quarantine"]
