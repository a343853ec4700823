"""Rows of a recorded stream that a model is made of."""

from pathlib import Path

import pytest

from driftd.backtest.model_factory import Part
from driftd.backtest.stream import Recorded
from driftd.backtest.stream_rows import parts
from driftd.config import choice
from driftd.readers import Schema

STREAM = Recorded(Path("stream.csv"), Schema(()), (), first=300, window=50, rows=1300)
DAY = 86400.0


@pytest.mark.parametrize(
    ("rule", "window", "onset", "expected"),
    [
        ("all", 4, None, [Part(0, 500)]),
        ("all", 4, 3, [Part(0, 400), Part(400, 500, new=True)]),
        ("last 120 rows", 4, None, [Part(380, 500)]),
        ("last 120 rows", 4, 3, [Part(380, 400), Part(400, 500, new=True)]),
        ("last 120 rows", 4, 1, [Part(380, 500, new=True)]),
        ("last 2d", 4, None, [Part(350, 500)]),
        ("last 30d", 4, None, [Part(0, 500)]),
        ("regime", 4, 3, [Part(400, 500, new=True)]),
        ("regime", 4, None, [Part(0, 500)]),
        ("regime + 20%", 4, 3, [Part(0, 400, share=0.2), Part(400, 500, new=True)]),
        ("regime + 100 rows", 4, 3, [Part(0, 400, share=0.25), Part(400, 500, new=True)]),
        ("regime + 900 rows", 4, 3, [Part(0, 400), Part(400, 500, new=True)]),
        ("last 120 rows", 0, None, [Part(0, 300)]),
    ],
)
def test_rows_are_chosen_as_the_settings_say(rule, window, onset, expected):
    assert list(parts(STREAM, choice(rule), DAY, window, onset)) == expected
