"""How a new project, or a repository that exists, comes to its settings."""

from driftd.adopt.existing_repository import propose, write
from driftd.adopt.new_project import LISTEN, create

__all__ = ["LISTEN", "create", "propose", "write"]
