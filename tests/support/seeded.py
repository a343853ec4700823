"""A state folder as a daemon leaves it, without a daemon: what pages and commands show, in every state they know.

addresses    drift, answered: two models, a closed incident, quiet since
invoices     drift, not answered yet: incident open, the cooldown holds the run; files in quarantine, one window broken
orders       a candidate waits for approval
sensors      started, without a model
hostile      names, reasons and scores that want to break out of a page or a terminal
"""

import math
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from driftd.detect.reference import Reference
from driftd.detect.settings import DriftSettings
from driftd.journal import Journal, tables
from driftd.journal.layout import Layout, journal_path
from driftd.journal.records import Run
from driftd.profile import Profile

HOUR = 3600.0
SCRIPT = "<script>alert('x')</script>"
QUOTES = "\"'><img src=x onerror=alert(1)>"
TURNED = "\u202egnp.exe"  # shown from right to left
SIGNALS = "\x1b[31mred\x07"
LONG = "n" * 10_000
THRESHOLD = 5000.0
TABLE = (
    ("amount", "numeric", 0.012),
    ("country", "categorical", 0.018),
    ("day", "datetime", 0.008),
    ("channel", "categorical", 0.004),
)
COLUMNS = {
    "addresses": (("text", "text", 0.015), ("entities", "entities", 0.011)),
    "invoices": TABLE,
    "orders": (*TABLE, ("price", "numeric", 0.02)),
    "hostile": (),
}
LABELS = {
    "AddressNumber": (0.869, 0.994),
    "OccupancyIdentifier": (0.679, 0.917),
    "OccupancyType": (0.704, 0.963),
    "PlaceName": (0.902, 0.977),
    "Recipient": (0.0, 0.0),
    "StateName": (0.942, 0.991),
    "StreetName": (0.831, 0.944),
    "StreetNamePostType": (0.906, 0.987),
    "StreetNamePreDirectional": (0.510, 0.947),
    "StreetNamePreType": (0.063, 0.556),
    "USPSBoxID": (0.0, 0.8),
    "ZipCode": (0.930, 0.999),
}
QUIET = (2.1, 3.1, 1.0, 0.6, 0.2, 0.5, 5.3, 6.5)


def seed(state_dir: Path, end: float | None = None) -> Path:
    """Write the journal of a state folder, whose last hours end at `end`; return the folder."""
    journal = Journal.open(journal_path(state_dir), clock=lambda: now[0])
    now = [(end or time.time()) - 30 * HOUR]
    for tell in (addresses, invoices, orders, sensors, hostile):
        now[0] = (end or time.time()) - 30 * HOUR
        with journal.write():
            tell(Teller(journal, now, tell.__name__))
    counts(journal, Layout(state_dir, "invoices"))
    journal.close()
    return state_dir


