"""`driftd logs`: what a run printed."""

import sys
import time
from codecs import getincrementaldecoder
from collections.abc import Callable
from typing import Annotated

import typer

from driftd.cli.options import Config
from driftd.observe.sanitize import LARGEST, clean_log

EVERY = 0.3  # seconds between two looks at a log that grows


def register(app: typer.Typer) -> None:
    app.command("logs")(logs)


def logs(
    run: Annotated[int, typer.Argument(metavar="RUN", max=LARGEST, help="Number of a run.")],
    config: Config = None,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on until the run has ended.")] = False,
) -> None:
    """Print the log of a run: its steps, and all that its commands said."""
    from driftd.cli.state import looking
    from driftd.errors import OperationError
    from driftd.journal import tables
    from driftd.journal.layout import Layout
    from driftd.observe import views
    from driftd.retrain.process.log_tail import Following

    say = _to_terminal() if sys.stdout.isatty() else sys.stdout.buffer.write
    with looking(config) as state:
        path = Layout(state.folder, views.run(state.journal, run).project).run(run) / "log"
        try:
            file = Following(path)
        except OSError as error:
            raise OperationError(
                f"{path}: {error.strerror}", remedy="the run has not begun, or its log was removed"
            ) from error
        with file:
            while True:
                ended = tables.runs.get(state.journal, run).ended_at is not None
                for block in file.look():
                    say(block)
                sys.stdout.flush()
                if ended or not follow:
                    return
                time.sleep(EVERY)


def _to_terminal() -> Callable[[bytes], object]:
    """Return what writes a log where a person looks at it; a pipe gets the bytes as they are."""
    decoder = getincrementaldecoder("utf-8")("backslashreplace")
    return lambda block: sys.stdout.write(clean_log(decoder.decode(block)))
