"""What crosses between the daemon and its workers, as plain values: the daemon's own process stays free of numpy and pyarrow."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from driftd.detect.settings import DriftSettings
from driftd.readers import Schema, Span


@dataclass(frozen=True)
class Judged:
    """What a worker says of a window."""

    profile: bytes
    state: bytes
    reference: bytes | None  # if it has grown
    verdict: dict[str, Any]
    change: str | None  # the kind of incident that it opens
    onset: int  # how many windows back the new regime began


@dataclass(frozen=True)
class Built:
    """A reference that a worker has made; not armed where it says why."""

    blob: bytes
    rows: int
    armed: bool
    reason: str | None


def judge(
    reference: bytes, state: bytes | None, spans: list[Span], schema: Schema, settings: DriftSettings, broken: list[str]
) -> Judged:
    """Judge a window, in a worker; `broken` is what is known to be wrong with its rows."""
    from driftd.detect.tasks import worker

    done = worker.judge(reference, state, spans, schema, settings, broken)
    verdict = done.verdict
    onset = verdict.onset_windows_back or 0
    change = "drift" if verdict.alarm else "score" if verdict.change else None
    return Judged(done.profile, done.state, done.reference, verdict.to_json(), change, onset)


@dataclass(frozen=True)
class Weighed:
    """What a worker says of the losses of a window."""

    state: bytes
    reference: bytes | None  # if it has grown
    verdict: dict[str, Any]
    onset: int | None  # at an alarm, how many scored windows back the rise began


def accept(losses: list[float], settings: DriftSettings) -> bytes:
    """Make a reference of losses, in a worker."""
    from driftd.detect.loss_monitor import accepted

    return accepted(losses, settings).to_bytes()


def weigh(reference: bytes, state: bytes | None, losses: list[float], settings: DriftSettings) -> Weighed:
    """Hold the losses of a window against those that the model was accepted with, in a worker."""
    from driftd.detect.tasks import worker

    return worker.weigh_losses(reference, state, losses, settings)


def build(spans: list[Span], schema: Schema, settings: DriftSettings, settle: bool) -> Built:
    """Make a reference, in a worker; `settle` waits for a regime that still moves."""
    from driftd.detect.tasks import worker

    built = worker.build_reference(spans, schema, settings, settle=settle)
    return Built(built.blob, built.rows, built.armed, built.reason)


def find_out(
    reference: bytes,
    columns: dict[str, float],
    before: list[bytes],
    after: list[list[Span]],
    schema: Schema,
    earlier: list[tuple[int, bytes]],
) -> tuple[str, int, int | None]:
    """Say what an alarm was, in a worker: its pattern, the place of its onset among the windows, and the regime that came back."""
    from driftd.detect.tasks import worker

    found = worker.find_out(reference, columns, before, after, schema, earlier)
    return found.kind, found.onset, found.regime


def choose(
    reference: bytes,
    effects: dict[str, float],
    before: list[Span],
    spans: list[Span],
    schema: Schema,
    labels: Sequence[str],
    most: int,
) -> tuple[bytes, int]:
    """Choose the rows most worth a label, in a worker: as JSON lines, and how many they are."""
    from driftd.detect import label_selection

    return label_selection.choose(reference, effects, before, spans, schema, labels, most)
