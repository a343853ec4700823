"""The composition root: what a running daemon consists of, in which order it starts, and in which it stops."""

import logging
import os
import shutil
import signal
import sqlite3
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from prometheus_client import CollectorRegistry

from driftd import __version__, config
from driftd.config import Settings
from driftd.errors import DriftdError
from driftd.journal import Journal
from driftd.journal.layout import journal_path
from driftd.observe import logs
from driftd.observe.metric_queries import Reading
from driftd.observe.metrics import Metrics
from driftd.service import http_server
from driftd.service.daemon_lock import StateLock
from driftd.service.fleet import Fleet
from driftd.service.health import Check, Health
from driftd.service.schedule import Schedule
from driftd.service.signals import Signals
from driftd.service.systemd_notify import Notifier
from driftd.service.worker_pool import Workers

logger = logging.getLogger(__name__)

TICK = 1.0  # seconds in which a request, a change of state or a dead web thread is noticed
STOP = 30.0  # seconds that the projects have to stop in order
START = 60.0  # seconds asked of the service manager at a time, while first scans take longer
DAY = 86400.0

WebFactory: TypeAlias = Callable[
    [Path, CollectorRegistry, Callable[[], list[Check]], Executor, Callable[[], Settings]], Any
]
"""Makes the web application from the journal's path, the metrics, the checks, the workers and the settings in force."""


def serve(
    path: Path,
    settings: Settings,
    web: WebFactory,
    *,
    log_json: bool = False,
    bound: Callable[[str], None] = lambda _address: None,
) -> None:
    """Run until a signal says stop. `bound` hears the address of the pages before the first project starts."""
    signals = Signals()
    signals.install()
    lines = logs.set_up(as_json=log_json or settings.log.format == "json")
    with ExitStack() as stack:
        lock = StateLock.take(settings.state_dir)
        stack.callback(lock.release)
        sock = http_server.bind(settings.http.listen)
        stack.callback(sock.close)
        journal = Journal.open(journal_path(settings.state_dir))
        stack.callback(journal.close)
        scraped = Journal.read_only(journal.path)
        stack.callback(scraped.close)
        lock.announce(http_server.address(sock))
        bound(http_server.address(sock))
        events = logs.EventLog(journal, lines, always_json=log_json)
        Daemon(path, settings, journal, scraped, events).run(signals, web, sock)


