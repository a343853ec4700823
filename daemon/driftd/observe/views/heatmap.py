"""Columns by windows: how far each column was from the reference, window after window."""

import msgspec

from driftd.journal import Journal
from driftd.observe.views.base import View

WINDOWS, COLUMNS = 60, 16


class _Column(msgspec.Struct, frozen=True):
    name: str
    kind: str
    drift: bool
    effect: float


class _Verdict(msgspec.Struct, frozen=True):
    columns: list[_Column]


class HeatRow(View, frozen=True, kw_only=True):
    """One column. `effects` follows the windows; None where the window was not judged or did not hold the column."""

    name: str
    kind: str
    effects: list[float | None]
    moved: list[bool]
    last: float | None
    most: float


class HeatView(View, frozen=True, kw_only=True):
    windows: list[int]  # from the oldest to the newest
    rows: list[HeatRow]  # the largest effect first
    left_out: int  # columns that moved less than those shown


def heat(journal: Journal, project: str, windows: int = WINDOWS, columns: int = COLUMNS) -> HeatView:
    """Return the effects of a project's columns in its last windows."""
    found = journal.rows(
        "SELECT number, verdict FROM windows WHERE project = ? ORDER BY number DESC LIMIT ?", project, int(windows)
    )
    found.reverse()
    decode = msgspec.json.Decoder(_Verdict).decode
    said = [{c.name: c for c in decode(row["verdict"]).columns} if row["verdict"] else {} for row in found]
    rows = [_row(column, said) for column in {name: c for each in said for name, c in each.items()}.values()]
    rows.sort(key=lambda row: -row.most)
    return HeatView(windows=[row["number"] for row in found], rows=rows[:columns], left_out=max(0, len(rows) - columns))


def _row(column: _Column, said: list[dict[str, _Column]]) -> HeatRow:
    there = [each.get(column.name) for each in said]
    effects = [each.effect if each else None for each in there]
    known = [effect for effect in effects if effect is not None]
    return HeatRow(
        name=column.name,
        kind=column.kind,
        effects=effects,
        moved=[bool(each and each.drift) for each in there],
        last=known[-1],
        most=max(known),
    )
