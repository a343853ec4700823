import numpy as np
import pytest

from driftd.detect.explanation.change_pattern import returned
from driftd.detect.history import History
from driftd.detect.reference import Reference
from driftd.detect.sequential_test import Step, step
from driftd.detect.settings import DriftSettings
from driftd.profile import Profile
from driftd.readers import Kind
from support.rows import batch, numbers, pieces

SETTINGS = DriftSettings(window_rows=100)


def reference_of(rows, schema, settings: DriftSettings = SETTINGS) -> Reference:
    return Reference.build(lambda: [rows], schema.columns, settings)


def run(reference: Reference, windows, settings: DriftSettings = SETTINGS) -> list[Step]:
    steps, history = [], History()
    for window in windows:
        done = step(reference, history, Profile.of(reference.layout, [window]), settings)
        reference, history = done.reference, done.history
        steps.append(done)
        if done.verdict.alarm:
            break
    return steps


def alarm(steps: list[Step]) -> int | None:
    """Return the number of windows to the alarm, from 1."""
    return len(steps) if steps[-1].verdict.alarm else None


def windows(make, count: int):
    return [make(100)[0] for _ in range(count)]


@pytest.mark.parametrize("columns", [1, 20])
def test_quiet_windows_stay_quiet(columns) -> None:
    rng = np.random.default_rng(columns)
    reference = reference_of(*numbers(rng.normal(size=(1000, columns))))
    assert alarm(run(reference, windows(lambda n: numbers(rng.normal(size=(n, columns))), 200))) is None


SHIFTS = {
    "mean": lambda rng, n: rng.normal(0.5, 1, n),
    "spread": lambda rng, n: rng.normal(0, 2, n),
    "tail": lambda rng, n: np.where(rng.random(n) < 0.05, 8.0, rng.normal(size=n)),
    "ties": lambda rng, n: np.where(rng.random(n) < 0.2, 0.0, rng.normal(size=n)),
}


@pytest.mark.parametrize("shift", SHIFTS)
def test_a_moved_column_among_ten_is_found_and_named(shift) -> None:
    rng = np.random.default_rng(1)
    reference = reference_of(*numbers(rng.normal(size=(2000, 10))))

    def moved(n):
        table = rng.normal(size=(n, 10))
        table[:, 3] = SHIFTS[shift](rng, n)
        return numbers(table)

    steps = run(reference, windows(moved, 10))
    assert alarm(steps) is not None
    assert [c.name for c in steps[-1].verdict.columns if c.drift] == ["c3"]


def test_one_column_of_five_hundred_is_found() -> None:
    rng = np.random.default_rng(2)
    reference = reference_of(*numbers(rng.normal(size=(1000, 500))))

    def moved(n):
        table = rng.normal(size=(n, 500))
        table[:, 77] += 1
        return numbers(table)

    steps = run(reference, windows(moved, 5))
    assert alarm(steps) is not None
    assert "c77" in [c.name for c in steps[-1].verdict.columns if c.drift]


def test_small_shifts_of_all_columns_add_up() -> None:
    rng = np.random.default_rng(3)
    reference = reference_of(*numbers(rng.normal(size=(5000, 20))))
    steps = run(reference, windows(lambda n: numbers(rng.normal(0.2, 1, size=(n, 20))), 6))
    assert alarm(steps) is not None
    assert alarm(steps) <= 4


def test_categories_that_swap_or_appear_are_found() -> None:
    rng = np.random.default_rng(4)
    make = lambda values, shares: lambda n: batch(c=(Kind.CATEGORICAL, list(rng.choice(values, n, p=shares))))  # noqa: E731
    reference = reference_of(*make(list("abcd"), [0.4, 0.3, 0.2, 0.1])(2000))
    assert alarm(run(reference, windows(make(list("abcd"), [0.3, 0.4, 0.2, 0.1]), 10))) is not None
    assert alarm(run(reference, windows(make(list("abcde"), [0.4, 0.3, 0.2, 0.05, 0.05]), 6))) is not None
    assert alarm(run(reference, windows(make(list("abcd"), [0.4, 0.3, 0.2, 0.1]), 60))) is None


def test_a_slow_drift_is_found_although_the_reference_grows() -> None:
    rng = np.random.default_rng(5)
    reference = reference_of(*numbers(rng.normal(size=(1000, 3))))
    slow = [numbers(rng.normal(0.01 * t, 1, size=(100, 3)))[0] for t in range(120)]
    assert alarm(run(reference, slow)) is not None


