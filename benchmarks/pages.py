"""How fast pages and API answer over a large journal.

    python benchmarks/pages.py [--files 100000] [--windows 10000] [--runs 1000] [--columns 20]

Seeds one project with that many files (one in a hundred in quarantine), windows with verdicts over that many columns, and runs with five steps and a decision,
each answering an incident and making a model, the first and the last of them as commits of a repository; then asks every page over HTTP on loopback, 20 times, and prints the first answer, and the median and
the slowest of the others; in brackets what processors spent on one, which other work on the machine does not change.
At last `/metrics`, of five projects with 200 columns and a fifth of those files each: as it is while nothing happens, and with a commit before each scrape.
"""

import argparse
import os
import statistics
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import msgspec
from prometheus_client import CollectorRegistry

from driftd.config import Project
from driftd.journal import Journal
from driftd.journal.layout import journal_path
from driftd.observe.metrics import Metrics
from driftd.service.http_server import WebServer, address, bind
from driftd.web.app import create_app

BEGAN = 1.75e9
ASKED = 20
FILES = (
    "INSERT INTO files (project, name, location, sha256, size, mtime_ns, state, rows, windowed, reason, arrived_at, admitted_at) "
    "VALUES (?, ?, ?, ?, 9000, 0, ?, ?, ?, ?, ?, ?)"
)
WINDOWS = (
    "INSERT INTO windows (project, number, spans, rows, closed_at, closed_by, state, verdict, evidence, judged_at, batch) "
    "VALUES (?, ?, ?, 1000, ?, 'rows', 'judged', ?, 1.5, ?, ?)"
)
INCIDENTS = (
    "INSERT INTO incidents (project, kind, state, summary, detail, window, onset_window, resolution, opened_at, closed_at) "
    "VALUES (?, 'drift', 'closed', 'c1 (0.30)', ?, ?, ?, 'promotion', ?, ?)"
)
RUNS = (
    "INSERT INTO runs (project, incident_id, cause, state, plan, decision, created_at, ended_at) "
    "VALUES (?, ?, 'drift', 'promoted', '{}', ?, ?, ?)"
)
STEPS = "INSERT INTO steps (run_id, name, started_at, ended_at, result) VALUES (?, ?, ?, ?, '{}')"
MODELS = (
    "INSERT INTO models (project, version, revision, run_id, scores, digest, created_at) VALUES (?, ?, ?, ?, ?, 'd', ?)"
)
ASSIGNMENTS = "INSERT INTO assignments (project, number, model_id, cause, run_id, assigned_at) VALUES (?, ?, ?, 'promotion', ?, ?)"


@dataclass
class Loop:
    """What the metrics ask of a project's loop."""

    problem: str | None = None
    ready: bool = True
    heartbeat: float = 0.0
    repository: Path = Path("/")


def verdict(columns: int, *, alarm: bool) -> str:
    statistics_of = [
        {"name": name, "value": 0.1, "p_value": 0.5, "threshold": None} for name in ("ks", "rank", "g", "psi")
    ]
    said = [
        {
            "name": f"c{n}",
            "kind": "numeric",
            "drift": alarm,
            "effect": 0.3 if alarm else 0.01,
            "evidence": 1.0,
            "statistics": statistics_of,
        }
        for n in range(columns)
    ]
    return msgspec.json.encode(
        {
            "armed": True,
            "reason": None,
            "alarm": alarm,
            "warn": alarm,
            "evidence": 9e3 if alarm else 1.5,
            "threshold": 5e3,
            "windows": 1,
            "onset_windows_back": None,
            "quality": False,
            "problems": [],
            "columns": said,
        }
    ).decode()


