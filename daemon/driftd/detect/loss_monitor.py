"""The losses of a model that is scored beside detection: held against those that it was accepted with, window by window."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from driftd.detect.evidence.design_effect import blocks_of as cuts_of
from driftd.detect.evidence.design_effect import dependence
from driftd.detect.evidence.loss_decay import LOSS, Decay
from driftd.detect.evidence.multivariate import Joint
from driftd.detect.evidence.terms import NO_TERMS
from driftd.detect.history import History
from driftd.detect.reference import Reference
from driftd.detect.sequential_test import WARN, WEIGHTS, blocks_of, decayed
from driftd.detect.settings import DriftSettings
from driftd.detect.verdict import Verdict
from driftd.profile import Layout, Profile
from driftd.readers import Column, Kind

COLUMNS = (Column(LOSS, Kind.NUMERIC),)


@dataclass(frozen=True)
class Weighed:
    """What the losses of a window lead to."""

    decay: Decay
    onset: int  # how many scored windows before this one the rise began
    reference: Reference
    history: History


class Watch:
    """What the daemon does with the losses of one champion, window by window."""

    def __init__(self, first: Sequence[float], settings: DriftSettings) -> None:
        self._settings = settings
        self._reference = accepted(first, settings) if first else None
        self._history = History()
        self._scored: list[tuple[int, Sequence[float]]] = []  # since the reference, or since the rise

    def weigh(self, window: int, losses: Sequence[float]) -> tuple[int, Verdict] | None:
        """Take the losses of a window; at an alarm return the window with which the rise began, and what was said."""
        self._scored.append((window, losses))
        if self._reference is None:
            collected = [loss for _, each in self._scored for loss in each]
            if len(collected) >= self._settings.losses_to_watch:
                self._reference, self._history, self._scored = accepted(collected, self._settings), History(), []
            return None
        done = weigh(self._reference, self._history, losses, self._settings)
        self._reference, self._history = done.reference, done.history
        if not done.decay.alarm:
            return None
        self._scored = self._scored[-1 - done.onset :]
        self._reference = None
        since = [loss for _, each in self._scored for loss in each]
        # the cells know no larger loss than the accepted ones
        decay = replace(done.decay, now=sum(since) / len(since), rows=len(since))
        return self._scored[0][0], verdict_of(replace(done, decay=decay), self._settings)


def accepted(losses: Sequence[float], settings: DriftSettings) -> Reference:
    """Make a reference of the losses that a model was accepted with, in the order of their rows."""
    rows = _batch(losses)
    whole = _batch([*losses, 0.0, 1.0]) if set(losses) <= {0.0, 1.0} else rows  # a model without an error may make one
    layout = Layout.fit(whole, COLUMNS, endless=(LOSS,))
    layout = replace(layout, skipped=("",), notes=())  # errors that only come late are no running number
    profile = Profile.of(layout, [rows])
    found = dependence(layout, profile.cells, layout.codes(rows), cuts_of(len(losses), settings.window_rows))
    return Reference(layout, profile.cells, profile, found.design, np.zeros(0), NO_TERMS, Joint(()), np.ones(1, bool))


def weigh(reference: Reference, history: History, losses: Sequence[float], settings: DriftSettings) -> Weighed:
    """Hold the losses of a window, and those of the windows before it, against the reference; a young one grows."""
    extended, oldest = history.push(Profile.of(reference.layout, [_batch(losses)]))
    young = reference.profile.rows < settings.reference_rows
    blocks = blocks_of(reference, extended, young=young)
    decay, block = decayed(reference, blocks, WEIGHTS[: len(extended.buckets)], settings)
    if decay is None:
        raise ValueError("a reference of losses has no losses")
    if oldest is not None and young and decay.evidence < WARN * settings.false_alarms:
        reference = reference.grown(oldest.profile)
    return Weighed(decay, int(extended.spans[block]) - 1, reference, extended)


def verdict_of(weighed: Weighed, settings: DriftSettings) -> Verdict:
    """Return what is said of a window whose losses alone were looked at."""
    return Verdict(
        armed=True,
        evidence=weighed.decay.evidence,
        threshold=settings.false_alarms,
        onset_windows_back=weighed.onset if weighed.decay.alarm else None,
        decay=weighed.decay,
    )


def _batch(losses: Sequence[float]) -> pa.RecordBatch:
    return pa.record_batch([pa.array(losses, pa.float64())], [LOSS])
