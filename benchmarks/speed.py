"""Speed of detection, beside the peers and beside pyarrow's own reading.

    python benchmarks/speed.py FOLDER [--peer evidently=PYTHON ...] [--large]

Judging: 10,000 rows of 20 columns (16 normal, 4 categories) against a stored reference of 10^5 rows (and of 10^7 with --large): counting the rows and
deciding, the best of 30. Streams: 1,000,000 such rows, profiled and judged in windows of 100,000, over pyarrow's `read_table` or `read_csv` of the same file,
the best of 5 each. Texts: documents of 14 words with two entities, counted, and a window of 250 judged. With --large also the peak memory over a CSV of 2 GB. FOLDER keeps the tables that it makes.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from structure import DOCUMENTS, documents

from driftd.concurrency import prefetched
from driftd.detect.history import History
from driftd.detect.offline.replay import Stream
from driftd.detect.reference import Reference
from driftd.detect.sequential_test import step
from driftd.detect.settings import DriftSettings
from driftd.profile import Profile
from driftd.readers import Schema, infer, read

LETTERS = np.array(list("abcdefgh"))
WINDOW, STREAM, STRETCH = 10_000, 1_000_000, 100_000
LARGE = 6_100_000  # rows of 2 GB of CSV
PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
"""


def table(rows: int, seed: int) -> pa.Table:
    rng = np.random.default_rng(seed)
    numbers = {f"n{i}": rng.normal(size=rows) for i in range(16)}
    return pa.table(numbers | {f"c{i}": LETTERS[rng.integers(0, len(LETTERS), rows)] for i in range(4)})


def make(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in (("reference.parquet", 100_000), ("window.parquet", WINDOW), ("stream.parquet", STREAM)):
        if not (folder / name).exists():
            pq.write_table(table(rows, rows), folder / name)
    if not (folder / "stream.csv").exists():
        pa.csv.write_csv(pq.read_table(folder / "stream.parquet"), folder / "stream.csv")


def best(times: int, work: Callable[[], object]) -> float:
    """Return the shortest time in seconds."""
    found = float("inf")
    for _ in range(times):
        start = time.perf_counter()
        work()
        found = min(found, time.perf_counter() - start)
    return found


def rows_of(path: Path, schema: Schema) -> Iterator[pa.RecordBatch]:
    return (batch.rows for batch in read(str(path), schema))


def copies(path: Path, schema: Schema, times: int) -> Iterator[pa.RecordBatch]:
    for _ in range(times):
        yield from rows_of(path, schema)


def judging(folder: Path, large: bool) -> Reference:
    schema = infer([str(folder / "reference.parquet")])
    settings = DriftSettings(window_rows=WINDOW, reference_rows=100_000)
    rows = pa.Table.from_batches(rows_of(folder / "window.parquet", schema)).combine_chunks().to_batches()
    for times in (100, 1) if large else (1,):
        built = Reference.build(lambda: copies(folder / "reference.parquet", schema, times), schema.columns, settings)  # noqa: B023
        stored = Reference.from_bytes(built.to_bytes())
        counting = best(30, lambda: Profile.of(stored.layout, rows))  # noqa: B023
        both = best(30, lambda: step(stored, History(), Profile.of(stored.layout, rows), settings))  # noqa: B023
        print(
            f"driftd, reference of {stored.profile.rows:>10,}  {1000 * both:8.1f} ms   (counting {1000 * counting:.1f})"
        )
    return built


def streams(folder: Path, reference: Reference) -> None:
    settings = DriftSettings(window_rows=STRETCH, reference_rows=100_000)

    def judge(path: Path) -> None:
        schema = infer([str(path)])
        stream, known, history = Stream(prefetched(rows_of(path, schema))), reference, History()
        while window := stream.take(STRETCH):
            done = step(known, history, Profile.of(known.layout, window), settings)
            known, history = done.reference, done.history

    readers = {"stream.parquet": pq.read_table, "stream.csv": pa.csv.read_csv}
    for name, plain in readers.items():
        alone = best(5, lambda: plain(folder / name))  # noqa: B023
        whole = best(5, lambda: judge(folder / name))  # noqa: B023
        print(
            f"{name:16} pyarrow alone {alone:6.3f} s   profiled and judged {whole:6.3f} s   ratio {whole / alone:.2f}"
        )


def texts() -> None:
    """Count documents of the size of a tweet, and judge a window of them."""
    rng, settings = np.random.default_rng(0), DriftSettings(window_rows=250)
    draw = documents()
    first, many, window = draw(rng, 5_000), draw(rng, 50_000), draw(rng, 250)
    reference = Reference.build(lambda: [first], DOCUMENTS, settings)
    history = History()
    for _ in range(30):  # so that there is a stretch of each length
        history, _ = history.push(Profile.of(reference.layout, [draw(rng, 250)]))
    counting = best(5, lambda: Profile.of(reference.layout, [many]))
    judging = best(10, lambda: step(reference, history, Profile.of(reference.layout, [window]), settings))
    print(
        f"texts           {many.num_rows / counting:10,.0f} documents a second   window of 250 judged {1000 * judging:.1f} ms"
    )


def memory(folder: Path) -> None:
    """Judge a CSV of 2 GB in a process of its own, and print its peak memory."""
    path = folder / "large.csv"
    if not path.exists():
        part = pq.read_table(folder / "stream.parquet")
        with pa.csv.CSVWriter(path, part.schema) as writer:
            for first in range(0, LARGE, STREAM):
                writer.write_table(part.slice(0, min(STREAM, LARGE - first)))
    command = [
        sys.executable,
        "-m",
        "driftd",
        "replay",
        str(path),
        "--reference-rows",
        "100000",
        "--batch-rows",
        "100000",
        "--json",
    ]
    start = time.perf_counter()
    # through a small process: a child that is forked begins with the pages of the one that forks it
    measured = subprocess.run([sys.executable, "-c", PEAK, *command], capture_output=True, text=True, check=True)
    seconds = time.perf_counter() - start
    print(f"CSV of {path.stat().st_size / 1e9:.1f} GB     {seconds:6.1f} s   peak memory {measured.stdout.strip()} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--peer", nargs="*", default=[], help="name=python of its environment")
    parser.add_argument("--large", action="store_true")
    args = parser.parse_args()
    make(args.folder)
    if args.large:
        memory(args.folder)
    reference = judging(args.folder, args.large)
    for peer in args.peer:
        name, _, python = peer.partition("=")
        script = str(Path(__file__).with_name("peer_speed.py"))
        said = subprocess.run([python, script, name, str(args.folder)], capture_output=True, text=True, check=False)
        print(f"{name:32}{said.stdout.split()[-1] if said.stdout else said.stderr[-200:]:>9} ms")
    streams(args.folder, reference)
    texts()


if __name__ == "__main__":
    main()
