"""Real rows through two years and a bit, with and without their season in the settings: how many alarms are there?

    python benchmarks/seasons.py [DATA]        DATA: a folder with a folder for each set; default ../shared/data

Real intake, windows, judging and references on a made-up clock, one file a window; every incident counts as answered as soon as its new regime is watched, as by
a promotion. The settings are the defaults but for the rows of windows and references.

employment: households, and people in group quarters in December: those of 2017 the first time, those of 2018 the second (employment_ma_burst).
addresses: addresses of one county, and in December those of all the US, another half each time (us_addresses, texts and entities).
bikes: hours of 2011 and 2012 by their own dates, the weather alone, a window a week; the four seasons of meteorology (bike_sharing).
"""

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow.csv
import pyarrow.parquet

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from driftd.incidents import lifecycle
from driftd.readers import infer
from support.years import CHRISTMAS, Years, moment

METEOROLOGY = (
    {"name": "winter", "from": "12-01", "to": "02-29"},
    {"name": "spring", "from": "03-01", "to": "05-31"},
    {"name": "summer", "from": "06-01", "to": "08-31"},
    {"name": "autumn", "from": "09-01", "to": "11-30"},
)
Rows = pyarrow.Table | list[str]
File = tuple[str, Rows]


@dataclass(frozen=True)
class Stream:
    """Rows of the first reference, then files with their days."""

    name: str
    first: Rows
    files: list[File]
    seasons: tuple[dict[str, str], ...]
    window: int
    reference: int
    suffix: str = ".csv"
    settings: dict[str, Any] = field(default_factory=dict)


def text(rows: Rows) -> bytes:
    if isinstance(rows, list):
        return "".join(rows).encode()
    out = pyarrow.BufferOutputStream()
    pyarrow.csv.write_csv(rows, out)
    return out.getvalue().to_pybytes()


class Replayed(Years):
    """A project of a stream's rows."""

    def __init__(self, folder: Path, stream: Stream, *, named: bool) -> None:
        self.stream = stream
        self.first = folder / f"first{stream.suffix}"
        self.first.write_bytes(text(stream.first))
        self.columns = infer([str(self.first)]).to_json()
        seasons = stream.seasons if named else ()
        sizes = {"window": {"rows": stream.window, "max_age": None}, "reference": {"rows": stream.reference}}
        super().__init__(folder, *seasons, **sizes, **stream.settings)

    def first_rows(self) -> tuple[Path, int]:
        return self.first, len(self.stream.first)

    def pass_by(self) -> list[str]:
        """Let all files come; return the days of alarms."""
        alarms: list[str] = []
        for day, rows in self.stream.files:
            self.files += 1
            path = self.incoming / f"{self.files:05d}{self.stream.suffix}"
            path.write_bytes(text(rows))
            os.utime(path, (moment(f"{day} 08:00"),) * 2)
            known = len(self.windows)
            self.look(f"{day} 08:00")
            alarms += [day for window in self.windows[known:] if window.verdict and window.verdict["alarm"]]
            if self.project.reference_id is not None and lifecycle.drifting(self.journal, self.name):
                self.answer()
        return alarms


def spread(rows: Rows, window: int, first: str, last: str) -> Iterator[File]:
    """Spread rows over days, a window a file; what is left over is left out."""
    begin, end = (datetime.fromisoformat(day).replace(tzinfo=UTC) for day in (first, last))
    count = len(rows) // window
    for i in range(count):
        part = rows[i * window : (i + 1) * window] if isinstance(rows, list) else rows.slice(i * window, window)
        yield f"{begin + (end - begin) * i / count:%Y-%m-%d}", part


def two_years(usual: Rows, seasonal: tuple[Rows, Rows], window: int) -> list[File]:
    """Let the usual rows be those of two years and a January, and the others those of both Decembers."""
    third = len(usual) * 3 // 7 // window * window
    parts = [usual[i : i + third] if isinstance(usual, list) else usual.slice(i, third) for i in (0, third, 2 * third)]
    return [
        *spread(parts[0], window, "2025-01-01", "2025-12-01"),
        *spread(seasonal[0], window, "2025-12-01", "2026-01-01"),
        *spread(parts[1], window, "2026-01-01", "2026-12-01"),
        *spread(seasonal[1], window, "2026-12-01", "2027-01-01"),
        *spread(parts[2], window, "2027-01-01", "2027-02-01"),
    ]


def employment(data: Path) -> Stream:
    table = pyarrow.parquet.read_table(data / "employment_ma_burst" / "data.parquet")
    table = table.drop_columns(["id", "year", "prediction", "predicted_probability"])
    households = pyarrow.concat_tables([table.slice(4000, 8000), table.slice(22271)])
    quarters = table.slice(12000, 5142), table.slice(17142, 5129)
    return Stream("employment", table.slice(0, 4000), two_years(households, quarters, 250), (CHRISTMAS,), 250, 4000)


def addresses(data: Path) -> Stream:
    lines = (data / "us_addresses" / "data.jsonl").read_text().splitlines(keepends=True)
    rows = [
        json.dumps({key: value for key, value in json.loads(line).items() if key != "segment"}) + "\n" for line in lines
    ]
    files = two_years(rows[2000:15000], (rows[15000::2], rows[15001::2]), 90)
    return Stream("addresses", rows[:2000], files, (CHRISTMAS,), 90, 2000, ".jsonl")


def bikes(data: Path) -> Stream:
    table = pyarrow.parquet.read_table(data / "bike_sharing" / "data.parquet")
    weather = table.select(["weathersit", "temp", "atemp", "hum", "windspeed"])
    days = [f"{day:%Y-%m-%d}" for day in table["date"].to_pylist()]
    files, position = [], 0
    for day, hours in groupby(days):
        count = len(list(hours))
        if day >= "2011-03-01":
            files.append((day, weather.slice(position, count)))
        position += count
    first = weather.slice(0, days.index("2011-03-01"))
    return Stream("bikes", first, files, METEOROLOGY, 168, 10_000, settings={"intake": {"volume_factor": None}})


def main() -> None:
    data = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[2] / "shared" / "data")
    print("| stream | seasons | windows | armed | alarms | at |\n| --- | --- | ---: | ---: | ---: | --- |")
    for make in (employment, addresses, bikes):
        stream = make(data)
        for named in (False, True):
            with tempfile.TemporaryDirectory() as folder:
                years = Replayed(Path(folder), stream, named=named)
                alarms = years.pass_by()
                armed = sum(bool(window.verdict and window.verdict["armed"]) for window in years.windows)
                print(
                    f"| {stream.name} | {'named' if named else 'not named'} | {len(years.windows)} | {armed} | {len(alarms)} | {', '.join(alarms)} |",
                    flush=True,
                )
                years.close()


if __name__ == "__main__":
    main()
