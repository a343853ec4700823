"""What the demo plays on: a new project, the daemon as a real process, files to drop, and a view of the journal."""

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp
from typing import TypeVar

from driftd import adopt, config
from driftd.errors import DriftdError, OperationError
from driftd.journal import Journal
from driftd.journal.layout import Layout, journal_path
from driftd.resources import share_dir
from driftd.service.daemon_lock import owner

T = TypeVar("T")

PATIENCE = 600.0  # seconds that anything may take on a slow machine
GRACE = 40.0  # seconds that the daemon has to stop
EVERY = 0.1


class Stage:
    """A project in a folder of its own, and its daemon."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings_file = folder / "driftd.yaml"
        self.log = folder / "state" / "daemon.log"
        self.began = time.monotonic()
        self._daemon: subprocess.Popen[bytes] | None = None
        self._journal: Journal | None = None

    def build(self, *, stay: bool) -> None:
        """Do what `driftd init` does; the daemon gets a free port, the usual one if it is to stay."""
        listen = adopt.LISTEN if stay and _free(adopt.LISTEN) else "127.0.0.1:0"
        self.settings_file = adopt.create(self.folder, listen=listen)
        settings = config.load(self.settings_file)
        [(self.project, self.settings)] = settings.projects.items()
        self.layout = Layout(settings.state_dir, self.project)

    def start_daemon(self) -> str:
        """Start `driftd run` and return the address of its pages."""
        words = [sys.executable, "-m", "driftd", "run", "-c", str(self.settings_file)]
        self.log.parent.mkdir(exist_ok=True)
        with self.log.open("ab") as log:
            self._daemon = subprocess.Popen(words, stdout=log, stderr=log, start_new_session=True)
        found = self.wait(lambda: owner(self.layout.state_dir), "start of the daemon")
        self._journal = Journal.read_only(journal_path(self.layout.state_dir))
        return f"http://{found.listen}/"

    @property
    def journal(self) -> Journal:
        if self._journal is None:
            raise OperationError("the daemon has not started")
        return self._journal

    def drop(self, file: Path) -> None:
        """Move a file into the source's folder, as a feed does: written aside, renamed in."""
        aside = self.settings.source.path / f".{file.name}.part"
        shutil.copyfile(file, aside)
        aside.rename(aside.with_name(file.name))

    def wait(self, look: Callable[[], T | None], what: str) -> T:
        """Wait until there is something to see; a daemon that has ended shows nothing more."""
        deadline = time.monotonic() + PATIENCE
        while (seen := look()) is None or seen is False:
            if self._daemon is not None and self._daemon.poll() is not None:
                raise OperationError(f"the daemon has ended while the demo waited for the {what}", remedy=self._where())
            if time.monotonic() > deadline:
                raise OperationError(f"the {what} did not come within {PATIENCE:.0f} s", remedy=self._where())
            time.sleep(EVERY)
        return seen

    def stay(self) -> None:
        """Let the daemon run until somebody stops it."""
        if self._daemon is not None:
            self._daemon.wait()

    def close(self) -> None:
        if self._journal is not None:
            self._journal.close()
        if self._daemon is not None and self._daemon.poll() is None:
            self._daemon.terminate()
            try:
                self._daemon.wait(GRACE)
            except subprocess.TimeoutExpired:
                self._daemon.kill()
                self._daemon.wait()

    def _where(self) -> str:
        return f"see {self.log} and `driftd status -c {self.settings_file}`"


def incoming(segment: str) -> list[Path]:
    """Return the shipped files of a segment, in the order in which they arrive."""
    return sorted((share_dir() / "pipeline" / "sample" / "incoming").glob(f"*-{segment}.jsonl*"))


@contextmanager
def on_stage(keep: Path | None) -> Iterator[Stage]:
    """Make room; afterwards the daemon is stopped, and a folder that nobody asked to keep is removed if all went well."""
    folder = keep.absolute() if keep else Path(mkdtemp(prefix="driftd-demo-")) / "addresses"
    stage = Stage(folder)
    try:
        yield stage
    except DriftdError:
        keep = keep or folder
        raise
    finally:
        stage.close()
        if keep is None:
            with suppress(OSError):
                shutil.rmtree(folder.parent)


def _free(listen: str) -> bool:
    host, _, port = listen.rpartition(":")
    try:
        socket.create_server((host, int(port))).close()
    except OSError:
        return False
    return True
