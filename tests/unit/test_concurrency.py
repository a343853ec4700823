from collections.abc import Iterator

import pytest

from driftd.concurrency import ahead, prefetched


def counting(made: list[int], pieces: int) -> Iterator[int]:
    for piece in range(pieces):
        made.append(piece)
        yield piece


def broken(after: int) -> Iterator[int]:
    yield from range(after)
    raise ValueError("torn")


def test_pieces_come_in_order_and_all_of_them() -> None:
    assert list(prefetched(range(100))) == list(range(100))
    assert list(prefetched([])) == []
    assert list(ahead(str, range(100))) == [str(each) for each in range(100)]


def test_no_more_pieces_are_made_than_are_asked_for() -> None:
    made: list[int] = []
    stream = prefetched(counting(made, 1000), pieces=3)
    assert [next(stream) for _ in range(5)] == [0, 1, 2, 3, 4]
    stream.close()
    assert len(made) <= 5 + 3


@pytest.mark.parametrize("after", [0, 1, 7])
def test_an_error_comes_where_its_piece_would_have_come(after) -> None:
    stream = prefetched(broken(after), pieces=3)
    assert [next(stream) for _ in range(after)] == list(range(after))
    with pytest.raises(ValueError, match="torn"):
        next(stream)
