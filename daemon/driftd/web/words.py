"""Numbers and times as a person reads them; the filters of the templates."""

from datetime import UTC, datetime

MINUTE, HOUR, DAY = 60, 3600, 86400


def ago(at: datetime | None) -> str:
    if at is None:
        return "never"
    return f"{span((datetime.now(UTC) - at).total_seconds())} ago"


def span(seconds: float | None) -> str:
    """Say how long something is, in the largest unit that fits."""
    if seconds is None:
        return "—"
    for size, unit in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{seconds:.0f} s" if seconds >= 1 else f"{max(0.0, seconds) * 1000:.0f} ms"


def stamp(at: datetime | None) -> str:
    return "—" if at is None else at.strftime("%Y-%m-%d %H:%M:%S UTC")


def iso(at: datetime) -> str:
    return at.isoformat()


def score(value: float | None) -> str:
    return "—" if value is None else f"{value:.3f}"


def change(value: float) -> str:
    return f"{value:+.3f}"


def percent(value: float) -> str:
    return f"{value:.0%}"


def count(value: int) -> str:
    """Group digits by thin spaces."""
    return f"{value:,}".replace(",", "\u202f")


FILTERS = {
    "ago": ago, "span": span, "stamp": stamp, "iso": iso, "score": score, "change": change, "percent": percent, "count": count,
}  # fmt: skip
