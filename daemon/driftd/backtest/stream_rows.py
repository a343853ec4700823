"""Which rows of a recorded stream a model is made of, as `retrain.rows` says."""

from collections.abc import Sequence

from driftd.backtest.model_factory import Part
from driftd.backtest.stream import Recorded
from driftd.config import Choice


def parts(stream: Recorded, choice: Choice, pace: float, window: int, onset: int | None) -> Sequence[Part]:
    """Return the rows for a model after a window, cut where the new regime begins. The first model has all that there are."""
    end = stream.first + window * stream.window
    begin = _begin(stream, choice, pace, window, end) if window else 0
    if onset is None:
        return (Part(begin, end),)
    border = max(begin, stream.first + (onset - 1) * stream.window)
    share = _share(choice, border) if choice.kind == "regime" else 1.0
    older = [Part(begin, border, share=share)] if border > begin and share > 0 else []
    return (*older, Part(border, end, new=True))


def _begin(stream: Recorded, choice: Choice, pace: float, window: int, end: int) -> int:
    if choice.kind == "last":
        return max(0, end - choice.rows)
    if choice.kind == "window" and choice.seconds < window * pace:  # the rows before the first window are of its begin
        return end - (int(choice.seconds // pace) + 1) * stream.window
    return 0


def _share(choice: Choice, older: int) -> float:
    return min(1.0, choice.rows / older) if choice.rows and older else choice.share
