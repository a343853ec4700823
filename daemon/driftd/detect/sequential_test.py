"""One step of detection, pure: reference, history and a window give a verdict and the next reference and history."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from driftd.detect.attribution import exceeded, statistics
from driftd.detect.combination import Blocks, Evidence
from driftd.detect.data_quality import problems
from driftd.detect.evidence.loss_decay import SHARE, Decay, decay_p_values, mean
from driftd.detect.evidence.marginal import SMALLEST_P
from driftd.detect.history import MOST_BUCKETS, History
from driftd.detect.reference import Reference
from driftd.detect.settings import DriftSettings
from driftd.detect.verdict import Verdict
from driftd.profile import Axis, Profile
from driftd.profile.binning import Floats

# the newest window gets most of the budget, longer stretches less; together all of it
WEIGHTS = 1 / np.arange(2, MOST_BUCKETS + 2)
WEIGHTS /= WEIGHTS.sum()
WARN = 0.1
NONE: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Step:
    """What a window leads to."""

    verdict: Verdict
    reference: Reference
    history: History


def step(
    reference: Reference,
    history: History,
    window: Profile,
    settings: DriftSettings,
    *,
    broken: Sequence[str] = (),
    explain: bool = True,
) -> Step:
    """Judge a window.

    Args:
        reference: What it is judged against.
        history: The windows before it.
        window: Its counts.
        settings: What a person decides.
        broken: What is known to be wrong with its rows beside what its counts show.
        explain: Whether the verdict tells of columns; without, it is quicker and decides the same.
    """
    if reason := reference.unarmed:
        return Step(Verdict(armed=False, reason=reason), reference.grown(window), history)
    level = 1 / settings.false_alarms
    found = [*broken, *problems(reference, reference.profile, window, level, settings)]
    if found:
        verdict = Verdict(armed=True, threshold=settings.false_alarms, quality=True, problems=tuple(found))
        return Step(verdict, reference, history)
    extended, oldest = history.push(window)
    young = reference.profile.rows < settings.reference_rows
    verdict = judge(reference, extended, settings, young=young, explain=explain)
    if oldest is not None and young and not verdict.warn:
        reference = reference.grown(oldest.profile)
    return Step(verdict, reference, extended)


def judge(
    reference: Reference, history: History, settings: DriftSettings, *, young: bool, explain: bool = True
) -> Verdict:
    """Say what the newest windows show; without `explain` no columns."""
    blocks = blocks_of(reference, history, young=young)
    found = Evidence.of(reference, blocks, settings.min_effect)
    tested = found.tested
    tested.p_values[:, reference.constant & ~varying(history)] = 1.0
    weights = WEIGHTS[: len(history.buckets)]
    share = weights * (1 - SHARE) if settings.scored or reference.loss is not None else weights
    evidence, worth = found.rarity() * share, found.rarity(settings.min_effect) * share
    decay, since = decayed(reference, blocks, weights, settings)
    alarm = bool(worth.max() >= settings.false_alarms)
    # a fixed threshold is about the newest window; evidence about the stretch that says most
    over = exceeded(statistics(reference, tested, 0, settings)) if settings.thresholds else NONE
    place = int(worth.argmax()) if alarm else 0 if over else int(evidence.argmax())
    moved = over | found.moved(place, settings.false_alarms / share[place], settings) if alarm else over
    columns = found.told(place, statistics(reference, tested, place, settings), moved) if explain else ()
    return Verdict(
        armed=True,
        alarm=bool(moved),
        warn=bool(max(evidence[place], decay.evidence if decay else 0.0) >= WARN * settings.false_alarms),
        evidence=float(evidence[place]),
        threshold=settings.false_alarms,
        windows=int(history.spans[place]),
        onset_windows_back=_onset(history, place if moved else None, since if decay and decay.alarm else None),
        columns=columns,
        decay=decay,
    )


def decayed(reference: Reference, blocks: Blocks, weights: Floats, settings: DriftSettings) -> tuple[Decay | None, int]:
    """Say what the model's losses show, and in which block most."""
    if reference.loss is None:
        return None, 0
    place = reference.loss
    before, now = blocks.reference.cells[:, place], blocks.current.cells[:, place]
    p_values, effects = decay_p_values(before, now, float(reference.design[place]))
    evidence = SHARE * weights / np.clip(p_values, SMALLEST_P, 1.0)
    worth = np.where(effects >= settings.min_effect, evidence, 0.0)
    alarm = bool(worth.max() >= settings.false_alarms)
    block = int((worth if alarm else evidence).argmax())
    positions = cast("Axis", reference.layout.binnings[place]).positions
    return (
        Decay(
            before=mean(before[block], positions),
            now=mean(now[block], positions),
            rows=int(now[block].sum()),
            effect=float(effects[block]),
            evidence=float(evidence[block]),
            alarm=alarm,
        ),
        block,
    )


def _onset(history: History, *blocks: int | None) -> int | None:
    """Return how many windows before the last one the earliest of the blocks that alarm began."""
    spans = [int(history.spans[block]) - 1 for block in blocks if block is not None]
    return max(spans, default=None)


def blocks_of(reference: Reference, history: History, *, young: bool) -> Blocks:
    """Put each stretch against the reference, a young one together with the windows before the stretch."""
    current, base = history.sums, reference.profile
    sides = zip(base.counts, current.counts, strict=True)
    counts = (own + (new[-1] - new) if young else np.broadcast_to(own, new.shape) for own, new in sides)
    return Blocks(Profile(*counts), current)


def varying(history: History) -> NDArray[np.bool_]:
    """Return the features that vary in each of the two newest windows, not only in the one in which they step."""
    newest = [(bucket.profile.cells > 0).sum(-1) > 1 for bucket in history.buckets[:2]]
    return np.asarray(newest[0] & newest[-1] & (len(newest) > 1))
