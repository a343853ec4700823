"""What people read of the settings is what the model says."""

from typing import get_args

import pytest
import yaml

from driftd.config import load
from driftd.config.settings import KindName, StatisticName
from driftd.profile.features import Feature, features_of
from driftd.profile.vectors import DIRECTIONS
from driftd.stats import STATISTICS
from support.settings import ANNOTATED, ITSELF, REQUIRED, ROOT, sections, settings, table

DOCS = (ROOT / "docs" / "configuration.md").read_text()
MINIMAL = "projects:\n  addresses:\n    repository: /srv/addresses\n    source: {path: /srv/addresses-incoming}\n"


def test_the_annotated_file_sets_everything_to_its_default(tmp_path):
    minimal = tmp_path / "driftd.yaml"
    minimal.write_text(MINIMAL)
    assert load(ANNOTATED) == load(minimal)


@pytest.mark.parametrize("at", [at for at, _ in settings()], ids=".".join)
def test_the_annotated_file_has_every_setting(at):
    document = yaml.safe_load(ANNOTATED.read_text())
    for part in at:
        document = document[part if part != ITSELF else "addresses"]


def test_the_annotated_file_explains_every_line():
    lines = [line for line in ANNOTATED.read_text().splitlines() if line.strip()]
    sections_of = {at[-1] for at in sections() if at}
    for number, line in enumerate(lines):
        name = line.partition(":")[0].strip()
        explained = "#" in line or lines[number - 1].strip().startswith("#")
        assert explained or name in sections_of | {"projects", "rows"}, line


@pytest.mark.parametrize("section", sections(), ids=lambda at: ".".join(at) or "top")
def test_the_docs_list_a_section_as_it_is(section):
    assert table(section) in DOCS, f"docs/configuration.md should say:\n{table(section)}"


def test_the_docs_list_no_other_setting():
    assert DOCS.count("\n| `") == len(list(settings()))
    assert len(REQUIRED) == DOCS.count("| must be set |")


def test_the_docs_name_every_part_and_statistic():
    kinds = [Feature(kind, kind) for kind in get_args(KindName)]
    parts = {
        f.part for f in features_of((type("C", (), {"name": k.column, "kind": k.kind})() for k in kinds), ("NAME",))
    }
    between = {f"direction{i}" for i in range(2, DIRECTIONS)}  # said by the first and the last
    for name in {*parts, *get_args(StatisticName)} - {""} - between:
        assert f"`{name}`" in DOCS
    after = DOCS.index("because they need numbers")
    assert all(
        (DOCS.index(f"`{s.name}`", DOCS.index("for every kind")) > after) == s.ordered for s in STATISTICS.values()
    )