class Teller:
    """Writes what happened in one project, in its order; the clock goes on with every call."""

    def __init__(self, journal: Journal, now: list[float], project: str) -> None:
        self.journal = journal
        self.project = project
        self._now = now
        self._windows = 0

    def later(self, seconds: float) -> float:
        self._now[0] += seconds
        return self._now[0]

    def begin(self, state: str = "active", **detail: Any) -> None:
        tables.projects.add(self.journal, name=self.project, state=state, columns=None, detail=detail)

    def file(self, name: str, state: str = "admitted", rows: int = 100, **values: Any) -> int:
        at = self.later(240)
        return tables.files.add(
            self.journal,
            project=self.project,
            name=name,
            location=b"/in/" + name[:99].encode(),
            sha256="5" * 64,
            size=22_361,
            mtime_ns=0,
            state=state,
            rows=rows if state == "admitted" else 0,
            windowed=rows if state == "admitted" else 0,
            arrived_at=at,
            admitted_at=at + 1 if state == "admitted" else None,
            **values,
        )

    def window(self, file: int, evidence: float | None, *, state: str = "judged", **verdict: Any) -> int:
        self._windows += 1
        quiet = [
            column(name, kind, effect * (1 + self._windows % 3), drift=False)
            for name, kind, effect in COLUMNS[self.project]
        ]
        said = None if evidence is None else judged(evidence, **{"columns": quiet} | verdict)
        tables.windows.add(
            self.journal,
            project=self.project,
            number=self._windows,
            spans=[(file, 0, 100)],
            rows=100,
            state=state,
            closed_at=self.later(2),
            closed_by="rows",
            verdict=said,
            evidence=evidence,
            judged_at=self.later(1),
        )
        return self._windows

    def reference(self, rows: int, *, armed: bool = True, reason: str | None = None) -> int:
        made = tables.references.add(
            self.journal,
            project=self.project,
            profile="r",
            rows=rows,
            made_of={},
            armed=armed,
            reason=reason,
            created_at=self.later(1),
        )
        tables.projects.update(self.journal, self.project, reference_id=made)
        return made

    def incident(self, kind: str, summary: str, **values: Any) -> int:
        given = {"state": "open", "detail": {}} | values
        return tables.incidents.add(
            self.journal, project=self.project, kind=kind, summary=summary, opened_at=self.later(1), **given
        )

    def close(self, incident: int, resolution: str) -> None:
        values = {"state": "closed", "resolution": resolution, "closed_at": self.later(1)}
        tables.incidents.update(self.journal, incident, **values)

    def run(self, cause: str, state: str, steps: dict[str, tuple[float, Any]], **values: Any) -> Run:
        began = self.later(1)
        run = tables.runs.add(
            self.journal, project=self.project, cause=cause, state=state, plan={}, created_at=began, **values
        )
        for name, (seconds, result) in steps.items():
            at = self.later(0.01)
            ended = None if result is None else self.later(seconds)
            tables.steps.add(self.journal, run_id=run, name=name, started_at=at, ended_at=ended, result=result)
        if state not in ("running", "waiting"):
            tables.runs.update(self.journal, run, ended_at=self.later(0.1))
        return tables.runs.get(self.journal, run)

    def model(self, version: str, run: Run | None, cause: str, **scores: Any) -> int:
        at = self._now[0]
        model = tables.models.add(
            self.journal,
            project=self.project,
            version=version,
            revision=version[1] * 40,
            run_id=run and run.id,
            scores={f"scores.json:{name}": value for name, value in scores.items()},
            digest="b8930d53" * 8,
            created_at=at,
        )
        self.assign(model, cause, run)
        return model

    def scored(self, window: int, loss: float) -> None:
        """Let the champion have been scored on a window, or with 0 on what it was accepted with."""
        last = tables.assignments.newest(self.journal, self.project)
        verdict = judged(12.0, columns=[]) | {
            "decay": {"before": 0.028, "now": loss, "rows": 96, "effect": 0.02, "alarm": False}
        }
        tables.scorings.add(
            self.journal,
            project=self.project,
            assignment_id=last.id,
            window=window,
            rows=96,
            loss=loss,
            losses=[],
            verdict=verdict if window else {"armed": False, "reason": "the new regime's rows are being collected"},
            scored_at=self._now[0],
        )

    def hook(self, position: int, kind: str, title: str, state: str, error: str | None = None) -> None:
        last = tables.assignments.newest(self.journal, self.project)
        tables.hooks.add(
            self.journal,
            project=self.project,
            assignment_id=last.id,
            position=position,
            kind=kind,
            title=title,
            spec={},
            state=state,
            attempts=1,
            error=error,
            due_at=self._now[0],
            ended_at=self._now[0],
        )

    def assign(self, model: int, cause: str, run: Run | None = None) -> None:
        number = 1 + tables.assignments.count(self.journal, "project = ?", self.project)
        tables.assignments.add(
            self.journal,
            project=self.project,
            number=number,
            model_id=model,
            cause=cause,
            run_id=run and run.id,
            assigned_at=self._now[0],
        )


