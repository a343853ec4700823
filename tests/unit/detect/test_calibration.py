"""The budget holds on quiet streams: small cases of benchmarks/null_calibration.py."""

import numpy as np
import pyarrow as pa
import pytest
from scipy.signal import lfilter
from scipy.stats import poisson

from driftd.detect.history import History
from driftd.detect.offline.replay import replay_rows
from driftd.detect.reference import Reference
from driftd.detect.sequential_test import step
from driftd.detect.settings import DriftSettings
from driftd.profile import Profile
from driftd.readers import Column, Kind
from support.rows import numbers

pytestmark = pytest.mark.slow

BUDGET = 20.0
WINDOWS = 300
ROWS = 50


def ar(rng, rows, columns):
    return lfilter([1.0], [1.0, -0.9], rng.normal(size=(rows + 200, columns)), axis=0)[200:]


FAMILIES = {
    "normal": lambda rng, rows, columns: rng.normal(size=(rows, columns)),
    "heavy": lambda rng, rows, columns: rng.standard_cauchy(size=(rows, columns)),
    "discrete": lambda rng, rows, columns: rng.poisson(1.5, size=(rows, columns)).astype(float),
    "tied": lambda rng, rows, columns: np.where(
        rng.random((rows, columns)) < 0.9, 0.0, rng.lognormal(size=(rows, columns))
    ),
    "ar-0.9": ar,
}


@pytest.mark.parametrize("columns", [1, 12])
@pytest.mark.parametrize("family", FAMILIES)
def test_quiet_streams_stay_within_the_budget_or_are_not_judged(family, columns) -> None:
    rng = np.random.default_rng([columns, sum(family.encode())])
    rows, schema = numbers(FAMILIES[family](rng, 1000 + WINDOWS * ROWS, columns))
    settings = DriftSettings(window_rows=ROWS, reference_rows=2000, false_alarms=BUDGET)
    lines = list(replay_rows([rows], schema.columns, settings, reference_rows=1000, explain=False))
    judged, alarms = sum(line["armed"] for line in lines), sum(line["drift"] for line in lines)
    assert poisson.sf(alarms - 1, judged / BUDGET) > 0.05
    assert judged > 100 or family == "ar-0.9"


@pytest.mark.parametrize(
    ("values", "power", "rows"), [(20, 0, 5000), (1000, 0, 5000), (1000, 1.2, 5000), (300, 1, 2000)]
)
def test_values_that_are_rare_are_new_in_any_rows(values, power, rows) -> None:
    """The rows that say which values there are have no new ones; all others have."""
    rates = 1.0 / np.arange(1, values + 1) ** power
    rates /= rates.sum()
    rng, settings = np.random.default_rng(3), DriftSettings(window_rows=500)

    def drawn(count, new=0.0):
        drawn = zip(rng.choice(values, count, p=rates), rng.random(count) < new, strict=True)
        names = [f"{'new' if other else 'v'}{each}" for each, other in drawn]
        return pa.record_batch([pa.array(names).dictionary_encode()], ["c"])

    for _ in range(3):
        first = drawn(rows)
        reference = Reference.build(lambda first=first: [first], [Column("c", Kind.CATEGORICAL)], settings)
        assert not reference.moving
        assert Reference.from_bytes(reference.to_bytes()).to_bytes() == reference.to_bytes()
        for _ in range(10):
            window = Profile.of(reference.layout, [drawn(500)])
            assert step(reference, History(), window, settings).verdict.evidence < 100
    changed = step(reference, History(), Profile.of(reference.layout, [drawn(500, 0.3)]), settings).verdict
    assert changed.alarm


def test_rows_that_resemble_their_neighbours_would_break_it(monkeypatch) -> None:
    """The same check refutes the budget where the design effect is left out."""
    monkeypatch.setattr("driftd.detect.evidence.design_effect.integrated_time", lambda *_: 1.0)
    monkeypatch.setattr("driftd.detect.evidence.design_effect.overdispersion", lambda *_: 1.0)
    with pytest.raises(AssertionError):
        test_quiet_streams_stay_within_the_budget_or_are_not_judged("ar-0.9", 12)
