"""Settings: one YAML file, checked whole, with errors that name file, line and what was meant."""

from driftd.config.load import find_file, load, located, parse
from driftd.config.settings import Project, Settings
from driftd.config.units import Choice, choice

__all__ = ["Choice", "Project", "Settings", "choice", "find_file", "load", "located", "parse"]
