"""How a new project, or a repository that exists, comes to its settings."""

from driftd.adopt.project import create

__all__ = ["create"]
