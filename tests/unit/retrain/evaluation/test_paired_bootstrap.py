import json
import random
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftd.errors import RepositoryError
from driftd.retrain.evaluation.paired_bootstrap import compare


def write(path: Path, rows) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def values(path: Path, results, file="old.csv") -> Path:
    return write(path, [{"row": f"{n:064x}", "file": file, "value": value} for n, value in enumerate(results)])


def points(scores) -> tuple[float, float]:
    return scores["champion"], scores["candidate"]


def test_counts_give_micro_f_over_all_labels_and_by_label(tmp_path):
    champion = [
        {"row": "a", "file": "f", "counts": {"CITY": [1, 0, 1], "ZIP": [0, 1, 1]}},
        {"row": "b", "file": "f", "counts": {"CITY": [2, 1, 0]}},
    ]
    candidate = [
        {"row": "b", "file": "f", "counts": {"CITY": [2, 0, 0]}},
        {"row": "a", "file": "f", "counts": {"CITY": [2, 0, 0], "ZIP": [1, 0, 0]}},
    ]
    found = compare(write(tmp_path / "old", champion), write(tmp_path / "new", candidate), [], 0.95)
    assert found["champion"] == pytest.approx(2 * 3 / (2 * 3 + 2 + 2))
    assert found["candidate"] == 1.0
    assert points(found["by_label"]["CITY"]) == (pytest.approx(6 / 8), 1.0)
    assert points(found["by_label"]["ZIP"]) == (0.0, 1.0)


def test_only_rows_that_both_have_count(tmp_path):
    old = write(tmp_path / "old", [{"row": r, "value": 1} for r in "abc"])
    new = write(tmp_path / "new", [{"row": r, "value": v} for r, v in zip("bcd", (0, 1, 1), strict=True)])
    found = compare(old, new, [], 0.95)
    assert found["rows"] == {"shared": 2, "champion": 3, "candidate": 3}
    assert (found["champion"], found["candidate"]) == (1.0, 0.5)


def test_a_row_that_stands_twice_is_joined_twice(tmp_path):
    old = write(tmp_path / "old", [{"row": "a", "value": 1}, {"row": "a", "value": 0}])
    new = write(tmp_path / "new", [{"row": "a", "value": 1}, {"row": "a", "value": 1}, {"row": "a", "value": 0}])
    found = compare(old, new, [], 0.95)
    assert found["rows"]["shared"] == 2
    assert (found["champion"], found["candidate"]) == (0.5, 1.0)


def test_regimes_are_told_by_the_file_of_a_row(tmp_path):
    old = write(tmp_path / "old", [{"row": r, "file": f, "value": 1} for r, f in (("a", "x"), ("b", "new"))])
    new = write(tmp_path / "new", [{"row": r, "file": f, "value": v} for r, f, v in (("a", "x", 1), ("b", "new", 0))])
    found = compare(old, new, ["new"], 0.95)["by_regime"]
    assert (found["older"]["rows"], points(found["older"])) == (1, (1.0, 1.0))
    assert (found["new"]["rows"], points(found["new"])) == (1, (1.0, 0.0))
    assert found["new"]["bounds"] == {"champion": [1, 1], "candidate": [0, 0], "difference": [-1, -1]}


def test_the_interval_has_the_width_that_theory_gives(tmp_path):
    rng = random.Random(5)
    old = [float(rng.random() < 0.6) for _ in range(4000)]
    new = [float(rng.random() < 0.7) for _ in range(4000)]
    found = compare(values(tmp_path / "old", old), values(tmp_path / "new", new), [], 0.95)
    deviation = np.std(np.subtract(new, old)) / np.sqrt(4000)
    assert found["lower"] == pytest.approx(found["difference"] - 1.645 * deviation, abs=0.2 * deviation)
    assert found["upper"] == pytest.approx(found["difference"] + 1.645 * deviation, abs=0.2 * deviation)


def test_the_lower_bound_is_below_a_true_null_gain_in_its_share_of_cases(tmp_path):
    rng = random.Random(11)
    above = 0
    for case in range(120):
        old, new = ([float(rng.random() < 0.5) for _ in range(120)] for _ in range(2))
        found = compare(values(tmp_path / f"o{case}", old), values(tmp_path / f"n{case}", new), [], 0.95)
        above += found["lower"] > 0
    assert above <= 14  # 6 expected; P(more than 14) < 0.001


