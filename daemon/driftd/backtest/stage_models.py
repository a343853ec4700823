"""The lab that runs the project's stages: their commands, in scratch worktrees, once for the same rows."""

import json
import shutil
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any

from driftd.backtest.model_factory import Made, Part, Side
from driftd.backtest.stream import NEW, Recorded
from driftd.backtest.worktree_pool import Benches
from driftd.config import Project
from driftd.errors import DataError
from driftd.journal.files import write_file
from driftd.retrain.context import metric_files
from driftd.retrain.evaluation import champion_scorer
from driftd.retrain.evaluation.scores import loss, newest, read_rows, read_scores


def place(keep: Path, settings: Project, stream: Recorded) -> Path:
    """Return the folder that remembers models and scores of this stream; budget, floor and gates change neither."""
    with stream.path.open("rb") as file:
        content = file_digest(file, "sha256").hexdigest()
    promote = settings.promote
    asked = [
        content,
        stream.schema.to_json(),
        stream.labels,
        stream.first,
        stream.window,
        promote.metric,
        promote.per_row,
        promote.better,
        promote.score_stages,
        settings.retrain.dataset,
        settings.retrain.model,
        settings.retrain.env.model_dump(mode="json"),
        settings.drift.scorer and settings.drift.scorer.model_dump(mode="json"),
    ]
    return keep / sha256(json.dumps(asked).encode()).hexdigest()[:16]


class StagesLab:
    """`folder` remembers what was made and scored, also from one backtest to the next."""

    def __init__(self, settings: Project, stream: Recorded, benches: Benches, folder: Path) -> None:
        if settings.drift.scorer is None:
            raise DataError(
                "a backtest scores each model on the rows that follow, and nothing says how",
                remedy="set drift.scorer; docs/how-to/score-decay.md shows how",
            )
        self._scorer = settings.drift.scorer
        self._settings = settings
        self._promote = settings.promote
        self._metrics = metric_files(settings)
        self._stream = stream
        self._benches = benches
        self._folder = folder
        self._files = folder / "rows"
        self._files.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._making: dict[tuple[Part, ...], Future[Made]] = {}

    def make(self, parts: Sequence[Part]) -> Made:
        wanted = tuple(parts)
        with self._lock:
            begun = self._making.get(wanted)
            mine: Future[Made] | None = None
            if begun is None:
                begun = mine = self._making[wanted] = Future()
        if mine is not None:
            try:
                mine.set_result(self._make(wanted))
            except BaseException as error:
                mine.set_exception(error)
                raise
        return begun.result()

    def losses(self, model: Made, windows: range) -> list[list[float]]:
        path = self._place(model.key) / "losses.json"
        known = _read(path)
        missing = [window for window in windows if str(window) not in known]
        if missing:
            whole = [range(missing[0], missing[-1] + 1)]  # a program scores any number of rows at once
            for part in whole if self._scorer.command else [range(each, each + 1) for each in missing]:
                known |= {str(window): found for window, found in zip(part, self._score(model, part), strict=True)}
            with self._lock:
                known = _read(path) | known
                write_file(path, json.dumps(known).encode())
        return [known[str(window)] for window in windows]

    def score(self, champion: Made, candidate: Made) -> Side:
        place = self._place(champion.key) / f"on-{candidate.key}"
        rows, said = place / "rows.jsonl", place / "scores.json"
        if not said.exists():
            place.mkdir(exist_ok=True)
            with self._benches.one() as bench:
                bench.lay_out(self._benches.outs, self._place(champion.key) / "outs")
                bench.run(self._benches.data, self._written(candidate.parts), self._benches.score_commands)
                if self._promote.per_row:
                    shutil.copyfile(bench.root / self._promote.per_row, rows)
                scores = read_scores(bench.root, self._metrics)
            write_file(said, json.dumps(scores).encode())
        return Side(_read(said), rows if rows.exists() else None)

    def new_files(self, model: Made) -> list[str]:
        return _new(self._written(model.parts))

    def _make(self, parts: tuple[Part, ...]) -> Made:
        files = self._written(parts)
        key = sha256("\n".join([self._benches.commit, *(path.name for path in files)]).encode()).hexdigest()[:16]
        place = self._place(key)
        if not (place / "made.json").exists():
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir(parents=True)
            with self._benches.one() as bench:
                started = time.monotonic()
                bench.run(self._benches.data, files, self._benches.commands)
                seconds = time.monotonic() - started
                bench.keep(self._benches.outs, place / "outs")
                scores = read_scores(bench.root, self._metrics)
            write_file(place / "made.json", json.dumps({"seconds": seconds, "scores": scores}).encode())
        said, per_row = _read(place / "made.json"), self._promote.per_row
        rows = place / "outs" / per_row if per_row else None
        tested = newest(read_rows(rows), _new(files)) if rows else []
        accepted = [loss(row, self._promote.better) for row in tested]
        return Made(key, parts, said["seconds"], said["scores"], accepted, rows)

    def _score(self, model: Made, windows: range) -> list[list[float]]:
        with self._benches.one() as bench:
            bench.lay_out(self._benches.outs, self._place(model.key) / "outs")
            rows = bench.scratch / f"rows{''.join(self._benches.example.suffixes)}"
            counts = self._stream.write_windows(windows, rows, self._benches.example)
            results = bench.score(self._benches.data, self._settings, rows)
            found = [loss(row, self._promote.better) for row in read_rows(results)]
        if self._scorer.stages:
            return [found]
        champion_scorer.check(self._scorer, len(found), sum(counts))
        each = iter(found)
        return [[next(each) for _ in range(count)] for count in counts]

    def _written(self, parts: Sequence[Part]) -> list[Path]:
        with self._lock:
            return self._stream.write(parts, self._files, self._benches.example)

    def _place(self, key: str) -> Path:
        return self._folder / "models" / key


def _new(files: Sequence[Path]) -> list[str]:
    return [path.name for path in files if path.name.startswith(NEW)]


def _read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text())) if path.exists() else {}