def seed(journal: Journal, project: str, files: int, windows: int, runs: int, columns: int) -> None:
    quiet, alarm = verdict(columns, alarm=False), verdict(columns, alarm=True)
    each = max(files // windows, 1)
    scores = {f"label {n}": {"champion": 0.8, "candidate": 0.9} for n in range(20)}
    decision = msgspec.json.encode(
        {
            "verdict": "promote",
            "metric": "scores.json:f",
            "champion": 0.8,
            "candidate": 0.9,
            "difference": 0.1,
            "gain": 0.1,
            "min_gain": 0.0,
            "guards": [],
            "interval": {"lower": 0.05, "upper": 0.15, "confidence": 0.95},
            "rows": {"shared": 500},
            "by_label": scores,
            "sentence": "The candidate is better.",
            "scores": {
                side: {f"scores.json:{label}": each[side] for label, each in scores.items()}
                for side in ("champion", "candidate")
            },
        }
    ).decode()
    with journal.write():
        journal.run("INSERT INTO projects (name, state) VALUES (?, 'active')", project)
        journal.db.executemany(FILES, _files(project, files))
        closed = (
            (project, n, f"[[{n * each},0,1000]]", BEGAN + n * 60, quiet, BEGAN + n * 60 + 1, f"batch-{n}")
            for n in range(1, windows + 1)
        )
        journal.db.executemany(WINDOWS, closed)
        detail = f'{{"verdict":{alarm}}}'
        for n in range(1, runs + 1):
            at, window = BEGAN + n * 600, n * windows // runs
            incident = journal.run(INCIDENTS, project, detail, window, window, at, at + 99)
            run = journal.run(RUNS, project, incident, decision, at, at + 90)
            for step in ("prepare", "snapshot", "reproduce", "score", "decide"):
                journal.run(STEPS, run, step, at, at + 9)
            model = journal.run(MODELS, project, f"v{n}.0.0", f"{n:040}", run, '{"scores.json:f": 0.9}', at)
            journal.run(ASSIGNMENTS, project, n, model, run, at)


def repository(folder: Path, journal: Journal, last: int) -> Project:
    """Make a repository in which the first and the last model are commits, with twenty commits between them."""
    folder.mkdir()
    (folder / ".dvc").mkdir()
    _git(folder, "init", "-q")
    revisions = []
    for number in range(22):
        params = {f"rate_{n}": number for n in range(20)}
        lock = {"stages": {"train": {"params": {"params.yaml": params}}}}
        (folder / "dvc.lock").write_bytes(msgspec.json.encode(lock))
        (folder / "data.dvc").write_bytes(msgspec.json.encode({"outs": [{"nfiles": number + 1, "size": 9000}]}))
        (folder / f"stage_{number}.py").write_text("x = 1\n" * 200)
        _git(folder, "add", "-A")
        _git(folder, "commit", "-q", "-m", f"Stage {number}")
        revisions.append(_git(folder, "rev-parse", "HEAD"))
    with journal.write():
        for version, revision in ((1, revisions[0]), (last, revisions[-1])):
            journal.run("UPDATE models SET revision = ? WHERE version = ?", revision, f"v{version}.0.0")
    return Project.model_validate({"repository": folder, "source": {"path": folder / "incoming"}})


def _git(folder: Path, *words: str) -> str:
    who = {f"GIT_{role}_{part}": "bench" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
    command = ["git", "-c", "commit.gpgSign=false", *words]
    return subprocess.run(
        command, cwd=folder, env={**os.environ, **who}, check=True, capture_output=True, text=True
    ).stdout.strip()


def _files(project: str, count: int) -> Iterator[tuple[object, ...]]:
    for n in range(count):
        refused = n % 100 == 0
        rows = 0 if refused else 100
        at = BEGAN + n * 6
        yield (
            project,
            f"part-{n:06}.csv",
            f"/in/{n}".encode(),
            f"{n:064}",
            "quarantined" if refused else "admitted",
            rows,
            rows,
            "no table" if refused else None,
            at,
            None if refused else at,
        )


def ask(url: str, before: Callable[[], None] | None = None) -> list[tuple[float, float]]:
    """Return the time of each answer and what processors spent on it, in milliseconds."""
    taken = []
    for _ in range(ASKED):
        if before:
            before()
        began, spent = time.perf_counter(), sum(os.times()[:4])
        with urllib.request.urlopen(url) as answer:  # noqa: S310  # our own server
            answer.read()
        taken.append((1000 * (time.perf_counter() - began), 1000 * (sum(os.times()[:4]) - spent)))
    return taken


def scrape(executor: ThreadPoolExecutor, files: int, *, busy: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = journal_path(Path(folder))
        journal = Journal.open(path)
        projects = {f"project-{n}": Loop() for n in range(5)}
        for name in projects:
            seed(journal, name, files // 5, 1000, 100, 200)
        registry = CollectorRegistry()
        Metrics(registry, "1", Journal.read_only(path), lambda: projects)
        socket = bind("127.0.0.1:0")
        server = WebServer(create_app(path, registry, list, executor), socket)
        server.start()
        taken = ask(f"http://{address(socket)}/metrics", (lambda: commit(journal)) if busy else None)
        told("/metrics, 5 projects x 200 columns" + (", busy" if busy else ""), taken)
        server.stop()
        journal.close()


def commit(journal: Journal) -> None:
    with journal.write():
        journal.emit("watching", project="project-0", mode="events", reason=None)


def told(page: str, taken: list[tuple[float, float]]) -> None:
    (first, spent), *others = taken
    times, processor = zip(*others, strict=True)
    print(
        f"{page:46} first {first:6.1f} ms ({spent:5.0f}), then median {statistics.median(times):6.1f} ms"
        f" ({statistics.mean(processor):5.1f}), slowest {max(times):6.1f} ms"
    )


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, count in (("files", 100_000), ("windows", 10_000), ("runs", 1000), ("columns", 20)):
        options.add_argument(f"--{name}", type=int, default=count)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(1) as pool:
        path = journal_path(Path(folder))
        journal = Journal.open(path)
        seed(journal, "big", chosen.files, chosen.windows, chosen.runs, chosen.columns)
        projects = {"big": repository(Path(folder, "repository"), journal, chosen.runs)}
        journal.close()
        socket = bind("127.0.0.1:0")
        server = WebServer(create_app(path, CollectorRegistry(), list, pool, projects=lambda: projects), socket)
        server.start()
        last = chosen.runs
        pages = [
            "/",
            "/projects/big",
            "/projects/big/models",
            f"/projects/big/models?old=v1.0.0&new=v{last}.0.0",
            "/projects/big/intake",
        ]
        pages += [
            f"/incidents/{last}",
            f"/runs/{last}",
            "/api/v1/projects",
            "/api/v1/projects/big/windows",
            "/api/v1/projects/big/files",
        ]
        for page in pages:
            taken = ask(f"http://{address(socket)}{page}")
            told(page, taken)
        server.stop()
        for busy in (False, True):
            scrape(pool, chosen.files, busy=busy)


if __name__ == "__main__":
    main()