def addresses(tell: Teller) -> None:
    tell.begin()
    first_model(tell)
    for number, evidence in enumerate(QUIET, 1):
        tell.window(tell.file(f"{number:02}-iowa.jsonl"), evidence)
    columns = [column("text", "text", 0.685, "length.ks"), column("entities", "entities", 0.5, "count.ks")]
    file = tell.file("09-nationwide.jsonl")
    incident = opened(tell, file, "text (0.68), entities (0.50)", columns)
    for number in range(10, 15):
        tell.window(tell.file(f"{number}-nationwide.jsonl.gz"), None, state="collected")
    run = tell.run(
        "drift", "promoted", answered([(1, 8, "older"), (9, 14, "new")]), incident_id=incident, decision=decision()
    )
    tell.model("v2.0.0", run, "promotion", ents_f=0.972, ents_p=0.975)
    tell.hook(1, "command", "reload-address-server", "done")
    tell.hook(2, "webhook", "deploy.example", "failed", error="it answered 503")
    tell.close(incident, "promotion")
    tell.reference(800)
    tell.scored(0, 0.028)
    for number, evidence in enumerate(QUIET, 15):
        tell.scored(tell.window(tell.file(f"{number}-nationwide.jsonl.gz"), evidence), 0.03 + number / 1000)


def invoices(tell: Teller) -> None:
    tell.begin()
    first_model(tell)
    for number, evidence in enumerate((*QUIET, 90.0, 4.0, 800.0), 1):
        tell.window(tell.file(f"2026-11-{number:02}.csv"), evidence, warn=evidence > 100)
    broken = tell.window(
        tell.file("2026-11-12.csv"),
        1.0,
        state="held",
        quality=True,
        problems=["`amount` is null in 40 % of the rows, 0 % before"],
    )
    quality = tell.incident("quality", "`amount` is null in 40 % of the rows, 0 % before", window=broken)
    tell.close(quality, "recovery")
    tell.file(
        "2026-11-13.csv", "quarantined", reason="the column `amount` is missing", remedy="deliver the file with it"
    )
    refused = tell.file(
        "customers.pdf", "quarantined", reason="this is no table: it begins like a PDF", remedy="deliver CSV"
    )
    schema = tell.incident(
        "schema",
        "the column `amount` is missing",
        detail={
            "files": [{"file": refused, "name": "2026-11-13.csv", "reason": "the column `amount` is missing"}],
            "count": 1,
        },
    )
    columns = [
        column("amount", "numeric", 0.41),
        column("country", "categorical", 0.22),
        column("day", "datetime", 0.01),
    ]
    incident = opened(tell, tell.file("2026-11-14.csv"), "amount (0.41), country (0.22)", columns)
    tell.window(tell.file("2026-11-15.csv"), None, state="collected")
    sentence = "The champion stays: accuracy from 0.910 to 0.912 on 204 shared test rows: a gain of 0.002, at least -0.011 with 95% confidence, where more than 0 is asked for."
    kept = decision(champion=0.91, candidate=0.912, labels={}, guards=[]) | {"sentence": sentence, "verdict": "keep"}
    for part in (kept, *kept["by_regime"].values()):
        del part["bounds"]  # as decisions were before they held any
    kept["made_of"] = {
        "rule": "regime + 20%",
        "new": 900,
        "older": 210,
        "sentence": "Made of 1110 rows, as `rows: regime + 20%` has it, 900 of the new regime and 210 older ones.",
        "files": [
            {"name": "first-driftd-0123456789ab.csv", "rows": 210, "new": False, "cut": True},
            {"name": f"{SCRIPT}{TURNED}.csv", "rows": 900, "new": True, "cut": False},
        ],
    }
    tell.run("drift", "kept", answered([(1, 14, "new")]), incident_id=incident, decision=kept)
    tables.incidents.update(tell.journal, incident, state="unresolved", retry_rows=400)
    assert schema


