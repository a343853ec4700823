"""Why rows are called drifted: each column's part in it, its direction in a sentence, and both distributions.

Pure: two profiles of one layout go in. Shares are of the rows that hold a value, between 0 and 1.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from driftd.detect.explanation.pair_changes import Together, together
from driftd.detect.explanation.term_changes import Term
from driftd.profile import Axis, Layout, Profile, Values
from driftd.profile.binning import Floats
from driftd.profile.features import Column, Feature

NO_TERMS: Mapping[str, Sequence[Term]] = {}
BINS = 24  # bars of a distribution; a column with no more values than that shows each
NAMED = 3  # terms that a sentence names
TOP = 12  # categories that are shown; the others are one
REST = 0.005  # share of either side that lies beyond the outermost bars
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
QUANTITIES = {
    "": "the median",
    "length": "the median length in characters",
    "words": "the median number of words",
    "count": "the median number of entities",
    "digits": "the median share of digits",
    "capitals": "the median share of capitals",
    "punctuation": "the median share of punctuation",
    "norm": "the median length of the vector",
}


class Judged(Protocol):
    """What a verdict says of a column."""

    @property
    def name(self) -> str: ...
    @property
    def drift(self) -> bool: ...
    @property
    def effect(self) -> float: ...


@dataclass(frozen=True)
class Bin:
    """One bar of both distributions."""

    label: str
    reference: float
    current: float


@dataclass(frozen=True)
class Part:
    """A feature of a column. `ranged` says whether its bins are neighbours on an axis or single values."""

    name: str
    ranged: bool
    effect: float
    sentence: str
    bins: tuple[Bin, ...]


@dataclass(frozen=True)
class Rate:
    """How many of the rows hold an entity label."""

    label: str
    reference: float
    current: float

    @property
    def effect(self) -> float:
        return abs(self.current - self.reference)


@dataclass(frozen=True)
class Explained:
    """A column; `contribution` is its share of the effects of all columns that moved."""

    name: str
    kind: str
    drift: bool
    effect: float
    contribution: float
    sentence: str
    parts: tuple[Part, ...]  # the largest effect first
    rates: tuple[Rate, ...] = ()  # of entity labels, the largest change first
    terms: tuple[Term, ...] = ()  # words or entities that came and went, where the rows are at hand

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Shares:
    """The cells of one feature as shares, before and now."""

    feature: Feature
    axis: Axis | None
    names: tuple[str, ...]  # of categories
    before: Floats
    now: Floats
    cdf: tuple[Floats, Floats] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "cdf", (np.cumsum(self.before), np.cumsum(self.now)))

    @property
    def effect(self) -> float:
        if self.axis is None:
            return float(np.abs(self.before - self.now).sum() / 2)
        return float(np.abs(self.cdf[0] - self.cdf[1]).max(initial=0.0))


def explain(
    layout: Layout,
    reference: Profile,
    current: Profile,
    judged: Iterable[Judged],
    terms: Mapping[str, Sequence[Term]] = NO_TERMS,
) -> list[Explained]:
    """Explain what a verdict says of columns, those that moved first, by their contribution.

    Args:
        layout: Of both profiles.
        reference: The rows before.
        current: The rows now.
        judged: What was found about each column.
        terms: The words or entities that came and went in columns of text and entities.
    """
    columns = list(judged)
    moved = sum(column.effect for column in columns if column.drift) or 1.0
    places: dict[str, list[int]] = {}
    for place, feature in enumerate(layout.features):
        places.setdefault(feature.column, []).append(place)
    between = together(layout, reference, current, [column.name for column in columns if column.drift])
    told = [
        _column(
            [_shares(layout, place, reference, current) for place in places[column.name]],
            column,
            column.effect / moved if column.drift else 0.0,
            between,
            tuple(terms.get(column.name, ())) if column.drift else (),
        )
        for column in columns
        if column.name in places
    ]
    return sorted(told, key=lambda each: (-each.contribution, -each.effect))


def common_layout(samples: Sequence[pa.RecordBatch], columns: Sequence[Column]) -> Layout:
    """Return cells in which every value of two samples has its place, for an explanation that has the rows at hand."""
    table = pa.Table.from_batches(samples).unify_dictionaries().combine_chunks()
    return Layout.fit(table.to_batches()[0], columns, known_by=samples[0].num_rows // 2, compared=False)


def _shares(layout: Layout, place: int, reference: Profile, current: Profile) -> Shares:
    binning = layout.binnings[place]
    axis = binning if isinstance(binning, Axis) else None
    sides = []
    for profile in (reference, current):
        counts = profile.cells[place, : binning.size].astype(np.float64)
        if axis is not None:
            counts[0] += profile.tallies[place, 3]
            counts[-1] += profile.tallies[place, 4]
        sides.append(counts / max(counts.sum(), 1.0))
    names = (*binning.values, "rarer values", "values never seen before") if isinstance(binning, Values) else ()
    return Shares(layout.features[place], axis, names, *sides)


def _column(
    features: Sequence[Shares], judged: Judged, contribution: float, between: Together | None, terms: tuple[Term, ...]
) -> Explained:
    labels = [shares for shares in features if shares.feature.part.startswith("label.")]
    parts = sorted((_part(shares) for shares in features if shares not in labels), key=lambda part: -part.effect)
    rates = sorted((_rate(shares) for shares in labels), key=lambda rate: -rate.effect)
    sentence = parts[0].sentence if parts else "it holds nothing that can be compared"
    if rates and (not parts or rates[0].effect >= parts[0].effect):
        sentence = "; ".join(_rate_sentence(rate) for rate in rates[:3] if rate.effect >= rates[0].effect / 2)
    own = max((shares.effect for shares in features), default=0.0)
    if between is not None and judged.name in between.columns and between.effect > 2 * own:
        sentence = between.sentence
    if terms:
        sentence = f"{sentence}; {_terms_sentence(terms)}"
    kind = features[0].feature.kind
    return Explained(
        judged.name, kind, judged.drift, judged.effect, contribution, sentence, tuple(parts), tuple(rates), terms
    )


def _part(shares: Shares) -> Part:
    if shares.axis is None:
        bins = _categories(shares)
    elif _counted(shares.axis):
        bins = _values(shares, shares.axis)
    else:
        return Part(shares.feature.part, True, shares.effect, _moved(shares, shares.axis), _ranges(shares, shares.axis))
    return Part(shares.feature.part, False, shares.effect, _turned(bins), bins)


def _categories(shares: Shares) -> tuple[Bin, ...]:
    largest = np.maximum(shares.before, shares.now)
    order = [int(place) for place in np.argsort(-largest, kind="stable") if largest[place] > 0]
    bins = [Bin(shares.names[place], float(shares.before[place]), float(shares.now[place])) for place in order[:TOP]]
    if rest := order[TOP:]:
        bins.append(Bin(f"{len(rest)} others", float(shares.before[rest].sum()), float(shares.now[rest].sum())))
    return tuple(bins)


def _values(shares: Shares, axis: Axis) -> tuple[Bin, ...]:
    spots = [f"{value:g}" for value in axis.edges[2:-1]]
    if shares.feature.part == "weekday":
        spots = [WEEKDAYS[int(value)] if value in range(7) else f"{value:g}" for value in axis.edges[2:-1]]
    labels = [f"less than {spots[0]}", *spots, f"more than {spots[-1]}"]
    found = zip(labels, shares.before, shares.now, strict=True)
    bins = [Bin(label, float(before), float(now)) for label, before, now in found if before or now]
    large = sorted(bins, key=lambda each: -max(each.reference, each.current))[:TOP]
    rest = [each for each in bins if each not in large]
    kept = [each for each in bins if each in large]
    if rest:
        kept.append(Bin(f"{len(rest)} others", sum(e.reference for e in rest), sum(e.current for e in rest)))
    return tuple(kept)


def _counted(axis: Axis) -> bool:
    """Whether an axis holds few whole numbers, such as codes, weekdays or labels of a text."""
    return axis.size <= BINS + 2 and bool(np.all(axis.edges[2:-1] % 1 == 0))


def _ranges(shares: Shares, axis: Axis) -> tuple[Bin, ...]:
    edges = axis.edges[1:-1]
    inner = [cdf[:-1] for cdf in shares.cdf]
    low = min(_quantile(cdf, edges, REST) for cdf in inner)
    high = max(_quantile(cdf, edges, 1 - REST) for cdf in inner)
    ends = np.linspace(low, high, BINS + 1)
    before, now = (np.diff([0.0, *np.interp(ends[1:-1], edges, cdf), 1.0]) for cdf in inner)
    labels = [f"{first:.4g} to {last:.4g}" for first, last in pairwise(ends)]
    labels[0], labels[-1] = f"up to {ends[1]:.4g}", f"{ends[-2]:.4g} and more"
    return tuple(Bin(*each) for each in zip(labels, before.tolist(), now.tolist(), strict=True))


def _quantile(cdf: Floats, edges: Floats, share: float) -> float:
    """Return where a distribution passes a share; its ends lie at the reference's smallest and largest value."""
    return float(np.interp(share, cdf, edges))