class Daemon:
    """Everything that runs, once lock, port and journal are there."""

    def __init__(
        self, path: Path, settings: Settings, journal: Journal, scraped: Journal, events: logs.EventLog
    ) -> None:
        self.path = path
        self.settings = settings
        self.journal = journal
        self.events = events
        self.notifier = Notifier()
        self.workers = Workers(settings.compute.workers)
        self.fleet = Fleet(journal, settings.state_dir, self.workers, lambda: self.settings.http.url)
        self.health = Health(journal, lambda: list(self.fleet.loops.values()))
        self.registry = CollectorRegistry()
        self.metrics = Metrics(self.registry, __version__, scraped, lambda: self.fleet.loops, self._own_readings)
        self._scraped = scraped
        self.schedule = Schedule(self.metrics)
        self._refused: str | None = None
        self._ready = False
        self._status = ""
        self._fed = 0.0

    def run(self, signals: Signals, web: WebFactory, sock: Any) -> None:
        server = http_server.WebServer(
            web(self.journal.path, self.registry, self.health.checks, self.workers, lambda: self.settings), sock
        )
        heard = None
        try:
            server.start()
            self._emit("daemon-started", version=__version__, pid=os.getpid(), listen=http_server.address(sock))
            self.fleet.want(self.settings.projects)
            self.fleet.settle()
            self._plan()
            self.schedule.start()
            heard = self._look_after(server, signals)
        finally:  # no loop may outlive the lock and the journal
            self._stop(server, heard)

    def _look_after(self, server: http_server.WebServer, signals: Signals) -> signal.Signals:
        """Keep everything going until a signal says stop."""
        seen = -1
        while (heard := signals.next(TICK)) in (None, signal.SIGHUP):
            if heard is signal.SIGHUP:
                with self._survives():
                    self.reload()
            with self._survives():
                if (version := self.journal.data_version()) != seen:
                    self.fleet.wake()
                    seen = version
                self.fleet.settle()
            with self._survives():
                self.workers.end_idle()
                self.events.step()
            with self._survives():
                if not server.alive:
                    logger.error("the web thread has ended and is started again")
                    server.start()
            with self._survives():
                self._report(server.started)
        return heard

    def reload(self) -> None:
        """Take over new settings, if all of them are right; otherwise keep the old ones and say why."""
        self.notifier.reloading()
        old = self.settings
        try:
            new = config.load(self.path)
            changed = self._use(without_restart(old, new))
        except DriftdError as error:
            self._refuse(error.message)
        except Exception as error:
            logger.exception("new settings cannot be used")
            self._use(old)
            self._refuse("".join(traceback.format_exception_only(error)).strip())
        else:
            later = needs_restart(old, new)
            self.health.settings = f"wait for a restart: {', '.join(later)}" if later else "are in force"
            self._refused = None
            self.metrics.reloaded(good=True, pending=bool(later))
            self._emit("settings-taken", file=str(self.path), projects=changed, needs_restart=later)
        self.notifier.ready(self._text())

    def _use(self, settings: Settings) -> list[str]:
        """Put settings into force; return the names of the projects that they change."""
        changed = self.fleet.want(settings.projects)
        self.settings = settings
        self.workers.resize(settings.compute.workers)
        self.events.use_json(settings.log.format == "json")
        self._plan()
        return changed

    def _refuse(self, reason: str) -> None:
        self.metrics.reloaded(good=False)
        self._refused = reason.splitlines()[0]
        self.health.settings = f"new ones were refused, the old ones are in force: {self._refused}"
        self._emit("settings-refused", file=str(self.path), reason=reason)

    def _plan(self) -> None:
        """Wake every project in its rhythm: it then scans, and closes windows that have waited long enough."""
        rhythm = {
            f"wake-{name}": (min(project.source.scan_every, project.window.max_age or DAY), name)
            for name, project in self.settings.projects.items()
        }
        self.schedule.keep({*rhythm, "housekeeping"})
        for job, (seconds, name) in rhythm.items():
            self.schedule.every(seconds, job, partial(self.fleet.wake, name))
        self.schedule.every(DAY, "housekeeping", self._keep_house)

    def _keep_house(self) -> None:
        self.journal.rows("PRAGMA optimize")
        self.journal.rows("PRAGMA wal_checkpoint(TRUNCATE)")

    def _report(self, web_started: bool) -> None:
        """Tell the service manager how things are."""
        if not self._ready:
            self._ready = web_started and self.health.settled()
            if not self._ready:
                self.notifier.extend(START)
                return
            self.notifier.ready(self._text())
        if (text := self._text()) != self._status:
            self.notifier.status(text)
            self._status = text
        interval = self.notifier.watchdog_interval
        if interval is not None and time.monotonic() - self._fed >= interval / 2 and self.health.fresh():
            self.notifier.alive()
            self._fed = time.monotonic()

    def _text(self) -> str:
        loops = self.fleet.loops.values()
        troubled = [f"{loop.name}: {loop.problem}" for loop in loops if loop.problem]
        if self._refused:
            troubled.append(f"new settings were refused: {self._refused}")
        watched = f"{len(loops)} project{'s' if len(loops) != 1 else ''}"
        return f"{watched}; " + "; ".join(troubled) if troubled else f"watching {watched}"

    def _stop(self, server: http_server.WebServer, heard: signal.Signals | None) -> None:
        """Stop in order: first what makes work, then what does it, last what can be asked."""
        self.health.stopping = True
        self.notifier.stopping()
        self.notifier.extend(STOP + 2 * http_server.GRACE)
        late = None
        with self._survives():
            self.schedule.stop()
            late = self.fleet.stop(STOP)
        self.workers.kill()
        self._emit("daemon-stopped", signal=heard.name if heard else None, late=late or None)
        with self._survives():
            self.events.step()
        server.stop()

    def _own_readings(self) -> Iterator[Reading]:
        """Say in numbers what only this process knows."""
        yield Reading("driftd_journal_errors_total", (), self.journal.errors + self._scraped.errors)
        yield Reading("driftd_worker_tasks", (), self.workers.tasks)
        yield Reading("driftd_worker_deaths_total", (), self.workers.deaths)
        with suppress(OSError):
            yield Reading("driftd_state_disk_free_bytes", (), shutil.disk_usage(self.journal.path.parent).free)

    def _emit(self, kind: str, **data: Any) -> None:
        with self._survives(), self.journal.write():
            self.journal.emit(kind, **data)

    @contextmanager
    def _survives(self) -> Iterator[None]:
        """Go on whatever happens: neither a full disk nor a defect may end the daemon."""
        try:
            yield
        except (sqlite3.Error, DriftdError, OSError) as error:
            logger.error("%s", error)  # noqa: TRY400  # the trace would say nothing more
        except Exception:
            logger.exception("a defect of driftd; the daemon goes on")


def needs_restart(old: Settings, new: Settings) -> list[str]:
    """Name the settings whose change only a restart takes over."""
    changed = {"state_dir": old.state_dir != new.state_dir, "http.listen": old.http.listen != new.http.listen}
    return [name for name, differs in changed.items() if differs]


def without_restart(old: Settings, new: Settings) -> Settings:
    """Return the new settings, but for those that wait for a restart."""
    http = new.http.model_copy(update={"listen": old.http.listen})
    return new.model_copy(update={"state_dir": old.state_dir, "http": http})
