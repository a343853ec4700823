"""Numbers, times and texts as a person reads them; the filters of the templates."""

import math
from datetime import UTC, datetime

from markupsafe import Markup, escape

from driftd.observe.sanitize import short
from driftd.observe.views.runs import Pair

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
    return "—" if value is None or not math.isfinite(value) else f"{value:.3f}"


def change(new: float | None, old: float | None = 0.0) -> str:
    return "—" if old is None or new is None or not math.isfinite(new - old) else f"{new - old:+.3f}"


def tone(new: float | None, old: float | None) -> str:
    """Return the word that colours a change of a score."""
    if old is None or new is None or old == new:
        return "same"
    return "up" if new > old else "down"


def direction(pair: Pair) -> str:
    """Return the word that colours a change of a score: "up" is for the better; one that may be none at all has no direction."""
    if pair.bounds and pair.bounds["difference"][0] <= 0 <= pair.bounds["difference"][1]:
        return "same"
    if pair.better == "lower":
        return tone(pair.champion, pair.candidate)
    return tone(pair.candidate, pair.champion)


def share(value: float | None) -> float:
    """Return where a score lies between 0 and 1, in percent of a bar."""
    return 0.0 if value is None or not math.isfinite(value) else round(100 * min(max(value, 0.0), 1.0), 2)


def capitalise(text: str) -> str:
    """Begin a sentence with a capital; the rest stays as it is."""
    return text[:1].upper() + text[1:]


def prose(text: str) -> Markup:
    """Set what stands between backticks as code."""
    parts = str(text).split("`")
    if len(parts) % 2 == 0:  # one of them has no partner
        return escape(text)
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if place % 2 else escape(part) for place, part in enumerate(parts)
    )


def day(at: datetime) -> str:
    """Return day and time to the second, in UTC."""
    return at.strftime("%m-%d %H:%M:%S")


def size(number: float) -> str:
    """Say how many bytes something has."""
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:  # noqa: PLR2004  # the step between units
            return f"{number:.0f} {unit}" if unit == "B" or number >= 10 else f"{number:.1f} {unit}"  # noqa: PLR2004  # two digits
        number /= 1000
    return f"{number:.1f} TB"


def percent(value: float) -> str:
    return f"{value:.0%}"


def sure(confidence: float) -> str:
    """Say a confidence so that one below 1 does not read as 100%."""
    return f"{confidence:.2%}".replace(".00%", "%")


def count(value: int) -> str:
    """Group digits by thin spaces."""
    return f"{value:,}".replace(",", "\u202f")


FILTERS = {
    "ago": ago,
    "span": span,
    "stamp": stamp,
    "iso": iso,
    "score": score,
    "change": change,
    "tone": tone,
    "direction": direction,
    "percent": percent,
    "sure": sure,
    "count": count,
    "share": share,
    "short": short,
    "size": size,
    "prose": prose,
    "capitalise": capitalise,
    "day": day,
}