def _moved(shares: Shares, axis: Axis) -> str:
    # where the middle row lies, to the width of a cell
    places = (min(int(np.searchsorted(cdf, 0.5)), axis.size - 2) for cdf in shares.cdf)
    before, now = (axis.edges[place + 1] for place in places)
    what = QUANTITIES.get(shares.feature.part, "the median")
    if shares.feature.held_out:
        what = f"the median share of {'words' if shares.feature.kind == 'text' else 'entities'} never seen before"
    old, new = (f"{value:.1%}" if "share" in what else f"{value:.4g}" for value in (before, now))
    if old == new:
        return f"{what} stays at {new}, and the values around it spread differently"
    return f"{what} {'rises' if now > before else 'falls'} from {old} to {new}"


def _turned(bins: Sequence[Bin]) -> str:
    """Say which value won and which lost most."""
    won = max(bins, key=lambda each: each.current - each.reference, default=None)
    lost = min(bins, key=lambda each: each.current - each.reference, default=None)
    if won is None or lost is None or won.current == won.reference:
        return "every value is as frequent as before"
    said = (
        f"{_quoted(each.label)} {word} from {each.reference:.1%} to {each.current:.1%} of the rows"
        for each, word in ((won, "rises"), (lost, "falls"))
    )
    return ", ".join(said)


