"""driftd's own policy: detection, triggers, gates and the comparison are the daemon's; only the clock is made up."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from driftd.backtest.model_factory import Lab, Made, Part
from driftd.backtest.stream import Recorded
from driftd.config import Project
from driftd.detect.loss_monitor import Watch
from driftd.detect.offline.replay import Follower
from driftd.detect.settings import DriftSettings
from driftd.incidents.lifecycle import ASKED, kind_of, leading, summarise
from driftd.projects.scheduling import gates, triggers
from driftd.retrain.evaluation.alpha_spending import confidence
from driftd.retrain.evaluation.decision import decide
from driftd.retrain.evaluation.paired_bootstrap import compare

Choose = Callable[
    [int, int | None], Sequence[Part]
]  # the rows of a model, up to a window and from a regime's first one on
Progress = Callable[[int], None]


@dataclass
class Incident:
    """An incident as the journal would have it; windows are numbered from 1."""

    kind: str
    window: int
    onset: int | None
    summary: str
    opened: int
    retry_rows: int | None = None
    closed: int | None = None
    resolution: str | None = None
    runs: int = 0


@dataclass(frozen=True)
class Attempt:
    """A run: after which window, what came of it, why, and the seconds that the stages took."""

    window: int
    cause: str
    outcome: str
    sentence: str
    seconds: float


@dataclass
class Outcome:
    """What a policy did: the losses of each window's rows, and its runs."""

    losses: list[list[float]] = field(default_factory=list)
    runs: list[Attempt] = field(default_factory=list)
    incidents: list[Incident] = field(default_factory=list)


class Loop:
    """Goes through the windows in order; each is scored before anything is learnt from it."""

    def __init__(
        self, settings: Project, stream: Recorded, lab: Lab, choose: Choose, pace: float, *, batch: int = 8
    ) -> None:
        self._settings = settings
        self._drift = DriftSettings.of(settings)
        self._stream = stream
        self._lab = lab
        self._choose = choose
        self._pace = pace
        self._batch = batch
        self._done = Outcome()
        self._incident: Incident | None = None
        self._regime: int | None = (
            None  # the window that the present regime began with; None while there has been no other
        )
        self._decisions = 0  # against the champion
        self._ended: list[float] = []
        self._started: list[float] = []
        self._trained = 0  # the window up to which the champion, or a candidate that was kept out, has learnt
        self._champion = lab.make(choose(0, None))
        self._watch = Watch(self._champion.accepted, self._drift)
        self._ahead: dict[int, list[float]] = {}

    def run(self, progress: Progress) -> Outcome:
        """Return what was done; `progress` hears of each window."""
        first = list(self._stream.read(Part(0, self._stream.first)))
        follower = Follower(first, self._stream.schema.columns, self._drift, self._again)
        for window in range(1, self._stream.windows + 1):
            rows = list(self._stream.read(self._stream.part(range(window, window + 1))))
            losses = self._losses(window)
            self._done.losses.append(losses)
            for line in follower.judge(rows):
                self._alarmed(window, line, follower)
            if losses and (rise := self._watch.weigh(window, losses)):
                onset, verdict = rise
                if self._harmed(window, onset, verdict.to_json()):
                    follower.leave(self._stream.part(range(onset, onset + 1)).first, rows)
            self._answer(window)
            progress(window)
        return self._done

    def _again(self, first: int, rows: int) -> Any:
        return self._stream.read(Part(first, first + rows))

    def _losses(self, window: int) -> list[float]:
        """Score the champion on a window, and on some to come, which is a waste only where it is replaced before."""
        if window not in self._ahead:
            windows = range(window, min(window + self._batch, self._stream.windows + 1))
            self._ahead = dict(zip(windows, self._lab.losses(self._champion, windows), strict=True))
        return self._ahead[window]

    def _watched(self, model: Made) -> Watch:
        """Return what looks at the losses of a model that a run has made."""
        return Watch([] if self._drift.later else model.accepted, self._drift)

    def _alarmed(self, window: int, line: dict[str, Any], follower: Follower) -> None:
        if "incident" in line or follower.regime is None:
            return
        verdict = {**line, "alarm": line["drift"]}
        kind = kind_of("drift" if line["drift"] else "score", verdict, self._stream.labels)
        onset = 1 + max(0, follower.regime - self._stream.first) // self._stream.window
        self._regime = onset
        self._open(kind, window, onset, summarise(verdict))

    def _harmed(self, window: int, onset: int, verdict: dict[str, Any]) -> bool:
        """Return whether a rise of the losses is a change of its own."""
        found = self._incident
        if found is not None and found.onset is not None and onset <= found.window:
            return False
        self._regime = onset
        self._open("score", window, onset, summarise(verdict))
        return True

    def _open(self, kind: str, window: int, onset: int, summary: str) -> None:
        if self._incident is None:
            self._incident = Incident(kind, window, onset, summary, window)
            self._done.incidents.append(self._incident)
            return
        found = self._incident
        found.kind, found.window, found.onset = leading(kind, found.kind), window, onset
        found.summary, found.retry_rows = summary, None

    def _answer(self, window: int) -> None:
        """Let a run begin where an incident or a trigger asks for one and every gate is open."""
        now = window * self._pace
        if self._incident is None:
            self._ask(window, now)
        found = self._incident
        if found is None:
            return
        retrain = self._settings.retrain
        asked = found.kind in ASKED
        rows = (window - found.onset + 1) * self._stream.window if found.onset else 0
        facts = gates.Facts(
            now=now,
            rows=rows,
            needed=0 if asked else found.retry_rows or retrain.min_rows,
            labelled=None,
            labels_needed=0,
            paused=False,
            broken=False,
            ended=tuple(self._ended),
            started=tuple(self._started),
            failures=0,
        )
        if gates.held(retrain, facts) is None:
            self._attempt(found, window, now, rows)

    def _ask(self, window: int, now: float) -> None:
        rows = (window - self._trained) * self._stream.window
        facts = triggers.Facts(
            now=now,
            scheduled_from=self._started[-1] if self._started else 0.0,
            trained_at=self._ended[-1] if self._ended else 0.0,
            rows=rows,
            trained_base=None,
            base=None,
        )
        if due := triggers.due(self._settings.retrain, facts):
            self._incident = Incident(due.kind, window, None, due.summary, window)
            self._done.incidents.append(self._incident)

    def _since(self) -> int | None:
        """Return where `retrain.rows` finds the new regime for a run that no change asked for."""
        return None if self._settings.retrain.rows == "all" else self._regime

    def _attempt(self, incident: Incident, window: int, now: float, rows: int) -> None:
        candidate = self._lab.make(self._choose(window, incident.onset or self._since()))
        side = self._lab.score(self._champion, candidate)
        promote, compared = self._settings.promote, None
        if side.rows and candidate.rows:
            level = confidence(promote.confidence, self._decisions)
            compared = compare(side.rows, candidate.rows, self._lab.new_files(candidate), level)
        decision = decide(promote, side.scores, candidate.scores, compared, self._decisions)
        better = decision["verdict"] == "promote"
        self._decisions = 0 if better else self._decisions + 1
        self._ended.append(now)
        self._started.append(now)
        self._trained = window
        incident.runs += 1
        outcome = "promoted" if better else "kept"
        self._done.runs.append(Attempt(window, incident.kind, outcome, decision["sentence"], candidate.seconds))
        if better:
            self._champion, self._watch, self._ahead = candidate, self._watched(candidate), {}
        if better or incident.kind in ASKED:
            incident.closed, incident.resolution = window, "promotion" if better else "kept"
            self._incident = None
        else:
            incident.retry_rows = 2 * rows
