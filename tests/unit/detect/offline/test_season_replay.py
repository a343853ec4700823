"""Seasons in a recorded stream: cut, begun and ended as the daemon does with files that come."""

import csv
import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from typer.testing import CliRunner

from driftd.cli.main import build_app
from driftd.config.season_calendar import Occurrence
from driftd.config.settings import Season
from driftd.detect.offline.season_replay import Calendar
from support.years import CHRISTMAS, REFERENCE, WINDOW, Years

MONTHS = [("2025-11", 0.0), ("2025-12", 1.0), ("2026-01", 0.0), ("2026-12", 1.0), ("2027-01", 0.0)]
ARGUMENTS = ["--reference-rows", str(REFERENCE), "--batch-rows", str(WINDOW)]


@pytest.fixture(scope="module")
def stream(tmp_path_factory):
    """Write a stream with a time in each row: the first reference, then a window on every second day of some months."""
    random = np.random.default_rng(3)
    days = [datetime(2025, 10, 1, tzinfo=UTC)] * (REFERENCE // WINDOW)
    shifts = [0.0] * len(days)
    for month, shift in MONTHS:
        days += [datetime.fromisoformat(f"{month}-{day:02d}").replace(tzinfo=UTC) for day in range(1, 29, 2)]
        shifts += [shift] * 14
    path = tmp_path_factory.mktemp("stream") / "stream.csv"
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["at", "x", "y"])
        for day, shift in zip(days, shifts, strict=True):
            for row, (x, y) in enumerate(random.normal(size=(WINDOW, 2))):
                out.writerow([f"{day + timedelta(seconds=row):%Y-%m-%dT%H:%M:%SZ}", f"{x + shift:.6f}", f"{y:.6f}"])
    return path


def replayed(stream, *words):
    done = CliRunner().invoke(build_app(), ["replay", str(stream), *ARGUMENTS, "--json", *words])
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in done.stdout.splitlines()]


def named(stream):
    return replayed(stream, "--timestamp", "at", "--season", "christmas=12-01..12-31")


def alarms(lines):
    return [line["row_end"] for line in lines if line.get("drift")]


def test_the_second_time_neither_turn_is_an_alarm(stream):
    december = REFERENCE + 14 * WINDOW
    without = alarms(replayed(stream, "--ignore", "at"))
    assert without == [december + i * 14 * WINDOW + WINDOW for i in range(4)]
    lines = named(stream)
    assert alarms(lines) == [december + WINDOW]
    turns = [(line["turn"], line["year"], line["row"], line.get("against")) for line in lines if "turn" in line]
    assert turns == [
        ("begin", 2025, december, None),
        ("end", 2025, december + 14 * WINDOW, None),
        ("begin", 2026, december + 28 * WINDOW, 2025),
        ("end", 2026, december + 42 * WINDOW, None),
    ]
    shown = CliRunner().invoke(
        build_app(), ["replay", str(stream), *ARGUMENTS, "--timestamp", "at", "--season", "christmas=12-01..12-31"]
    )
    assert "christmas of 2026 has begun, held against that of 2025" in shown.stdout
    assert "christmas of 2025 has ended; its rows are kept for the next time" in shown.stdout


@pytest.mark.slow
def test_it_says_what_the_daemon_does(stream, tmp_path):
    class Same(Years):
        def first_rows(self):
            head, *rows = stream.read_text().splitlines(keepends=True)
            path = tmp_path / "first.csv"
            path.write_text("".join(line.split(",", 1)[1] for line in [head, *rows[:REFERENCE]]))
            return path, REFERENCE

    years = Same(tmp_path, CHRISTMAS, reference={"rows": 10_000})
    _, *rows = stream.read_text().splitlines()
    for first in range(REFERENCE, len(rows), WINDOW):
        part = [row.split(",") for row in rows[first : first + WINDOW]]
        when = part[0][0].removesuffix("Z")
        years.put(when, [values for _, *values in part])
        years.look(when)
    told = {line["row_end"]: line for line in named(stream) if "row_end" in line}
    for window in years.windows:
        line = told[REFERENCE + window.number * WINDOW]
        verdict = window.verdict or {"armed": False, "alarm": False, "evidence": 1.0}
        assert (line["armed"], line["drift"]) == (verdict["armed"], verdict["alarm"]), window.number
        assert line["evidence"] == pytest.approx(verdict["evidence"]), window.number
    years.close()


def test_a_window_is_cut_where_the_season_of_its_rows_changes():
    times = pa.array(
        [
            None,
            *(datetime(2025, 11, 30, 23, minute, tzinfo=UTC) for minute in (0, 59)),
            None,
            *(datetime(2025, 12, day, tzinfo=UTC) for day in (1, 31)),
            datetime(2026, 1, 1, tzinfo=UTC),
        ],
        pa.timestamp("us", "UTC"),
    )
    batch = pa.RecordBatch.from_arrays([times], ["at"])
    calendar = Calendar([Season.model_validate(CHRISTMAS)], "at")
    christmas = Occurrence("christmas", 2025)
    assert calendar.first([batch.slice(0, 2), batch.slice(2)]) == (None, 4)
    assert calendar.first([batch.slice(4)]) == (christmas, 2)
    assert calendar.first([batch.slice(6)]) == (None, 1)
    assert calendar.first([batch.slice(3, 1)]) == (None, 1), "no time at all"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--season", "christmas=12-01..12-31"], "--season and --timestamp belong together"),
        (["--timestamp", "at"], "--season and --timestamp belong together"),
        (["--timestamp", "at", "--season", "christmas"], "--season: '' is no day"),
        (["--timestamp", "at", "--season", "a=12-01..12-40"], "'12-40' is no day; write month and day like 12-24"),
        (["--timestamp", "at", "--season", "a=12-01..12-31", "--season", "a=01-01..01-31"], "two seasons called 'a'"),
        (["--timestamp", "x", "--season", "a=12-01..12-31"], "--timestamp x: this column is numeric, no time"),
        (["--timestamp", "z", "--season", "a=12-01..12-31"], "--timestamp z: this column is not in the stream"),
        (["--timestamp", "at", "--season", "a=12-01..12-31", "--reset", "rows"], "--season is for --reset daemon"),
    ],
)
def test_wrong_usage(stream, words, said):
    done = CliRunner().invoke(build_app(), ["replay", str(stream), *ARGUMENTS, *words])
    assert isinstance(done.exception, Exception)
    assert said in str(getattr(done.exception, "message", done.output)) + done.output
