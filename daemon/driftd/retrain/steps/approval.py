"""A person's word on a run that waits. Called inside one journal write."""

from driftd.journal import Journal, tables
from driftd.journal.records import Run, RunState


def approve(journal: Journal, run_id: int, by: str) -> None:
    """Let the run go on to its promotion when it is executed again."""
    run = tables.runs.get(journal, run_id)
    tables.runs.update(journal, run_id, state=RunState.RUNNING, decision=_said(journal, run, "approved", by))
    journal.emit("run-approved", project=run.project, subject=run_id, by=by)


def reject(journal: Journal, run_id: int, by: str) -> None:
    """End the run; the champion stays."""
    run = tables.runs.get(journal, run_id)
    decision = _said(journal, run, "rejected", by)
    sentence = f"{by} rejected the candidate."
    tables.runs.update(journal, run_id, state=RunState.KEPT, decision=decision, step=None, ended_at=journal.clock())
    journal.emit("run-kept", project=run.project, subject=run_id, sentence=sentence, by=by)


def _said(journal: Journal, run: Run, word: str, by: str) -> dict[str, object]:
    return {**(run.decision or {}), "approval": {"word": word, "by": by, "at": journal.clock()}}