def counts(journal: Journal, layout: Layout) -> None:
    """Keep the counts of the reference and of the windows of a project's incident, as the daemon does."""
    columns = [Described(name, kind) for name, kind, _ in TABLE]
    before, now = rows(1500, 60.0, "DE", 1), rows(200, 110.0, SCRIPT, 2)
    known = Reference.build(lambda: [before], columns, DriftSettings())
    for folder, name, content in (
        (layout.references, "1.reference", known.to_bytes()),
        (layout.windows, "13.profile", Profile.of(known.layout, [now]).to_bytes()),
    ):
        folder.mkdir(parents=True)
        (folder / name).write_bytes(content)
    with journal.write():
        found = tables.references.first(journal, "project = ?", layout.project)
        tables.references.update(journal, found.id, profile="1.reference")
        tables.windows.set(
            journal, "project = ? AND number = 13", layout.project, profile="13.profile", reference_id=found.id
        )
        tables.incidents.set(journal, "project = ? AND kind = 'drift'", layout.project, reference_id=found.id)


class Described(NamedTuple):
    name: str
    kind: str


def rows(count: int, amount: float, country: str, seed: int) -> pa.RecordBatch:
    draw = np.random.default_rng(seed)
    return pa.RecordBatch.from_pydict(
        {
            "amount": draw.gamma(4.0, amount / 4, count),
            "country": draw.choice([country, "FR", "IT"], count, p=[0.6, 0.3, 0.1]),
            "day": pa.array(draw.integers(0, 10**6, count) * 10**6, pa.timestamp("us")),
            "channel": draw.choice(["shop", "web"], count),
        }
    )


def orders(tell: Teller) -> None:
    tell.begin()
    model = first_model(tell)
    for number, evidence in enumerate(QUIET, 1):
        tell.window(tell.file(f"{number}.parquet"), evidence)
    tell.run(
        "person", "failed", {"prepare": (0.1, {}), "snapshot": (1.0, None)}, error="dvc add data: the disk is full"
    )
    incident = opened(tell, tell.file("9.parquet"), "price (0.31)", [column("price", "numeric", 0.31)])
    guards = [guard("scores.json:StreetName.f", 0.95, 0.90, holds=False), guard("scores.json:ZipCode.f", 0.93, 0.999)]
    waiting = decision(guards=guards)
    tell.run("drift", "waiting", answered([(1, 9, "new")]), incident_id=incident, decision=waiting, step="decide")
    tables.incidents.update(tell.journal, incident, state="running")
    tell.assign(model, "rollback")


def sensors(tell: Teller) -> None:
    tell.begin("new")
    tell.run("first-model", "running", {"prepare": (0.1, {}), "reproduce": (1.0, None)}, step="reproduce")


def hostile(tell: Teller) -> None:
    tell.begin()
    first_model(tell)
    file = tell.file(SCRIPT)
    tell.window(file, 3.0)
    for name in (QUOTES, TURNED, SIGNALS, LONG):
        tell.file(name, "quarantined", reason=name, remedy=name)
    columns = [column(name, "numeric", 0.9) for name in (SCRIPT, QUOTES, TURNED, SIGNALS, LONG)]
    incident = opened(tell, file, f"{SCRIPT} {TURNED} {SIGNALS} {LONG}", columns)
    labels = {SCRIPT: (0.1, 0.9), QUOTES: (0.1, 0.9), TURNED: (0.9, 0.1), SIGNALS: (0.5, 0.5), LONG: (math.nan, -3.0)}
    said = decision(labels=labels, guards=[guard(SCRIPT, 1.0, None, holds=False)]) | {"sentence": SCRIPT + LONG}
    tell.run("drift", "kept", answered([(1, 2, SCRIPT)]), incident_id=incident, decision=said)
    tell.run("person", "failed", {}, error=f"{SCRIPT}\n{SIGNALS}\n{LONG}")


def first_model(tell: Teller) -> int:
    steps = {name: (1.0, {}) for name in ("prepare", "reference", "number", "copy", "commit", "point")}
    run = tell.run("first-model", "promoted", steps)
    model = tell.model("v1.0.0", run, "first-model", ents_f=0.999, ents_p=0.998)
    tell.reference(1500)
    return model


def opened(tell: Teller, file: int, summary: str, columns: list[dict[str, Any]]) -> int:
    number = tell.window(file, 2.3e14, alarm=True, warn=True, columns=columns)
    detail = {"verdict": judged(2.3e14, alarm=True, warn=True, columns=columns), "alarms": [number]}
    detail["pattern"] = {"kind": "sudden", "onset_window": number, "regime": None}
    tables.projects.update(tell.journal, tell.project, reference_id=None)
    return tell.incident("drift", summary, detail=detail, window=number, onset_window=number)


