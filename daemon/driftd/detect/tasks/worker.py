"""What the daemon asks a worker process to do. Everything that crosses is plain data; same inputs, same bytes."""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from driftd.concurrency import prefetched
from driftd.detect.column_settings import misfits
from driftd.detect.evidence.loss_decay import with_loss
from driftd.detect.explanation import diagnosis
from driftd.detect.explanation.diagnosis import Alarm, Finding
from driftd.detect.history import Bucket, History
from driftd.detect.loss_monitor import verdict_of, weigh
from driftd.detect.reference import Reference
from driftd.detect.regime import MOVING, build, settled
from driftd.detect.sequential_test import step
from driftd.detect.settings import DriftSettings
from driftd.detect.tasks.protocol import Weighed
from driftd.detect.verdict import Verdict
from driftd.profile import Profile
from driftd.profile.codec import pack, unpack
from driftd.profile.profile import NAMES
from driftd.readers import Schema, Span, read_spans


@dataclass(frozen=True)
class ReferenceBuilt:
    """A reference as bytes, and what was found out about its rows."""

    blob: bytes
    rows: int
    armed: bool
    reason: str | None
    notes: list[str]


@dataclass(frozen=True)
class Judgement:
    """What judging a window leaves: its counts, the detector's state, the reference if it grew, and the verdict."""

    profile: bytes
    state: bytes
    reference: bytes | None
    verdict: Verdict


def build_reference(
    spans: Sequence[Span], schema: Schema, settings: DriftSettings, *, settle: bool = False
) -> ReferenceBuilt:
    """Make a reference of rows, in their order of arrival.

    With `settle` they are those of a new regime: if it still moves, its newest rows are taken, and while these move as well the
    answer is `armed=False`, until the regime had the settings' patience to settle.
    """
    watched = watched_schema(schema, settings)
    made = settled if settle else build
    reference, moving = made(lambda rows: _read(newest(spans, rows), watched), watched.columns, settings, _rows(spans))
    reason = MOVING if moving else reference.unarmed
    notes = [*reference.notes, *(f"drift.{name}: {why}" for name, why in misfits(settings, schema.columns))]
    return ReferenceBuilt(reference.to_bytes(), reference.profile.rows, reason is None, reason, notes)


def find_out(
    reference: bytes,
    columns: Mapping[str, float],
    before: Sequence[bytes],
    after: Sequence[Sequence[Span]],
    schema: Schema,
    earlier: Sequence[tuple[int, bytes]],
) -> Finding:
    """Say what an alarm was; see `aftermath.find_out`."""
    alarm = Alarm(Reference.from_bytes(reference), columns)
    watched = schema.subset(feature.column for feature in alarm.reference.layout.features)
    windows = [list(_read(spans, watched)) for spans in after]
    known = ((number, Reference.from_bytes(blob)) for number, blob in earlier)
    return diagnosis.find_out(alarm, list(map(Profile.from_bytes, before)), windows, known)


def newest(spans: Sequence[Span], rows: int) -> list[Span]:
    """Return where the newest rows are."""
    kept: list[Span] = []
    left = rows
    for span in reversed(spans):
        if left <= 0:
            break
        skip = max(span.rows - left, 0)
        kept.insert(0, Span(span.path, span.first + skip, span.rows - skip))
        left -= span.rows - skip
    return kept


def _rows(spans: Sequence[Span]) -> int:
    return sum(span.rows for span in spans)


def judge(
    reference: bytes,
    state: bytes | None,
    spans: Sequence[Span],
    schema: Schema,
    settings: DriftSettings,
    broken: Sequence[str] = (),
) -> Judgement:
    """Judge the rows of one window after the windows that `state` remembers; `broken` is what is known to be wrong with them."""
    built = Reference.from_bytes(reference)
    known = built.under(settings)
    watched = schema.subset(feature.column for feature in built.layout.features)
    window = Profile.of(known.layout, with_loss(_read(spans, watched), built.score))
    done = step(known, load_history(state), window, settings, broken=broken)
    grown = None if done.reference is known else replace(built, profile=done.reference.profile).to_bytes()
    return Judgement(window.to_bytes(), save_history(done.history), grown, done.verdict)


def weigh_losses(reference: bytes, state: bytes | None, losses: Sequence[float], settings: DriftSettings) -> Weighed:
    """Hold the losses of a window against a reference of losses, after the windows that `state` remembers."""
    known = Reference.from_bytes(reference)
    done = weigh(known, load_history(state), losses, settings)
    grown = None if done.reference is known else done.reference.to_bytes()
    verdict = verdict_of(done, settings)
    return Weighed(save_history(done.history), grown, verdict.to_json(), verdict.onset_windows_back)


def watched_schema(schema: Schema, settings: DriftSettings) -> Schema:
    """Leave out the columns that nothing is made of."""
    needed = settings.score or ()
    return schema.subset(name for name in schema.names if name in needed or name not in settings.ignore)


def save_history(history: History) -> bytes:
    """Serialise a history."""
    profiles = [bucket.profile.arrays() for bucket in history.buckets]
    windows = [bucket.windows for bucket in history.buckets]
    arrays = {name: np.array([each[name] for each in profiles], np.int64) for name in NAMES}
    return zlib.compress(pack({"windows": windows}, arrays), 1)


def load_history(state: bytes | None) -> History:
    """Read what `save_history` wrote; without a state the history is empty."""
    if state is None:
        return History()
    header, arrays = unpack(zlib.decompress(state))
    return History(
        tuple(
            Bucket(windows, Profile.from_arrays({name: counts[place] for name, counts in arrays.items()}))
            for place, windows in enumerate(header["windows"])
        )
    )


def _read(spans: Sequence[Span], schema: Schema) -> Iterator[pa.RecordBatch]:
    return prefetched(read_spans(spans, schema))