def _quoted(label: str) -> str:
    return label if " than " in label or label.endswith(("others", "values", "before")) else f"“{label}”"


def _rate(shares: Shares) -> Rate:
    """Return how many rows hold a label: those that do not hold it zero times."""
    nothing = int(shares.axis.codes(np.zeros(1))[0]) if shares.axis else 0
    label = shares.feature.part.removeprefix("label.")
    return Rate(label, 1 - float(shares.before[nothing]), 1 - float(shares.now[nothing]))


def _rate_sentence(rate: Rate) -> str:
    if not rate.reference:
        return f"the label {rate.label} is new: in {rate.current:.1%} of the rows"
    word = "rises" if rate.current > rate.reference else "falls"
    return f"the label {rate.label} {word} from {rate.reference:.1%} to {rate.current:.1%} of the rows"


def _terms_sentence(terms: Sequence[Term]) -> str:
    """Name the terms that came and went most surely."""
    came = [_share_of(term) for term in terms if term.current > term.reference][:NAMED]
    went = [_share_of(term) for term in terms if term.current < term.reference][:NAMED]
    said = [f"{word} {', '.join(names)}" for word, names in (("more", came), ("less", went)) if names]
    return ", ".join(said)


def _share_of(term: Term) -> str:
    shown = f"“{term.term}” as {term.label}" if term.label else f"“{term.term}”"
    return f"{shown} ({term.reference:.1%} to {term.current:.1%})"
