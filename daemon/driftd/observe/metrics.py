"""Prometheus metrics. What the journal knows is read from it at each scrape, so that a restart forgets nothing."""

import platform
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Info, disable_created_metrics
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from driftd.journal import Journal
from driftd.observe import metric_catalogue, metric_queries
from driftd.observe.metric_queries import Reading

FAMILIES: dict[metric_catalogue.Type, Callable[..., Metric]] = {
    "counter": CounterMetricFamily,
    "gauge": GaugeMetricFamily,
    "histogram": HistogramMetricFamily,
    "info": InfoMetricFamily,
}


class Loop(Protocol):
    """What is asked of the loop of a project."""

    @property
    def problem(self) -> str | None: ...
    @property
    def ready(self) -> bool: ...
    @property
    def heartbeat(self) -> float: ...
    @property
    def repository(self) -> Path: ...


class Metrics:
    """The daemon's metrics in a registry of the caller's. `journal` is opened for the scrapes alone."""

    def __init__(
        self,
        registry: CollectorRegistry,
        version: str,
        journal: Journal,
        loops: Callable[[], Mapping[str, Loop]],
        process: Callable[[], Iterable[Reading]] = tuple,
    ) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._reload_good = Gauge(*_own("driftd_config_last_reload_successful"), registry=registry)
        self._reload_at = Gauge(*_own("driftd_config_last_reload_success_timestamp_seconds"), registry=registry)
        self._pending = Gauge(*_own("driftd_config_restart_pending"), registry=registry)
        self._missed = Counter(*_own("driftd_jobs_missed_total"), registry=registry)
        self._failed = Counter(*_own("driftd_jobs_failed_total"), registry=registry)
        Info(*_own("driftd_build_info")[:2], registry=registry).info(
            {"version": version, "python": platform.python_version()}
        )
        registry.register(JournalCollector(journal, loops, process))
        self.reloaded(good=True)

    def reloaded(self, *, good: bool, pending: bool = False) -> None:
        """Count a reload of the settings; what is `pending` waits for a restart."""
        self._reload_good.set(good)
        if good:
            self._pending.set(pending)
            self._reload_at.set_to_current_time()

    def job_known(self, job: str) -> None:
        """Export a periodic job's counters at 0."""
        self._missed.labels(job)
        self._failed.labels(job)

    def job_missed(self, job: str) -> None:
        self._missed.labels(job).inc()

    def job_failed(self, job: str) -> None:
        self._failed.labels(job).inc()


class JournalCollector(Collector):
    """Reads the journal at each scrape. A journal that cannot be read is a metric too, not an error of the page."""

    def __init__(
        self, journal: Journal, loops: Callable[[], Mapping[str, Loop]], process: Callable[[], Iterable[Reading]]
    ) -> None:
        self._process = process
        self._known: tuple[object, dict[str, Metric]] | None = None
        self._judged: metric_queries.Judged = {}
        self._journal = journal
        self._loops = loops

    def describe(self) -> Iterator[Metric]:
        """Name the families, so that the registry does not read the journal to know them."""
        yield from (_family(metric) for metric in metric_catalogue.METRICS if metric.name not in _OWN)

    def collect(self) -> Iterator[Metric]:
        loops = self._loops()
        try:
            known, up = self._read(tuple(loops)), 1
        except sqlite3.Error:
            known, up = {}, 0
        live = _families((*_live(loops), *self._process(), Reading("driftd_journal_up", (), up)))
        for metric in metric_catalogue.METRICS:
            if metric.name not in _OWN:
                yield known.get(metric.name) or live.get(metric.name) or _family(metric)

    def _read(self, projects: tuple[str, ...]) -> dict[str, Metric]:
        """Read the journal, unless nothing was committed to it since the last time."""
        state = (self._journal.data_version(), projects)
        if self._known is None or self._known[0] != state:
            self._known = state, _families(metric_queries.read(self._journal, projects, self._judged))
        return self._known[1]


def _live(loops: Mapping[str, Loop]) -> Iterator[Reading]:
    now = time.time() - time.monotonic()
    for name, loop in loops.items():
        yield Reading("driftd_project_ready", (name,), loop.ready and not loop.problem)
        yield Reading("driftd_project_problem", (name,), loop.problem is not None)
        yield Reading("driftd_project_heartbeat_timestamp_seconds", (name,), now + loop.heartbeat)
        with suppress(OSError):  # a repository that is not there is the project's problem already
            yield Reading("driftd_project_disk_free_bytes", (name,), shutil.disk_usage(loop.repository).free)


def _families(found: Iterable[Reading]) -> dict[str, Metric]:
    families: dict[str, Metric] = {}
    for reading in found:
        if reading.metric not in families:
            families[reading.metric] = _family(_BY_NAME[reading.metric])
        _add(families[reading.metric], reading)
    return families


def _add(family: Metric, reading: Reading) -> None:
    if isinstance(family, HistogramMetricFamily):
        family.add_metric(reading.labels, reading.buckets, reading.value)
    elif isinstance(family, InfoMetricFamily):
        project, version = reading.labels
        family.add_metric([project], {"version": version})
    elif isinstance(family, CounterMetricFamily | GaugeMetricFamily):
        family.add_metric(reading.labels, float(reading.value))


def _family(metric: metric_catalogue.Metric) -> Metric:
    labels = metric.labels[:1] if metric.type == "info" else metric.labels
    return FAMILIES[metric.type](metric.name.removesuffix("_info"), metric.help, labels=labels)


_BY_NAME = {metric.name: metric for metric in metric_catalogue.METRICS}
_OWN = {
    "driftd_build_info",
    "driftd_config_last_reload_successful",
    "driftd_config_last_reload_success_timestamp_seconds",
    "driftd_config_restart_pending",
    "driftd_jobs_missed_total",
    "driftd_jobs_failed_total",
}


def _own(name: str) -> tuple[str, str, tuple[str, ...]]:
    """Return the arguments of an instrument that this process counts in."""
    metric = _BY_NAME[name]
    return name.removesuffix("_info"), metric.help, metric.labels
