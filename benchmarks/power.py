"""Power: known changes in one column of ten, between columns, in texts and entities, and broken data; how many windows to an alarm?

    python benchmarks/power.py [--seeds 10] [--rows 250]

A reference of 2,000 rows, 20 quiet windows, then the change, for 40 windows; budget and floor are the defaults. Drift is to be found
and named; broken data are to be a quality incident with `drift` false. Volume is a matter of files, and stands alone.
"""

import argparse
from collections.abc import Callable
from statistics import median

import numpy as np
import pyarrow as pa
from structure import STRUCTURE, Draw

from driftd.detect.file_volume import odd_volumes
from driftd.detect.history import History
from driftd.detect.reference import Reference
from driftd.detect.sequential_test import step
from driftd.detect.settings import DriftSettings
from driftd.profile import Profile
from driftd.readers import Column, Kind

Moved = Callable[[np.random.Generator, dict[str, np.ndarray]], None]
LETTERS = np.array(list("abcde"))
SHARES = [0.4, 0.3, 0.2, 0.1, 0.0]
COLUMNS = [
    *(Column(f"n{i}", Kind.NUMERIC) for i in range(8)),
    Column("c0", Kind.CATEGORICAL),
    Column("c1", Kind.CATEGORICAL),
]
QUIET, CHANGED, REFERENCE = 20, 40, 2000


def draw(rng: np.random.Generator, rows: int) -> dict[str, np.ndarray]:
    table = {f"n{i}": rng.normal(size=rows) for i in range(8)}
    return table | {f"c{i}": rng.choice(LETTERS, rows, p=SHARES) for i in range(2)}


def put(name: str, make: Callable[[np.random.Generator, np.ndarray], np.ndarray]) -> Moved:
    def move(rng: np.random.Generator, table: dict[str, np.ndarray]) -> None:
        table[name] = make(rng, table[name])

    return move


def share(part: float, value: object) -> Callable[[np.random.Generator, np.ndarray], np.ndarray]:
    def some(rng: np.random.Generator, values: np.ndarray) -> np.ndarray:
        return np.where(rng.random(len(values)) < part, value, values)

    return some


DRIFTS: dict[str, tuple[str, Moved]] = {
    "mean + 0.25 sd": ("n3", put("n3", lambda _, x: x + 0.25)),
    "mean + 0.5 sd": ("n3", put("n3", lambda _, x: x + 0.5)),
    "spread x 1.25": ("n3", put("n3", lambda _, x: x * 1.25)),
    "spread x 1.5": ("n3", put("n3", lambda _, x: x * 1.5)),
    "tail: 2 % at 4 sd": ("n3", put("n3", share(0.02, 4.0))),
    "tail: 5 % at 4 sd": ("n3", put("n3", share(0.05, 4.0))),
    "a and b swap shares": ("c1", put("c1", lambda rng, x: rng.choice(LETTERS, len(x), p=[0.3, 0.4, 0.2, 0.1, 0.0]))),
    "new category, 2 %": ("c1", put("c1", share(0.02, "e"))),
    "new category, 5 %": ("c1", put("c1", share(0.05, "e"))),
}
BROKEN: dict[str, Moved] = {
    "nulls: 10 % of a column": put("n3", share(0.1, None)),
    "range: 10 % far out": put("n3", share(0.1, 1000.0)),
}


def batch(table: dict[str, np.ndarray]) -> pa.RecordBatch:
    arrays = [
        pa.array(values.tolist(), pa.float64()) if name[0] == "n" else pa.array(values.tolist()).dictionary_encode()
        for name, values in table.items()
    ]
    return pa.RecordBatch.from_arrays(arrays, list(table))


def table(move: Moved | None = None) -> Draw:
    def rows(rng: np.random.Generator, count: int) -> pa.RecordBatch:
        drawn = draw(rng, count)
        if move is not None:
            move(rng, drawn)
        return batch(drawn)

    return rows


def run(
    columns: list[Column], quiet: Draw, changed: Draw, seed: int, settings: DriftSettings
) -> tuple[int | None, list[str], int, int]:
    """Return windows from the change to the alarm, what it named, false alarms before it, and quality incidents after it."""
    rng = np.random.default_rng(seed)
    first = quiet(rng, REFERENCE)
    reference, history = Reference.build(lambda: [first], columns, settings), History()
    false = broken = 0
    for window in range(QUIET + CHANGED):
        rows = (changed if window >= QUIET else quiet)(rng, settings.window_rows)
        done = step(reference, history, Profile.of(reference.layout, [rows]), settings)
        reference, history = done.reference, done.history
        broken += done.verdict.quality and window >= QUIET
        if done.verdict.alarm:
            if window >= QUIET:
                named = [column.name for column in done.verdict.columns if column.drift]
                return window - QUIET + 1, named, false, broken
            false += 1
            history = History()
    return None, [], false, broken


def tell(label: str, name: set[str], runs: list[tuple[int | None, list[str], int, int]]) -> None:
    delays = [delay for delay, *_ in runs if delay is not None]
    named = sum(not name.isdisjoint(names) for _, names, *_ in runs)
    false = sum(each[2] for each in runs)
    print(
        f"{label:44}{f'{len(delays)}/{len(runs)}':>8}{named:>8}{median(delays or [0]):>8g}{max(delays, default=0):>9}{false:>7}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--rows", type=int, default=250, help="rows of a window")
    args = parser.parse_args()
    settings = DriftSettings(window_rows=args.rows)
    print(f"{'drift':44}{'found':>8}{'named':>8}{'median':>8}{'slowest':>9}{'false':>7}")
    for label, (column, move) in DRIFTS.items():
        tell(label, {column}, [run(COLUMNS, table(), table(move), seed, settings) for seed in range(args.seeds)])
    for label, (columns, names, quiet, changed) in STRUCTURE.items():
        tell(label, names, [run(columns, quiet, changed, seed, settings) for seed in range(args.seeds)])
    print(f"\n{'broken':28}{'quality incidents':>18}{'drift':>8}")
    for label, move in BROKEN.items():
        runs = [run(COLUMNS, table(), table(move), seed, settings) for seed in range(args.seeds)]
        print(
            f"{label:28}{f'{sum(r[3] for r in runs)}/{CHANGED * args.seeds}':>18}{sum(r[0] is not None for r in runs):>8}"
        )
    rng = np.random.default_rng(0)
    usual = rng.poisson(100, 200).tolist()
    for rows in (1000, 10):
        odd = len(odd_volumes(usual, [(f"{each}.csv", rows) for each in range(args.seeds)], 4.0))
        print(f"{f'volume: {rows} rows, usually 100':28}{f'{odd}/{args.seeds}':>18}{0:>8}")
    print(
        f"{'volume: usual files':28}{f'{len(odd_volumes(usual, [(str(n), int(n)) for n in rng.poisson(100, 1000)], 4.0))}/1000':>18}{0:>8}"
    )


if __name__ == "__main__":
    main()
