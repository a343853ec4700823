"""Time-ordered real data with documented changes: what `driftd replay --reset daemon` alarms at, and when.

    python benchmarks/real_sets.py [DATA]        DATA: a folder with a folder for each set; default ../shared/data

Each line: the documented rows and the windows to their first alarm, then every other alarm.
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


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
)
HORIZON = 3  # windows within which an alarm is a documented change's


def alarms(folder: Path, case: Case) -> list[tuple[int, list[str]]]:
    """Return the row and the columns of each alarm."""
    words = ["--reference-rows", str(case.reference), "--batch-rows", str(case.rows), "--reset", "daemon", "--json"]
    words += [word for name in case.ignore for word in ("--ignore", name)]
    command = [sys.executable, "-m", "driftd", "replay", str(folder / case.name / "data.parquet"), *words]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    lines = (json.loads(line) for line in said.splitlines())
    return [
        (line["row_end"], [c["name"] for c in line["columns"] if c["drift"]]) for line in lines if line.get("drift")
    ]


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[2] / "shared" / "data")
    for case in CASES:
        found = alarms(folder, case)
        own = {change: next((row for row, _ in found if 0 < row - change <= HORIZON * case.rows), None) for change in case.changes}  # fmt: skip
        said = [f"{change}: " + (f"{(row - change) / case.rows:.1f} windows" if row else "not found") for change, row in own.items()]  # fmt: skip
        others = [f"{row} ({', '.join(names)})" for row, names in found if row not in own.values()]
        without = f" without {', '.join(case.ignore)}" if case.ignore else ""
        print(f"{case.name} ({case.reference}, {case.rows}){without}")
        print(f"    documented: {'; '.join(said) or 'none'}")
        print(f"    other alarms: {'; '.join(others) or 'none'}")


if __name__ == "__main__":
    main()
