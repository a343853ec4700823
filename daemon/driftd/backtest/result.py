"""A backtest from its settings to its figures."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

import numpy as np

from driftd.backtest import fixed_policies
from driftd.backtest.driftd_policy import Attempt, Choose, Incident, Loop
from driftd.backtest.model_factory import Lab
from driftd.backtest.stream import Recorded
from driftd.config import Project

Progress = Callable[[str, int, int], None]  # what is done, of how much


@dataclass(frozen=True)
class Line:
    """What a policy came to.

    Attributes:
        name: Its name.
        trained: The windows after which it trained; for driftd also where the champion stayed.
        score: 1 less the mean loss of the rows, or the mean loss where less is better.
        seconds: What the stages of its trainings took.
        windows: The score of each window; None where no row has a label.
    """

    name: str
    trained: list[int]
    score: float
    seconds: float
    windows: list[float | None]


@dataclass(frozen=True)
class Result:
    """A backtest."""

    stream: str
    first: int
    window: int
    better: str
    policies: list[Line]
    incidents: list[Incident] = field(default_factory=list)
    runs: list[Attempt] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Backtest:
    """What is done with a stream; `every` are the distances, in windows, of further schedules."""

    settings: Project
    stream: Recorded
    lab: Lab
    choose: Choose
    pace: float
    workers: int = 2
    every: Sequence[int] = (1,)
    with_oracle: bool = True

    def run(self, progress: Progress) -> Result:
        """Go through the stream with every policy."""
        windows = self.stream.windows
        loop = Loop(self.settings, self.stream, self.lab, self.choose, self.pace)
        done = loop.run(lambda window: progress("driftd", window, windows))
        seconds = sum(run.seconds for run in done.runs)
        mine = self._line("driftd", [run.window for run in done.runs], done.losses, seconds)
        better, name = self.settings.promote.better, self.stream.path.name
        lines = [mine, *self._others(len(done.runs), progress)]
        return Result(name, self.stream.first, self.stream.window, better, lines, done.incidents, done.runs)

    def _others(self, trainings: int, progress: Progress) -> Iterator[Line]:
        windows = self.stream.windows
        schedules = {"never": list[int]()}
        if trainings:
            schedules[f"{trainings} by schedule"] = fixed_policies.schedule(windows, trainings)
        for distance in self.every:
            name = "every window" if distance == 1 else f"every {distance} windows"
            schedules[name] = list(range(distance, windows, distance))
        if self.with_oracle and trainings:
            matrix = self._matrix(progress)
            schedules["oracle, as many"] = fixed_policies.oracle(matrix, trainings)
        self._make(sorted({window for trained in schedules.values() for window in trained}), progress)
        for name, trained in schedules.items():
            losses, models = fixed_policies.follow(self.lab, self.choose, windows, trained)
            yield self._line(name, trained, losses, sum(model.seconds for model in models))

    def _make(self, wanted: Sequence[int], progress: Progress) -> None:
        """Make the models of all policies, several at a time."""
        with ThreadPoolExecutor(self.workers) as pool:
            for number, _ in enumerate(pool.map(lambda window: self.lab.make(self.choose(window, None)), wanted), 1):
                progress("models", number, len(wanted))

    def _matrix(self, progress: Progress) -> fixed_policies.Floats:
        windows = self.stream.windows
        rows = []
        with ThreadPoolExecutor(self.workers) as pool:
            ask = partial(fixed_policies.after, self.lab, self.choose, windows)
            for number, row in enumerate(pool.map(ask, range(windows)), 1):
                rows.append(row)
                progress("oracle", number, windows)
        return np.array(rows)

    def _line(self, name: str, trained: list[int], losses: Sequence[Sequence[float]], seconds: float) -> Line:
        turned = self.settings.promote.better != "lower"
        every = [loss for window in losses for loss in window]
        means = [float(np.mean(window)) if window else None for window in losses]
        shown = [1.0 - mean if turned and mean is not None else mean for mean in means]
        whole = float(np.mean(every)) if every else 0.0
        return Line(name, trained, 1.0 - whole if turned else whole, seconds, shown)
