"""Every kind of event that driftd emits: how loud it is, and what it means. Subscribers rely on these names."""

from dataclasses import dataclass
from typing import Literal

Level = Literal["info", "notice", "warning", "error"]


@dataclass(frozen=True)
class Meaning:
    """What an event of a kind says; `subject` names the table that its subject is a row of."""

    level: Level
    subject: str | None
    text: str


KINDS: dict[str, Meaning] = {
    "file-admitted": Meaning("info", "files", "a file was read to its end and its rows count"),
    "file-duplicate": Meaning("info", "files", "a file's content was admitted before; its rows do not count again"),
    "file-empty": Meaning("notice", "files", "a file is whole and readable, and has no row"),
    "file-quarantined": Meaning("warning", "files", "a file was refused, for the reason given"),
    "file-retried": Meaning("notice", "files", "a person had a refused file tried again, under a new number"),
    "file-dropped": Meaning(
        "notice", "files", "a file's rows will never count: it changed, vanished, or a person said so"
    ),
    "file-ignored": Meaning("warning", None, "something in the source is no file that driftd can let in"),
    "labels-failed": Meaning(
        "warning", "files", "a file could not be looked at for labels of rows that came before; it is taken as it is"
    ),
    "labels-joined": Meaning(
        "notice", "files", "a file brought labels of rows that came before; `unknown` are of no row that waits"
    ),
    "labels-wanted": Meaning(
        "notice", "incidents", "a run waits for labels, and the rows that are most worth one were written to a file"
    ),
    "extra-columns": Meaning("warning", "files", "a file has columns that are not used, other ones than before"),
    "watching": Meaning(
        "notice", None, "how changes of the source are noticed: by events of the system, or by polling"
    ),
    "window-closed": Meaning("info", "windows", "rows became a window"),
    "window-judged": Meaning("info", "windows", "a window was held against the reference"),
    "window-collected": Meaning("info", "windows", "a window became part of a new regime that is not watched yet"),
    "rows-lost": Meaning(
        "warning", "windows", "the rows of a window cannot be read any more, and none of them counts as labelled"
    ),
    "window-scored": Meaning(
        "info",
        "scorings",
        "the champion was scored on the labelled rows of a window; window 0: what it was accepted with",
    ),
    "scoring-failed": Meaning(
        "warning",
        "scorings",
        "the scorer failed, for another reason than the last time; the window says nothing of the champion's errors",
    ),
    "reference": Meaning("notice", "reference_profiles", "windows are judged against a new reference from here on"),
    "season-began": Meaning(
        "notice",
        "seasons",
        "a season of the settings came with a window; what its windows are held against, and in which year that was left",
    ),
    "season-ended": Meaning(
        "notice",
        "seasons",
        "windows are held against the usual reference again; `left` is what the season's are held against next time",
    ),
    "incident-opened": Meaning("warning", "incidents", "the data or its form changed"),
    "incident-moved": Meaning("warning", "incidents", "the data changed again while the incident was open"),
    "incident-explained": Meaning("info", "incidents", "what kind of change it was, and since which window"),
    "incident-unresolved": Meaning(
        "warning",
        "incidents",
        "a run did not answer the incident, or a further change has come since it began; it is tried again",
    ),
    "incident-closed": Meaning("notice", "incidents", "the incident is over, by promotion, recovery or a person"),
    "run-held": Meaning("notice", None, "a gate holds the next run back; which one, and until when"),
    "run-started": Meaning("notice", "runs", "a run began"),
    "run-step": Meaning("info", "runs", "a step of a run has ended"),
    "run-waiting": Meaning("warning", "runs", "a candidate is better and waits for a person's approval"),
    "run-approved": Meaning("notice", "runs", "a person approved a candidate"),
    "run-promoted": Meaning("notice", "runs", "a candidate became the champion"),
    "run-kept": Meaning("notice", "runs", "the champion stays"),
    "run-rolled-back": Meaning(
        "warning", "runs", "a new champion was worse than the one before on fresh rows, which is in production again"
    ),
    "run-failed": Meaning("error", "runs", "a run ended without a decision"),
    "model-assigned": Meaning("notice", "models", "a model was put into production"),
    "probation-began": Meaning(
        "info", "probations", "a new champion is held against the one before on the next labelled rows"
    ),
    "probation-ended": Meaning(
        "notice", "probations", "how a probation ended: passed, rolled-back, expired or superseded"
    ),
    "hook-done": Meaning("notice", "hooks", "a hook after a promotion or rollback has done its work"),
    "hook-delayed": Meaning("warning", "hooks", "a hook failed and is tried again; the promotion stands"),
    "hook-failed": Meaning("error", "hooks", "a hook was given up after its last attempt; the promotion stands"),
    "cleaned": Meaning("notice", None, "`driftd gc` removed what no model, person or run needs any more"),
    "project-state": Meaning("notice", None, "a project was paused or resumed, or has its first champion"),
    "request-answered": Meaning("notice", "requests", "what a person asked for was done or refused"),
    "daemon-started": Meaning("notice", None, "the daemon started"),
    "daemon-stopped": Meaning("notice", None, "the daemon has stopped; without a signal, because of an error"),
    "settings-taken": Meaning("notice", None, "new settings were taken over"),
    "settings-refused": Meaning("error", None, "new settings are wrong; the old ones stay"),
    "problem": Meaning("error", None, "something keeps a project from working; it is tried again"),
    "problem-over": Meaning("notice", None, "what kept a project from working is over"),
}


def level(kind: str) -> Level:
    return KINDS[kind].level if kind in KINDS else "notice"


def table() -> str:
    """Return the kinds as a table in Markdown; docs/metrics.md contains it."""
    lines = ["| event | level | its subject | meaning |", "| --- | --- | --- | --- |"]
    for kind, meaning in KINDS.items():
        lines.append(f"| `{kind}` | {meaning.level} | {meaning.subject or ''} | {meaning.text} |")
    return "\n".join(lines)
