"""Settings: one YAML file, checked whole, with errors that name file, line and what was meant."""

from driftd.config.load import find_file, load, located, parse
from driftd.config.model import Project, Settings

__all__ = ["Project", "Settings", "find_file", "load", "located", "parse"]
