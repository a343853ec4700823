"""False alarms on streams without drift, by simulation: does the budget hold?

    python benchmarks/null_calibration.py [--streams 20] [--windows 10000] [--budget 200] [--only normal:20:500]

Each case draws streams of independent rows of one family, of columns of numbers or of texts with entities, and judges them as `driftd replay --reset rows` does: after an alarm the
rows that begin with its window are the next reference. For a case the table has the alarms, the windows that were judged, and
the p-value of "at most one alarm in `budget` windows" (one-sided Poisson; below 0.05 the budget is refuted).
"""

import argparse
import time
from collections.abc import Callable, Iterator
from itertools import product

import numpy as np
import pyarrow as pa
from scipy.special import pdtrc
from structure import DOCUMENTS, documents

from driftd.detect.offline.replay import replay_rows
from driftd.detect.settings import DriftSettings
from driftd.readers import Column, Kind

Draw = Callable[[np.random.Generator, int, int], np.ndarray]


def ar(memory: float) -> Draw:
    def draw(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
        from scipy.signal import lfilter

        noise = rng.normal(size=(rows + 200, columns)) * np.sqrt(1 - memory**2)
        return np.asarray(lfilter([1.0], [1.0, -memory], noise, axis=0))[200:]

    return draw


def mixed(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    table = np.stack([FAMILIES[name](rng, rows, columns) for name in ("normal", "heavy", "discrete", "tied")])
    return np.take_along_axis(table, (np.arange(columns) % 4)[None, None, :], 0)[0]


TIED_SHARE, ONES = 0.9, 0.08
SESSION, ALIKE = 100, 0.05  # rows of a session, and the correlation of two of its rows
VALUES = 1000
ZIPF = 1 / np.arange(1, VALUES + 1) ** 1.2
EQUAL = 14
CATEGORIES = ("zipf", "equal")  # columns of many values, of which most are rare; and of a few equally frequent ones
TEXTS = "texts"  # a column of documents and one of their entities
CHUNK = 2000

FAMILIES: dict[str, Draw] = {
    "normal": lambda rng, rows, columns: rng.normal(size=(rows, columns)),
    "heavy": lambda rng, rows, columns: rng.standard_cauchy(size=(rows, columns)),
    "discrete": lambda rng, rows, columns: rng.poisson(1.5, size=(rows, columns)).astype(float),
    "tied": lambda rng, rows, columns: np.where(
        rng.random((rows, columns)) < TIED_SHARE, 0.0, rng.lognormal(size=(rows, columns))
    ),
    "mixed": mixed,
    "ones": lambda rng, rows, columns: (rng.random((rows, columns)) < ONES).astype(float),
    "zipf": lambda rng, rows, columns: rng.choice(VALUES, (rows, columns), p=ZIPF / ZIPF.sum()),
    "equal": lambda rng, rows, columns: rng.integers(EQUAL, size=(rows, columns)),
    "sessions": lambda rng, rows, columns: (
        np.sqrt(ALIKE) * np.repeat(rng.normal(size=(-(-rows // SESSION), columns)), SESSION, axis=0)[:rows]
        + np.sqrt(1 - ALIKE) * rng.normal(size=(rows, columns))
    ),
    "ar-0.5": ar(0.5),
    "ar-0.9": ar(0.9),
}


def batches(draw: Draw, columns: int, rows: int, seed: int) -> Iterator[pa.RecordBatch]:
    rng = np.random.default_rng(seed)
    names, values = [f"c{i}" for i in range(columns)], pa.array([f"v{i}" for i in range(VALUES)])
    chunk = 200_000 // columns
    for first in range(0, rows, chunk):
        table = draw(rng, min(chunk, rows - first), columns)
        if np.issubdtype(table.dtype, np.integer):
            yield pa.RecordBatch.from_arrays(
                [pa.DictionaryArray.from_arrays(pa.array(column, pa.int32()), values) for column in table.T], names
            )
        else:
            yield pa.RecordBatch.from_arrays([pa.array(column) for column in table.T], names)


def texts(rows: int, seed: int) -> Iterator[pa.RecordBatch]:
    rng, draw = np.random.default_rng(seed), documents()
    for first in range(0, rows, CHUNK):
        yield draw(rng, min(CHUNK, rows - first))


def case(family: str, columns: int, reference: int, args: argparse.Namespace) -> tuple[int, int]:
    """Return alarms and windows that were judged."""
    settings = DriftSettings(args.rows, max(10_000, reference), args.budget)
    kind = Kind.CATEGORICAL if family in CATEGORIES else Kind.NUMERIC
    schema = DOCUMENTS if family == TEXTS else [Column(f"c{i}", kind) for i in range(columns)]
    alarms = judged = 0
    for seed in range(args.streams):
        rows = reference + args.windows * args.rows
        stream = texts(rows, seed) if family == TEXTS else batches(FAMILIES[family], columns, rows, seed)
        for line in replay_rows(stream, schema, settings, reference_rows=reference, explain=False):
            alarms += line["drift"]
            judged += line["armed"]
    return alarms, judged


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=20)
    parser.add_argument("--windows", type=int, default=10_000)
    parser.add_argument("--rows", type=int, default=100, help="rows of a window")
    parser.add_argument("--budget", type=float, default=200.0)
    parser.add_argument("--only", nargs="*", help="family:columns:reference rows")
    args = parser.parse_args()
    cases = [":".join(map(str, each)) for each in product(FAMILIES, (1, 20, 200), (500, 5000, 50_000))]
    cases += [f"{TEXTS}:2:{reference}" for reference in (500, 5000)]
    print(f"{'case':22}{'alarms':>8}{'windows':>10}{'1 in':>9}{'p':>8}{'seconds':>9}")
    for name in args.only or cases:
        family, columns, reference = name.split(":")
        start = time.perf_counter()
        alarms, judged = case(family, int(columns), int(reference), args)
        p_value = float(pdtrc(alarms - 1, judged / args.budget)) if alarms else 1.0
        rate = f"{judged / alarms:.0f}" if alarms else "-" if judged else "refused"
        print(f"{name:22}{alarms:8}{judged:10}{rate:>9}{p_value:8.3f}{time.perf_counter() - start:9.1f}", flush=True)


if __name__ == "__main__":
    main()
