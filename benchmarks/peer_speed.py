"""A peer's time to judge 10,000 rows of 20 columns against a reference of 100,000, in an environment of its own.

    PEER_PYTHON benchmarks/peer_speed.py evidently|nannyml|alibi FOLDER

FOLDER holds the tables that benchmarks/speed.py wrote. What can be done once for a reference is not counted. Prints milliseconds.
"""

import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

warnings.filterwarnings("ignore")


def evidently(reference: Any, current: Any) -> Callable[[], Any]:
    from evidently import Dataset, Report
    from evidently.presets import DataDriftPreset

    before, now = Dataset.from_pandas(reference), Dataset.from_pandas(current)
    return lambda: Report([DataDriftPreset()]).run(now, before).dict()


def nannyml(reference: Any, current: Any) -> Callable[[], Any]:
    import nannyml as peer

    calculator = peer.UnivariateDriftCalculator(
        column_names=list(reference),
        continuous_methods=["jensen_shannon"],
        categorical_methods=["jensen_shannon"],
        chunk_size=len(current),
    )
    calculator.fit(reference)
    return lambda: calculator.calculate(current)


def alibi(reference: Any, current: Any) -> Callable[[], Any]:
    from alibi_detect.cd import TabularDrift

    names = [name for name in reference if reference[name].dtype.kind != "f"]

    def coded(frame: Any) -> Any:
        return frame.assign(**{name: frame[name].map(ord) for name in names}).to_numpy("float32")

    places = {list(reference).index(name): None for name in names}
    detector = TabularDrift(coded(reference), p_val=0.05, categories_per_feature=places)
    rows = coded(current)
    return lambda: detector.predict(rows)


def main() -> None:
    import pandas as pd

    peer = {"evidently": evidently, "nannyml": nannyml, "alibi": alibi}[sys.argv[1]]
    folder = Path(sys.argv[2])
    judge = peer(*(pd.read_parquet(folder / name) for name in ("reference.parquet", "window.parquet")))
    best = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        judge()
        best = min(best, time.perf_counter() - start)
    sys.stdout.write(f"{1000 * best:.1f}\n")


if __name__ == "__main__":
    main()
