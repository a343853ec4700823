"""Windows are judged, whatever somebody has removed."""

import os

import pytest

from driftd.journal import tables
from support.years import Years


@pytest.fixture
def years(tmp_path):
    made = Years(tmp_path)
    yield made
    made.close()


def test_a_file_of_the_new_regime_that_is_gone_is_no_part_of_it_and_judging_goes_on(years):
    years.month("2025-01")
    years.come("2025-02-01 08:00", shift=1.0)
    years.come("2025-02-02 08:00", shift=1.0)
    [incident] = years.incidents
    assert years.project.reference_id is None
    assert "pattern" not in incident.detail
    for file in tables.files.all(years.journal, "id > ?", years.files - 2):
        os.unlink(file.location)  # noqa: PTH108  # bytes
    years.month("2025-03", shift=1.0)
    new = tables.references.get(years.journal, years.project.reference_id)
    [alarm] = incident.detail["alarms"]
    assert new.first_window == incident.onset_window
    first, last = new.made_of["windows"]
    assert (first, new.rows) == (incident.onset_window, 100 * (last - first - 1))  # two windows are gone
    assert alarm - 1 <= first <= alarm
    assert (years.windows[-1].state, years.windows[-1].reference_id) == ("judged", new.id)
    [incident] = years.incidents
    assert "pattern" not in incident.detail
    assert not years.windows[-1].verdict["alarm"]