def judged(evidence: float, **values: Any) -> dict[str, Any]:
    return {
        "armed": True,
        "reason": None,
        "alarm": False,
        "warn": False,
        "evidence": evidence,
        "threshold": THRESHOLD,
        "windows": 1,
        "onset_windows_back": None,
        "quality": False,
        "problems": [],
        "columns": [],
    } | values


def column(name: str, kind: str, effect: float, statistic: str = "ks", *, drift: bool = True) -> dict[str, Any]:
    statistics = [
        {"name": statistic, "value": effect, "p_value": 10 ** (-60 * effect), "threshold": None},
        {"name": "psi", "value": effect * 2, "p_value": None, "threshold": 0.2},
    ]
    return {
        "name": name,
        "kind": kind,
        "drift": drift and effect > 0.02,
        "effect": effect,
        "evidence": 10.0,
        "statistics": statistics,
    }


def answered(batches: list[tuple[int, int, str]]) -> dict[str, tuple[float, Any]]:
    """Return the steps of a run that brings windows into the dataset."""
    made = [
        {
            "name": f"driftd-{first:06}-{last:06}-{name}.jsonl",
            "rows": 100 * (last - first + 1),
            "windows": [first, last],
        }
        for first, last, name in batches
    ]
    prepared = {"champion": {"version": "v1.0.0"}, "windows": [batches[0][0], batches[-1][1]]}
    return {
        "prepare": (0.1, prepared),
        "snapshot": (1.7, {"batches": made}),
        "reproduce": (26.4, {}),
        "score": (4.7, {}),
        "decide": (0.1, {}),
    }


def guard(metric: str, champion: float, candidate: float | None, *, holds: bool = True) -> dict[str, Any]:
    return {"metric": metric, "champion": champion, "candidate": candidate, "max_drop": 0.03, "holds": holds}


def decision(
    champion: float = 0.867,
    candidate: float = 0.972,
    labels: dict[str, tuple[float, float]] | None = None,
    guards: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    by_label = {
        name: {"champion": old, "candidate": new, "bounds": bounds(old, new, 0.04)}
        for name, (old, new) in (LABELS if labels is None else labels).items()
    }
    gain = candidate - champion
    interval = {"lower": gain - 0.016, "upper": gain + 0.016, "confidence": 0.95}
    regimes = {"older": (471, 0.998, 0.999, {}), "new": (116, 0.312, 0.843, by_label)}
    return {
        "verdict": "promote",
        "metric": "scores.json:ents_f",
        "champion": champion,
        "candidate": candidate,
        "difference": gain,
        "gain": gain,
        "better": "higher",
        "interval": interval,
        "bounds": bounds(champion, candidate, 0.016),
        "min_gain": 0.0,
        "guards": [guard("scores.json:StreetName.f", 0.831, 0.944)] if guards is None else guards,
        "method": "paired bootstrap",
        "rows": {"shared": 587, "champion": 587, "candidate": 587},
        "by_label": by_label,
        "by_regime": {
            name: {"rows": rows, "champion": old, "candidate": new, "bounds": bounds(old, new, 0.03), "by_label": inner}
            for name, (rows, old, new, inner) in regimes.items()
        },
        "split": "content_hash",
        "scores": {"champion": {"scores.json:ents_f": champion}, "candidate": {"scores.json:ents_f": candidate}},
        "sentence": f"The candidate is better: ents_f from {champion:.3f} to {candidate:.3f} on 587 shared test rows: "
        f"a gain of {gain:.3f}, at least {gain - 0.016:.3f} with 95% confidence.",
    }


def bounds(champion: float, candidate: float, margin: float) -> dict[str, list[float]]:
    sides = {"champion": champion, "candidate": candidate, "difference": candidate - champion}
    return {name: [value - margin, value + margin] for name, value in sides.items()}