def test_windows_in_control_join_a_young_reference_up_to_its_limit() -> None:
    rng = np.random.default_rng(6)
    reference = reference_of(*numbers(rng.normal(size=(500, 2))))
    settings = DriftSettings(window_rows=100, reference_rows=3000)
    rows = [
        s.reference.profile.rows
        for s in run(reference, windows(lambda n: numbers(rng.normal(size=(n, 2))), 120), settings)
    ]
    assert rows == sorted(rows)
    assert rows[30] == 500
    assert 3000 <= rows[-1] < 3000 + 800


def test_a_burst_of_nulls_is_broken_data_and_no_drift() -> None:
    rng = np.random.default_rng(7)
    good = lambda n: batch(x=(Kind.NUMERIC, list(rng.normal(size=n))), y=(Kind.NUMERIC, list(rng.normal(size=n))))  # noqa: E731
    reference = reference_of(*good(1000))
    bad = batch(
        x=(Kind.NUMERIC, [None] * 40 + list(rng.normal(size=60))), y=(Kind.NUMERIC, list(rng.normal(size=100)))
    )[0]
    steps = run(reference, [*windows(good, 3), bad, *windows(good, 3)])
    assert [s.verdict.quality for s in steps] == [False, False, False, True, False, False, False]
    assert not any(s.verdict.alarm for s in steps)
    assert "x: null: 40.0% instead of 0.0%" in steps[3].verdict.problems
    assert steps[3].history is steps[2].history


def test_values_out_of_all_proportion_are_broken_data() -> None:
    rng = np.random.default_rng(8)
    reference = reference_of(*numbers(rng.normal(size=(1000, 2))))
    bad = rng.normal(size=(100, 2))
    bad[:20, 1] *= 1000
    (done,) = run(reference, [numbers(bad)[0]])
    assert done.verdict.quality
    assert not done.verdict.alarm


def test_a_shift_below_the_effect_floor_is_not_worth_an_alarm() -> None:
    rng = np.random.default_rng(9)
    reference = reference_of(*numbers(rng.normal(size=(50_000, 1))))
    moved = [numbers(rng.normal(0.1, 1, size=(20_000, 1)))[0] for _ in range(3)]
    assert alarm(run(reference, moved)) == 1
    strict = DriftSettings(min_effect=0.1)
    steps = run(reference, moved, strict)
    assert alarm(steps) is None
    assert steps[-1].verdict.evidence > strict.false_alarms


def test_a_constant_column_steps_without_an_alarm_and_drifts_when_it_varies() -> None:
    rng = np.random.default_rng(10)
    make = lambda year: lambda n: numbers({"year": year(n), "x": rng.normal(size=n)})  # noqa: E731
    reference = reference_of(*make(lambda n: np.full(n, 2023.0))(1000))
    step_up = [make(lambda n: np.full(n, 2023.0))(100)[0], make(lambda n: 2023.0 + (np.arange(n) > 50))(100)[0]]
    after = windows(make(lambda n: np.full(n, 2024.0)), 10)
    assert alarm(run(reference, [*step_up, *after])) is None
    mixed = windows(make(lambda n: 2023.0 + (rng.random(n) < 0.5)), 3)
    assert alarm(run(reference, mixed)) == 2


def test_a_fixed_threshold_wins_over_the_evidence() -> None:
    rng = np.random.default_rng(11)
    quiet = lambda n: numbers(rng.normal(size=(n, 3)))  # noqa: E731
    moved = lambda n: numbers(rng.normal([0, 1, 0], 1, size=(n, 3)))  # noqa: E731
    rows, schema = quiet(2000)
    for limit, make, named in (("c1", quiet, None), ("c1", moved, None), ("c9", moved, "c1")):
        tolerant = DriftSettings(window_rows=100, thresholds={limit: {"ks": 0.9}})
        steps = run(reference_of(rows, schema, tolerant), windows(make, 3), tolerant)
        assert [c.name for c in steps[-1].verdict.columns if c.drift] == ([named] if named else [])
    strict = DriftSettings(window_rows=100, thresholds={"c0": {"ks": 0.01}})
    steps = run(reference_of(rows, schema, strict), windows(quiet, 3), strict)
    assert alarm(steps) == 1
    assert [c.name for c in steps[-1].verdict.columns if c.drift] == ["c0"]