def test_each_label_has_bounds_of_both_models_and_of_the_difference(tmp_path):
    """Where a row holds the label once or not at all, F1 is a share, whose deviation is known."""
    rng = random.Random(7)
    right, wrong = {"CITY": [1, 0, 0]}, {"CITY": [0, 1, 1]}

    def results(share):
        return [right if rng.random() < share else wrong if n % 2 else {} for n in range(4000)]

    old, new = (
        write(tmp_path / str(share), [{"row": f"{n:064x}", "counts": c} for n, c in enumerate(results(share))])
        for share in (0.6, 0.8)
    )
    found = compare(old, new, [], 0.95)
    label = found["by_label"]["CITY"]
    for side in ("champion", "candidate"):
        for name in ("bounds", "overall"):
            lower, upper = (label if name == "bounds" else found)["bounds"][side]
            share = label[side]
            deviation = np.sqrt(share * (1 - share) / (4000 * (0.8 if side == "champion" else 0.9)))
            assert lower == pytest.approx(share - 1.645 * deviation, abs=0.3 * deviation)
            assert upper == pytest.approx(share + 1.645 * deviation, abs=0.3 * deviation)
    lower, upper = label["bounds"]["difference"]
    assert lower < label["candidate"] - label["champion"] < upper
    assert [lower, upper] == pytest.approx([found["lower"], found["upper"]], abs=0.004)


def test_a_label_of_one_row_may_be_missing_from_a_resample(tmp_path):
    rows = [
        {"row": f"{n:064x}", "counts": {"CITY": [1, 0, 0]} | ({"RARE": [1, 0, 0]} if n == 3 else {})} for n in range(50)
    ]
    found = compare(write(tmp_path / "a", rows), write(tmp_path / "b", rows), [], 0.95)["by_label"]
    assert found["RARE"]["bounds"]["champion"] == [0, 1]
    assert found["RARE"]["bounds"]["difference"] == [0, 0]
    assert found["CITY"]["bounds"]["champion"] == [1, 1]


@pytest.mark.slow
@given(order=st.permutations(range(12)), results=st.lists(st.sampled_from([0.0, 1.0]), min_size=12, max_size=12))
@settings(max_examples=40, deadline=None)
def test_the_order_of_lines_changes_nothing(tmp_path_factory, order, results):
    folder = tmp_path_factory.mktemp("rows")
    old = values(folder / "old", [1.0] * 12)
    plain = values(folder / "plain", results)
    mixed = write(folder / "mixed", [{"row": f"{n:064x}", "file": "old.csv", "value": results[n]} for n in order])
    assert compare(old, plain, [], 0.9) == compare(old, mixed, [], 0.9)


@pytest.mark.slow
def test_many_different_rows_and_many_resamples_take_little_memory(tmp_path):
    rng = random.Random(3)
    old, new = (values(tmp_path / name, [rng.randrange(30) / 30 for _ in range(8000)]) for name in ("old", "new"))
    tracemalloc.start()
    try:
        found = compare(old, new, [], 0.9966)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found["resamples"] == 20_000
    assert peak < 30e6  # all resamples at once are 144 MB


def test_equal_models_have_no_gain(tmp_path):
    rows = values(tmp_path / "rows", [1.0, 0.0, 1.0])
    found = compare(rows, rows, [], 0.95)
    assert (found["difference"], found["lower"], found["upper"]) == (0, 0, 0)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"row": "z", "value": 1}], "share no row"),
        ([{"row": "a"}], "line 1: a row has either counts or a value"),
        ([{"row": "a", "value": 1, "counts": {}}], "line 1: a row has either"),
        ([{"row": "a", "counts": {"X": [1, 2]}}], "line 1"),
        ([{"row": "a", "counts": {"X": [1, 0, 0]}}], "counts in some rows and values in others"),
    ],
)
def test_results_that_cannot_be_compared_say_why(tmp_path, rows, said):
    old = write(tmp_path / "old", [{"row": "a", "value": 1}])
    with pytest.raises(RepositoryError, match=said):
        compare(old, write(tmp_path / "new", rows), [], 0.95)


def test_results_that_were_not_written_name_the_setting(tmp_path):
    with pytest.raises(RepositoryError) as caught:
        compare(tmp_path / "none", tmp_path / "none", [], 0.95)
    assert "promote.per_row" in caught.value.remedy
