"""Time-ordered real data with documented changes: what `driftd replay --reset daemon` alarms at, and when.

    python benchmarks/real_sets.py [DATA]        DATA: a folder with a folder for each set; default ../shared/data

Each line: the documented rows with the windows to their first alarm and what it was, then every other alarm. Of noaa_weather, whose seasons are the
changes, the patterns are counted.
"""

import json
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Case:
    """A set, its reference and windows, what is no feature, and where it is documented to change."""

    name: str
    reference: int
    rows: int
    ignore: tuple[str, ...] = ()
    changes: tuple[int, ...] = ()


NOT_FEATURES = ("id", "year", "employed", "prediction", "predicted_probability")
CASES = (
    Case("elec2", 4032, 336, ("date", "class"), (17424,)),
    Case("employment_ma_burst", 2000, 250, (), (12000, 22271)),
    Case("employment_ma_burst", 2000, 250, NOT_FEATURES, (12000, 22271)),
    Case("car_loan", 2000, 250, (), (15000,)),
    Case("adult_control", 2000, 250),
    Case("usenet1", 300, 50, ("class",)),
    Case("noaa_weather", 360, 30, ("rain",)),
    Case("wnut17", 100, 25, (), (3394, 4403, 4725, 5105)),
    Case("news_to_tweets", 500, 50, (), (1696,)),
    Case("inaugural", 250, 25, ("segment", "speech", "year"), (259, 580, 944)),
)
HORIZON = 6  # windows within which an alarm is a documented change's
YEAR = 365.25  # rows of noaa_weather


@dataclass(frozen=True)
class Alarm:
    """Where it was, of which columns, and what it turned out to be."""

    row: int
    columns: tuple[str, ...]
    pattern: str


def alarms(folder: Path, case: Case) -> list[Alarm]:
    words = ["--reference-rows", str(case.reference), "--batch-rows", str(case.rows), "--reset", "daemon", "--json"]
    words += [word for name in case.ignore for word in ("--ignore", name)]
    stream = next(path for path in sorted((folder / case.name).glob("data.*")) if path.suffix in (".parquet", ".jsonl"))
    command = [sys.executable, "-m", "driftd", "replay", str(stream), *words]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    lines = [json.loads(line) for line in said.splitlines()]
    kinds = {line["alarm_row_end"]: kind(line) for line in lines if "incident" in line}
    return [
        Alarm(line["row_end"], tuple(c["name"] for c in line["columns"] if c["drift"]), kinds.get(line["row_end"], "?"))
        for line in lines
        if line.get("drift")
    ]


def kind(incident: dict[str, Any]) -> str:
    regime = f" (as before alarm {incident['regime']})" if incident["regime"] else ""
    return f"{incident['pattern']}{regime}"


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[2] / "shared" / "data")
    for case in CASES:
        found = alarms(folder, case)
        own = {
            change: next((each for each in found if 0 < each.row - change <= HORIZON * case.rows), None)
            for change in case.changes
        }
        said = [
            f"{change}: " + (f"{(each.row - change) / case.rows:.1f} windows, {each.pattern}" if each else "not found")
            for change, each in own.items()
        ]
        without = f" without {', '.join(case.ignore)}" if case.ignore else ""
        print(f"{case.name} ({case.reference}, {case.rows}){without}")
        if case.name == "noaa_weather":
            years(found)
            continue
        others = [
            f"{each.row} ({each.pattern}; {', '.join(each.columns)})" for each in found if each not in own.values()
        ]
        print(f"    documented: {'; '.join(said) or 'none'}")
        print(f"    other alarms: {'; '.join(others) or 'none'}")


def years(found: list[Alarm]) -> None:
    """Print how many alarms were what, before the third year and each year from then on."""
    early = Counter(each.pattern.split()[0] for each in found if each.row <= 2 * YEAR)
    late = Counter(each.pattern.split()[0] for each in found if each.row > 2 * YEAR)
    others = Counter(
        int(each.row // YEAR) for each in found if each.row > 2 * YEAR and not each.pattern.startswith("recurring")
    )
    print(
        f"    two years: {dict(early)}; from the third year on: {dict(late)}; most others in a year: {max(others.values(), default=0)}"
    )


if __name__ == "__main__":
    main()
