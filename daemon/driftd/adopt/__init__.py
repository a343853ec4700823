"""How a new project, or a repository that exists, comes to its settings."""

from driftd.adopt.project import LISTEN, create
from driftd.adopt.repository import propose, write

__all__ = ["LISTEN", "create", "propose", "write"]
