"""A proposal as the text of a settings file: each assumption is a comment above its line."""

import textwrap
from collections.abc import Iterator
from itertools import groupby
from typing import Any

import yaml

from driftd.adopt.proposal import Proposal, Setting

WIDTH = 118
HEAD = """\
# Settings of driftd for {repository}, made by `driftd init --repository`.
# Each comment says where a value comes from: correct what was assumed wrongly. `driftd config check` checks this file,
# `driftd config schema` describes every setting.
state_dir: state                # journal, profiles, runs; state/{name}/models/current is the model in production
http: {{listen: 127.0.0.1:9469}}  # status page, API and /metrics

projects:
  {name}:
    repository: {quoted}
    source: {{path: incoming}}    # new files go here; write them elsewhere or as .NAME.part and rename them in
"""
DRIFT = """\
    # columns: {zip: categorical} # kinds are told from the data; name those that are not as they look, such as numbers that are codes
    drift:
      false_alarms: 1 per 5000 windows
      min_effect: 0.02          # smaller shifts are not worth an incident
"""
LIMITS = """\
      min_rows: 200             # rows of the new kind that training waits for
      cooldown: 6h              # between the end of a run and the start of the next
"""
NO_ROWS = """\
      # per_row: rows.jsonl     # of lines like {"row": ID, "value": 1.0}, one for each test row; with it, better means
      #                         # significantly better
"""
ENDS = {"window": DRIFT, "retrain": LIMITS}


def render(proposal: Proposal) -> str:
    """Return the text of the file."""
    return "".join(_parts(proposal))


def _parts(proposal: Proposal) -> Iterator[str]:
    yield HEAD.format(name=proposal.name, repository=proposal.repository, quoted=flow(str(proposal.repository)))
    for section, settings in groupby(proposal.settings, key=lambda setting: setting.key.partition(".")[0]):
        several = list(settings)
        nested = "." in several[0].key
        if nested and section != "drift":
            yield f"    {section}:\n"
        for setting in several:
            yield _lines(setting, " " * (6 if nested else 4))
        yield ENDS.get(section, "")
    if not any(setting.key == "promote.per_row" for setting in proposal.settings):
        yield NO_ROWS
    if proposal.warnings:
        yield "\n"
    for warning in proposal.warnings:
        yield _comment(f"Caution: {warning}", "")


def _lines(setting: Setting, indent: str) -> str:
    name = setting.key.rpartition(".")[2]
    others = _comment(f"or: {', '.join(setting.others)}", indent) if setting.others else ""
    return f"{_comment(setting.why, indent)}{others}{indent}{name}: {flow(setting.value)}\n"


def _comment(text: str, indent: str) -> str:
    plain = " ".join(text.split())
    lines = textwrap.wrap(plain, WIDTH - len(indent) - 2, break_long_words=False, break_on_hyphens=False)
    return "".join(f"{indent}# {line}\n" for line in lines)


def flow(value: Any) -> str:
    """Return a value as YAML in one line."""
    text: str = yaml.safe_dump(value, default_flow_style=True, width=100_000, allow_unicode=True)
    return text.removesuffix("...\n").strip()