def test_fixed_thresholds_of_all_columns_are_judged_by() -> None:
    rng = np.random.default_rng(4)
    settings = DriftSettings(window_rows=100, thresholds={"c0": {"ks": 0.3}, "c1": {"ks": 0.3}})
    reference = reference_of(*numbers(rng.normal(size=(1000, 2))), settings)
    assert reference.unarmed is None
    quiet, moved = (numbers(rng.normal([0, shift], 1, size=(100, 2)))[0] for shift in (0, 2))
    steps = run(reference, [quiet] * 20 + [moved], settings)
    assert [done.verdict.alarm for done in steps] == [False] * 20 + [True]
    assert [column.name for column in steps[-1].verdict.columns if column.drift] == ["c1"]
    assert not any(done.verdict.warn for done in steps)
    assert not returned(reference, Profile.of(reference.layout, [moved]), 0.5)  # no test tells them apart


def test_dependent_rows_are_counted_for_what_they_are_worth_or_refused() -> None:
    rng = np.random.default_rng(12)

    def series(n: int, memory: float) -> np.ndarray:
        noise = rng.normal(size=n) * np.sqrt(1 - memory**2)
        for i in range(1, n):
            noise[i] += memory * noise[i - 1]
        return noise

    rows, schema = numbers(series(22_000, 0.9))
    assert reference_of(rows.slice(0, 500), schema).unarmed is not None
    reference = reference_of(rows.slice(0, 12_000), schema)
    assert reference.unarmed is None
    assert 12 < reference.design[0] < 30
    assert alarm(run(reference, pieces(rows.slice(12_000), range(100, 10_000, 100)))) is None


def test_a_reference_survives_bytes() -> None:
    rng = np.random.default_rng(13)
    rows, schema = batch(
        x=(Kind.NUMERIC, list(rng.normal(size=300))), c=(Kind.CATEGORICAL, list(rng.choice(list("abc"), 300)))
    )
    reference = reference_of(rows, schema)
    again = Reference.from_bytes(reference.to_bytes())
    assert again.to_bytes() == reference.to_bytes()
    window = Profile.of(reference.layout, [rows.slice(0, 100)])
    assert step(again, History(), window, SETTINGS).verdict == step(reference, History(), window, SETTINGS).verdict


def test_a_column_that_steps_between_constants_makes_others_no_worse() -> None:
    """Its effect is 1, but it is no evidence; so it does not lift small shifts over the floor."""
    rng = np.random.default_rng(6)
    settings = DriftSettings(window_rows=100, min_effect=0.5)

    def make(n, year, shift):
        return numbers(np.column_stack([np.full(n, year), rng.normal(shift, 1, size=(n, 20))]))

    reference = reference_of(*make(5000, 2017.0, 0.0), settings)
    steps = run(reference, windows(lambda n: make(n, 2018.0, 0.3), 1), settings)
    assert steps[-1].verdict.evidence > settings.false_alarms
    assert alarm(steps) is None


@pytest.mark.parametrize("nulls", [0.1, 0.4])
def test_a_constant_with_nulls_that_steps_is_no_alarm_of_all_columns_together(nulls) -> None:
    rng = np.random.default_rng(7)

    def make(n, constant):
        there = [constant if each else None for each in rng.uniform(size=n) > nulls]
        others = {f"c{i}": (Kind.NUMERIC, rng.normal(size=n)) for i in range(3)}
        return batch(year=(Kind.NUMERIC, there), **others)

    steps = run(reference_of(*make(2000, 2017.0)), windows(lambda n: make(n, 2018.0), 6))
    assert alarm(steps) is None


def test_vectors_that_move_along_one_of_many_axes_are_found() -> None:
    rng = np.random.default_rng(3)

    def vectors(rows: int, shift: float = 0.0):
        table = rng.normal(size=(rows, 300))
        table[:, 7] += shift
        return batch(embedding=(Kind.VECTOR, table.tolist()))

    reference = reference_of(*vectors(2000))
    assert alarm(run(reference, windows(vectors, 20))) is None
    steps = run(reference, windows(lambda n: vectors(n, 10.0), 20))
    assert steps[-1].verdict.alarm
    assert len(steps) <= 3
    assert [column.name for column in steps[-1].verdict.columns if column.drift] == ["embedding"]


@pytest.mark.parametrize("scale", [1e-200, 1e200, 1e307])
def test_statistics_of_a_column_of_any_scale_are_the_same(scale) -> None:
    rng = np.random.default_rng(8)
    before, now = rng.normal(size=(1000, 1)), rng.normal(0.3, 1, size=(100, 1))
    said = []
    for unit in (1.0, scale):
        rows, schema = numbers(before * unit)
        [done] = run(reference_of(rows, schema), [numbers(now * unit)[0]])
        said.append({each.name: each.value for each in done.verdict.columns[0].statistics})
    assert said[1] == pytest.approx(said[0])
