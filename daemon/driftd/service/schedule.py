"""Periodic work. Nothing is dropped because it is late; what was missed or failed is counted."""

import logging
from collections.abc import Callable, Collection
from typing import Any, Protocol

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MISSED
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

logger = logging.getLogger(__name__)


class Counts(Protocol):
    """Where a missed or failed job is counted."""

    def job_known(self, job: str) -> None: ...
    def job_missed(self, job: str) -> None: ...
    def job_failed(self, job: str) -> None: ...


class Schedule:
    """Calls functions at intervals, from one thread."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._scheduler = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(1)},
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
            timezone="UTC",
        )
        self._scheduler.add_listener(self._heard, EVENT_JOB_ERROR | EVENT_JOB_MISSED)

    def every(self, seconds: float, name: str, call: Callable[[], object]) -> None:
        """Call at an interval; a job of the same name is replaced."""
        self._counts.job_known(name)
        self._scheduler.add_job(call, "interval", seconds=seconds, id=name, name=name, replace_existing=True)

    def keep(self, names: Collection[str]) -> None:
        """Forget all jobs but these."""
        for job in self._scheduler.get_jobs():
            if job.id not in names:
                self._scheduler.remove_job(job.id)

    def start(self) -> None:
        self._scheduler.start()

    def stop(self) -> None:
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def _heard(self, event: Any) -> None:
        if event.code == EVENT_JOB_MISSED:
            self._counts.job_missed(event.job_id)
            logger.warning("a periodic job was missed", extra={"job": event.job_id})
        else:
            self._counts.job_failed(event.job_id)
            logger.error("a periodic job failed: %s", event.exception, extra={"job": event.job_id})
