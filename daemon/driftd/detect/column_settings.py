"""Columns that a person named in `drift.ignore` and `drift.columns`, held against those that there are."""

import difflib
from collections.abc import Iterator, Mapping, Sequence

from driftd.detect.settings import DriftSettings
from driftd.profile.features import Column, Feature, features_of
from driftd.stats import statistic


def limits(feature: Feature, settings: DriftSettings) -> Mapping[str, float]:
    """Return the fixed thresholds of a feature, its own or its column's, of statistics that fit it."""
    if not settings.thresholds:
        return {}
    whole = settings.thresholds.get(feature.column, {})
    fixed = whole if feature.held_out else settings.thresholds.get(feature.name, whole)
    return {name: value for name, value in fixed.items() if feature.ordered or not statistic(name).ordered}


def misfits(settings: DriftSettings, columns: Sequence[Column]) -> Iterator[tuple[str, str]]:
    """Yield settings, `ignore` or `columns`, that mean nothing for these columns, and why."""
    names = [column.name for column in columns]
    for name in settings.ignore:
        if name not in names:
            yield "ignore", f"there is no column {name!r}{_meant(name, names)}"
    features = features_of(columns, ())
    parts = sorted({*names, *(feature.name for feature in features)})
    entities = tuple(f"{column.name}.label." for column in columns if column.kind == "entities")
    for name, fixed in settings.thresholds.items():
        if name not in parts and not name.startswith(entities):
            yield "columns", f"there is no column {name!r}{_meant(name, parts)}"
        for feature in features:
            if name == feature.name and feature.held_out:
                yield (
                    "columns",
                    f"{name!r} is tested together with the terms that are known, and takes no fixed threshold",
                )
            if name in (feature.name, feature.column) and not feature.ordered:
                for each in sorted(fixed):
                    if statistic(each).ordered:
                        yield "columns", f"{each} compares numbers, and {name!r} is {feature.kind}"


def _meant(name: str, names: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else f"; there are: {', '.join(names)}"
