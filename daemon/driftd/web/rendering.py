"""The templates, and what each of them may use."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from driftd import __version__
from driftd.observe.sanitize import clean
from driftd.observe.views.overview import PHASES
from driftd.web import filters
from driftd.web.charts import series


def shown(value: object) -> object:
    """Make control characters visible in whatever a template prints."""
    return clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value


templates = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=True,
    finalize=shown,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
templates.globals |= {
    "version": __version__,
    "phases": PHASES,
    "gain_of": series.gain,
    "level_of": series.level,
    "slots": series.slots,
}
templates.filters |= filters.FILTERS


def compile_templates() -> None:
    """Compile every template now, so that the first page is as quick as the others."""
    for name in templates.list_templates():
        templates.get_template(name)
