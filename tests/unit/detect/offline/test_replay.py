import numpy as np
import pyarrow as pa
import pytest

from driftd.detect.offline.replay import Stream, replay_daemon, replay_rows
from driftd.detect.settings import DriftSettings
from support.rows import numbers, pieces

SETTINGS = DriftSettings(window_rows=50)


def daemon(batches, columns, settings, reference_rows):
    whole = pa.Table.from_batches(batches)
    return replay_daemon(
        batches,
        columns,
        settings,
        reference_rows=reference_rows,
        again=lambda first, rows: whole.slice(first, rows).to_batches(),
    )


WAYS = pytest.mark.parametrize("way", [replay_rows, daemon])


def stream(rows: int, change: int, seed: int = 0):
    rng = np.random.default_rng(seed)
    table = rng.normal(size=(rows, 3))
    table[change:, 0] += 2
    return numbers(table)


def everything(way, rows, schema, cuts=()):
    return list(way(pieces(rows, cuts), schema.columns, SETTINGS, reference_rows=400))


def lines(way, rows, schema, cuts=()):
    """Return the lines of windows, without what is said of incidents."""
    return [line for line in everything(way, rows, schema, cuts) if "row_end" in line]


@WAYS
def test_a_line_depends_on_the_rows_up_to_it_alone(way) -> None:
    rows, schema = stream(2000, 1000)
    whole = lines(way, rows, schema)
    for last in (600, 1050, 1450, 1700):
        short = lines(way, rows.slice(0, last), schema)
        assert short == whole[: len(short)]
        assert short[-1]["row_end"] == last - last % 50 or last % 50 or way is replay_rows


@WAYS
def test_lines_do_not_depend_on_how_the_rows_are_read(way) -> None:
    rows, schema = stream(2000, 1000)
    assert everything(way, rows, schema) == everything(way, rows, schema, cuts=(3, 399, 450, 451, 1333))


@WAYS
def test_an_alarm_is_explained_once_the_windows_after_it_are_there(way) -> None:
    said = everything(way, *stream(2500, 1000))
    [(place, told)] = [(place, line) for place, line in enumerate(said) if "incident" in line]
    assert told == {"incident": 1, "alarm_row_end": 1050, "pattern": "sudden", "onset_row": 1000, "regime": None}
    assert said[place - 1]["row_end"] <= 1050 + 12 * 50


@WAYS
def test_a_regime_that_comes_back_is_recognised(way) -> None:
    rng = np.random.default_rng(1)
    table = rng.normal(size=(4000, 3))
    table[1500:2800, 0] += 2
    told = [line for line in everything(way, *numbers(table)) if "incident" in line]
    assert [(each["pattern"], each["regime"]) for each in told] == [("sudden", None), ("recurring", 1)]


@WAYS
def test_a_stream_that_ends_behind_an_alarm_tells_what_it_can(way) -> None:
    told = [line for line in everything(way, *stream(1200, 1000)) if "incident" in line]
    assert [(each["alarm_row_end"], each["onset_row"]) for each in told] == [(1050, 1000)]


def test_after_an_alarm_the_next_rows_are_the_reference() -> None:
    said = lines(replay_rows, *stream(2500, 1000))
    ends = [line["row_end"] for line in said]
    assert [line["row_end"] for line in said if line["drift"]] == [1050]
    assert ends == [*range(450, 1051, 50), *range(1450, 2501, 50)]


def test_the_daemon_collects_the_new_regime_from_its_onset() -> None:
    said = lines(daemon, *stream(2500, 1000))
    assert [line["row_end"] for line in said] == list(range(450, 2501, 50))
    assert [line["row_end"] for line in said if line["drift"]] == [1050]
    assert [line["row_end"] for line in said if not line["armed"]] == list(range(1100, 1401, 50))


def test_rows_that_are_given_back_come_again() -> None:
    rows, _ = stream(20, 20)
    source = Stream(iter(pieces(rows, (3, 9))))
    taken = source.take(8)
    assert taken is not None
    source.give_back(taken)
    again = source.take(20)
    assert again is not None
    assert source.position == 20
    assert [v for b in again for v in b.column("c0").to_pylist()] == rows.column("c0").to_pylist()
    assert source.take(1) is None
