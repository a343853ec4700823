import gzip
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.pipeline import PIPELINE, stage

rows = stage("rows")
ROOT = PIPELINE.parent
SHARED = Path(os.environ.get("DRIFTD_SHARED", ROOT.parent / "shared")) / "data" / "us_addresses"


def read(folder):
    found, other = rows.data_files(folder)
    assert not other
    return {path.name: list(rows.read(path, folder)) for path in found}


def test_the_first_data_set_has_1500_addresses():
    (addresses,) = read(PIPELINE / "data").values()
    assert len({row.id for row in addresses}) == len(addresses) == 1500


def test_quiet_files_arrive_before_the_others():
    arrivals = read(PIPELINE / "sample" / "incoming")
    kinds = [name.split(".")[0].split("-")[1] for name in sorted(arrivals)]
    assert kinds == ["iowa"] * 8 + ["nationwide"] * 15
    assert [len(arrivals[name]) for name in sorted(arrivals)] == [100] * 22 + [113]


def test_every_entity_lies_in_its_text():
    for folder in (PIPELINE / "data", PIPELINE / "sample" / "incoming"):
        for found in read(folder).values():
            for row in found:
                assert all(row.text[start:end].strip() == row.text[start:end] for start, end, _ in row.entities)


def test_the_sample_is_small_and_says_whose_it_is():
    size = sum(path.stat().st_size for folder in ("data", "sample") for path in (PIPELINE / folder).rglob("*"))
    assert size < 600_000
    text = (PIPELINE / "DATA.md").read_text()
    assert "The MIT License (MIT)" in text
    assert "Copyright (c) 2014 The Atlanta Journal Constitution" in text


@pytest.mark.skipif(not SHARED.exists(), reason="the us_addresses set (DRIFTD_SHARED) is not here")
def test_the_sample_says_what_its_source_says():
    script = [sys.executable, ROOT / "benchmarks" / "make_sample.py", "--check"]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_packed_files_hold_no_time_and_no_name():
    for path in (PIPELINE / "sample" / "incoming").glob("*.gz"):
        content = path.read_bytes()
        assert content[3:8] == bytes(5)
        assert gzip.decompress(content).endswith(b"\n")
