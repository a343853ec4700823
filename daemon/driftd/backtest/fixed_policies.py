"""Policies that driftd is held against: trainings at fixed windows, each of which goes live at once."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from driftd.backtest.driftd_policy import Choose
from driftd.backtest.model_factory import Lab, Made

Floats = NDArray[np.float64]


def schedule(windows: int, trainings: int) -> list[int]:
    """Return the windows after which so many trainings come, at equal distances."""
    return [round(windows * (number + 1) / (trainings + 1)) for number in range(trainings)]


def follow(lab: Lab, choose: Choose, windows: int, trained: Sequence[int]) -> tuple[list[list[float]], list[Made]]:
    """Return the losses of each window where a model is made after each of these windows, and the models."""
    losses: list[list[float]] = []
    models: list[Made] = []
    ends = [*trained, windows]
    for begin, end in zip([0, *trained], ends, strict=True):
        model = lab.make(choose(begin, None))
        models += [model] if begin else []
        if end > begin:
            losses += lab.losses(model, range(begin + 1, end + 1))
    return losses, models


def after(lab: Lab, choose: Choose, windows: int, begin: int) -> Floats:
    """Return the sum of losses of each window for the model that is made after one; not a number up to that one."""
    found = np.full(windows, np.nan)
    if begin < windows:
        losses = lab.losses(lab.make(choose(begin, None)), range(begin + 1, windows + 1))
        found[begin:] = [sum(each) for each in losses]
    return found


def oracle(losses: Floats, trainings: int) -> list[int]:
    """Return the windows after which at most so many trainings lose least, as is known afterwards.

    Args:
        losses: What the model that is made after window t loses in each window, shape (t, windows), from t = 0 on.
        trainings: How many there may be.
    """
    windows = losses.shape[1]
    # spent[t, w]: what the model of t loses in the windows t + 1 to w
    spent = np.hstack([np.zeros((len(losses), 1)), np.cumsum(np.nan_to_num(losses), axis=1)])
    best = np.where(np.arange(windows + 1) >= 0, spent[0], np.inf)
    chosen: list[NDArray[np.int64]] = []
    for _ in range(trainings):
        through = np.full((len(losses), windows + 1), np.inf)
        for begin in range(1, len(losses)):
            through[begin, begin:] = best[begin] + spent[begin, begin:]
        place = np.where(through.min(0) < best, through.argmin(0), -1)
        best = np.minimum(best, through.min(0))
        chosen.append(place)
    found: list[int] = []
    window = windows
    for place in reversed(chosen):
        if place[window] > 0:
            window = int(place[window])
            found.append(window)
    return sorted(found)
