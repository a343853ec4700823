import os

import pytest

from driftd.intake.folders import LONGEST, Places, numbered
from driftd.journal.records import File, FileState


def file(number, name, location=b"/in/x.csv"):
    return File(
        id=number,
        project="p",
        name=name,
        location=location,
        sha256="",
        size=0,
        mtime_ns=0,
        state=FileState.ARRIVED,
        rows=0,
        bad_rows=0,
        windowed=0,
        reason=None,
        remedy=None,
        arrived_at=0.0,
        admitted_at=None,
        unlabelled=None,
        labels=None,
        came_at=0.0,
    )


def test_the_number_stands_first_so_that_names_sort_by_admission():
    names = [numbered(file(number, "x.csv")) for number in (1, 9, 10, 999_999)]
    assert names == sorted(names) == ["000001-x.csv", "000009-x.csv", "000010-x.csv", "999999-x.csv"]


def test_a_sub_folder_is_not_part_of_the_name():
    assert numbered(file(7, "sub/deep/x.csv")) == "000007-x.csv"


@pytest.mark.parametrize("name", ["a" * 251 + ".csv", "ä" * 130 + ".jsonl.gz", r"\xe9" * 80 + ".csv"])
def test_the_longest_names_keep_their_ending(name):
    made = numbered(file(7, name))
    assert len(os.fsencode(made)) <= LONGEST
    assert made.startswith("000007-")
    assert made.endswith(name[-8:])


def test_a_file_goes_back_where_it_came_from_unless_that_name_is_taken(tmp_path):
    places = Places(tmp_path)
    came_from = os.fsencode(tmp_path / "x.csv")
    assert places.back(file(3, "x.csv", came_from)) == tmp_path / "x.csv"
    (tmp_path / "x.csv").symlink_to("nowhere")
    assert places.back(file(3, "x.csv", came_from)) == tmp_path / "000003-x.csv"


def test_a_file_from_quarantine_goes_back_to_the_source(tmp_path):
    places = Places(tmp_path)
    assert (
        places.back(file(3, "sub/x.csv", os.fsencode(tmp_path / "quarantine" / "000001-x.csv"))) == tmp_path / "x.csv"
    )


def test_the_highest_number_in_use(tmp_path):
    places = Places(tmp_path)
    assert places.highest() == 0
    for name in ("processed/000012-x.csv", "quarantine/000345-y.csv", "processed/readme", "processed/99-x.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    assert places.highest() == 345
