import numpy as np
import pytest

from driftd.detect.replay import Stream, replay_daemon, replay_rows
from driftd.detect.settings import DriftSettings
from support.rows import numbers, pieces

SETTINGS = DriftSettings(window_rows=50)
WAYS = pytest.mark.parametrize("way", [replay_rows, replay_daemon])


def stream(rows: int, change: int, seed: int = 0):
    rng = np.random.default_rng(seed)
    table = rng.normal(size=(rows, 3))
    table[change:, 0] += 2
    return numbers(table)


def lines(way, rows, schema, cuts=()):
    return list(way(pieces(rows, cuts), schema.columns, SETTINGS, reference_rows=400))


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
    assert lines(way, rows, schema) == lines(way, rows, schema, cuts=(3, 399, 450, 451, 1333))


def test_after_an_alarm_the_next_rows_are_the_reference() -> None:
    said = lines(replay_rows, *stream(2500, 1000))
    ends = [line["row_end"] for line in said]
    assert [line["row_end"] for line in said if line["drift"]] == [1050]
    assert ends == [*range(450, 1051, 50), *range(1450, 2501, 50)]


def test_the_daemon_collects_the_new_regime_from_its_onset() -> None:
    said = lines(replay_daemon, *stream(2500, 1000))
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
