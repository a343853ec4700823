"""Two samples, compared once."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from driftd.detect.attribution import exceeded, statistics
from driftd.detect.combination import Blocks, Evidence, multipliers
from driftd.detect.data_quality import problems
from driftd.detect.evidence.loss_decay import with_loss
from driftd.detect.reference import Reference
from driftd.detect.settings import DriftSettings
from driftd.detect.verdict import ColumnVerdict
from driftd.profile import Profile
from driftd.profile.features import Column


@dataclass(frozen=True)
class Check:
    """What two samples say.

    `p_value` is family-wise: over all columns, all tests and the joint one.
    """

    drift: bool
    p_value: float
    alpha: float
    min_effect: float
    reference_rows: int
    current_rows: int
    problems: tuple[str, ...]
    notes: tuple[str, ...]
    columns: tuple[ColumnVerdict, ...]

    def to_json(self) -> dict[str, Any]:
        said = asdict(self)
        rows = {"reference": said.pop("reference_rows"), "current": said.pop("current_rows")}
        return {"drift": said.pop("drift"), "rows": rows, **said}


def check(
    reference: Callable[[], Iterable[pa.RecordBatch]],
    current: Iterable[pa.RecordBatch],
    columns: Sequence[Column],
    settings: DriftSettings,
    alpha: float,
) -> Check:
    """Compare rows with a reference; it has drifted if p-value and effect both say so."""
    known = Reference.build(reference, columns, settings)
    profile = Profile.of(known.layout, with_loss(current, known.score))
    found = Evidence.of(known, Blocks.single(known.profile, profile), settings.min_effect)
    tested = found.tested
    p_value = float(1 / found.rarity()[0])
    broken = problems(known, known.profile, profile, alpha, settings)
    drift = float(1 / found.rarity(settings.min_effect)[0]) <= alpha
    said = statistics(known, tested, 0, settings)
    over = exceeded(said)
    sure = tested.p_values[0] * multipliers(known)[0] <= alpha
    moved = frozenset(map(int, np.flatnonzero(sure & (tested.effects[0] >= settings.min_effect)))) | over
    if drift:
        moved |= found.words(0, 1 / alpha)
    if drift and not moved:
        moved = found.moved(0, 1 / alpha, settings)
    return Check(
        drift or bool(over),
        p_value,
        alpha,
        settings.min_effect,
        known.profile.rows,
        profile.rows,
        tuple(broken),
        (*known.notes, *([known.unarmed] if known.unarmed else [])),
        found.told(0, said, moved),
    )
