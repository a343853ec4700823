"""Labels that turn round while the words stay as they are: usenet1, whose reader changes interests every 300 messages."""

import os
import sys
from pathlib import Path

import pytest

from support.parts import lacking

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SHARED = Path(os.environ.get("DRIFTD_SHARED", ROOT.parent / "shared")) / "data"
FLIPS = (300, 600, 900, 1200)
WINDOW = 50


def test_every_turn_is_an_incident_within_two_windows_and_nothing_else_is(monkeypatch):
    if not (SHARED / "usenet1").is_dir():
        lacking(f"{SHARED / 'usenet1'} is missing; its licence does not let it be part of this repository")
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    from usenet import incidents

    found, _ = incidents(SHARED, seed=0)
    sys.modules.pop("usenet"), sys.modules.pop("closed_loop")
    assert [kind for kind, _ in found] == ["score"] * len(FLIPS)
    assert all(0 < row - flip <= 2 * WINDOW for (_, row), flip in zip(found, FLIPS, strict=True)), found
