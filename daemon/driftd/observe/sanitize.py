"""Text of unknown origin, made safe to show."""

import re

COLOUR = re.compile(r"(\x1b\[[0-9;]*m)")
DIGITS = 18
LARGEST = 10**DIGITS - 1  # number that a row of the journal may have
KEPT = "\n\u202f\u00a0"  # beside what is printable: the end of a line, and spaces that do not break


def clean(text: str) -> str:
    """Make control characters visible, so that a name can neither speak to a terminal nor turn the text behind it around."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in KEPT else c.encode("unicode_escape").decode() for c in text)


def clean_log(text: str) -> str:
    """Make the output of a foreign program safe for a terminal: colours, tabs and returns of the line stay, nothing else that acts."""
    parts = COLOUR.split(text)
    return "".join(part if COLOUR.fullmatch(part) else _acting(part) for part in parts)


def _acting(text: str) -> str:
    return "".join(c if c in "\t\r" else clean(c) for c in text) if not text.isprintable() else text


def row_number(text: str) -> int | None:
    """Return the number of a row that a text is, None where no row can have it."""
    return int(text) if text.isdecimal() and len(text) <= DIGITS else None


def short(text: object, most: int = 120) -> str:
    """Make a text safe, and cut it where it is too long for a person; the whole stands in the API and in `--json`."""
    shown = clean(str(text))
    return shown if len(shown) <= most else shown[: most - 1] + "…"
