"""The champion of a season when it comes again, and the one before when it ends: tried on the rows that come then, before any training."""

from typing import Any

from driftd.journal import Journal, tables
from driftd.journal.records import RunState, Season
from driftd.projects.scheduling import gates
from driftd.retrain.context import champion

OF_TURN = "project = ? AND cause = 'recall' AND plan ->> '$.season' = ? AND plan ->> '$.turn' = ?"


def plan(journal: Journal, project: str) -> dict[str, Any] | None:
    """Return what a run is about that recalls the champion of the present time of the year; it is tried once a turn.

    A run that failed has tried nothing: there is another after a while, twice as long after each. There is none
    where somebody or something has put another model into production since the turn.
    """
    season = tables.seasons.newest(journal, project)
    found = champion(journal, project)
    if season is None or found is None:
        return None
    ended = season.last_window is not None
    wanted, stands = (season.before_id, season.champion_id) if ended else (_of_last(journal, season), season.before_id)
    turn = "end" if ended else "begin"
    if wanted in (None, found[1].id) or found[1].id != stands:
        return None
    runs = tables.runs.all(journal, OF_TURN, project, season.id, turn, order="id DESC")
    if any(run.state is not RunState.FAILED for run in runs) or gates.backoff_of(runs, journal.clock()):
        return None
    first = season.last_window + 1 if season.last_window is not None else season.first_window
    return {"regime_from": first, "recall": wanted, "season": season.id, "turn": turn}


def _of_last(journal: Journal, season: Season) -> int | None:
    """Return the champion that came into production in the season that this one's windows are held against."""
    where = "project = ? AND left_id = ?"
    last = tables.seasons.first(journal, where, season.project, season.reference_id)
    return last.champion_id if last is not None and last.champion_id != last.before_id else None
