"""What people see of the journal: the CLI's `--json`, the API and the pages show these same objects.

Built from a journal opened for reading; times are UTC. `msgspec.json.encode` makes JSON of any of them.
"""

from driftd.observe.views.heatmap import HeatView, heat
from driftd.observe.views.history import Entry, timeline
from driftd.observe.views.incident_story import Story, story
from driftd.observe.views.incidents import IncidentView, incident, incidents
from driftd.observe.views.intake import FileView, files
from driftd.observe.views.models import ModelView, model, models
from driftd.observe.views.overview import ProjectView, project, projects
from driftd.observe.views.runs import RunView, run, runs
from driftd.observe.views.windows import Evidence, WindowView, windows

__all__ = [
    "Entry",
    "Evidence",
    "FileView",
    "HeatView",
    "IncidentView",
    "ModelView",
    "ProjectView",
    "RunView",
    "Story",
    "WindowView",
    "files",
    "heat",
    "incident",
    "incidents",
    "model",
    "models",
    "project",
    "projects",
    "run",
    "runs",
    "story",
    "timeline",
    "windows",
]
