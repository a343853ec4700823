"""When the rows of a new regime are ready to be watched: enough of them, and no longer on the move."""

from collections.abc import Callable, Iterable, Sequence

import pyarrow as pa

from driftd.detect.reference import Reference
from driftd.detect.settings import DriftSettings
from driftd.profile.features import Column

MOVING = "the new regime's rows still move"

# reads the newest rows of a regime, from their start each time
Newest = Callable[[int], Iterable[pa.RecordBatch]]


def build(read: Newest, columns: Sequence[Column], settings: DriftSettings, rows: int) -> tuple[Reference, bool]:
    """Make a reference of all rows, whether they move or not."""
    return Reference.build(lambda: read(rows), columns, settings), False


def settled(read: Newest, columns: Sequence[Column], settings: DriftSettings, rows: int) -> tuple[Reference, bool]:
    """Make a reference of a regime's rows, or of the newest of them while all of them move.

    Returns:
        The reference, and whether it had better wait for more rows.
    """
    reference, _ = build(read, columns, settings, rows)
    enough = settings.rows_to_watch
    if reference.moving and rows > enough:
        reference, _ = build(read, columns, settings, enough)
    return reference, reference.moving and rows < enough + settings.patience * settings.window_rows
