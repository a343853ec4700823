"""Champion and candidate on the same rows: the difference, and how sure it is. Runs in a worker.

The rows that both were scored on are joined by identity (a row that stands twice in both is joined twice). Counts [tp, fp, fn]
give the micro-averaged F1 over all labels, values give their mean. The interval of the difference is the percentile interval
of a paired bootstrap: both models are resampled on the same rows (Efron & Tibshirani 1993, ch. 13). Its seed comes from the rows'
identities, so that the same results always give the same interval. Each model's own metric, each regime and each label have their
bounds in the same way; those of labels are for people to read, and not corrected for how many labels there are.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from driftd.errors import RepositoryError
from driftd.retrain.evaluation.alpha_spending import resamples
from driftd.retrain.evaluation.scores import RowResult, read_rows

NOTHING = (0, 0, 0)  # tp, fp, fn of a row that does not hold a label
AT_ONCE = 250  # resamples that are held in memory together
FEW = 8  # times fewer different rows than rows: drawing them is quicker then

Floats: TypeAlias = npt.NDArray[np.float64]
Pair: TypeAlias = tuple[RowResult, RowResult]
Bounds: TypeAlias = dict[str, list[float]]


@dataclass(frozen=True)
class _Joined:
    """The shared rows of both models: sums over rows of `champion` and `candidate` (rows x terms) give the metric."""

    pairs: Sequence[Pair]
    champion: Floats
    candidate: Floats
    counted: bool


def compare(champion: Path, candidate: Path, new_files: Sequence[str], confidence: float) -> dict[str, Any]:
    """Compare two files of per-row results.

    Returns:
        {"rows": {"shared", "champion", "candidate"}, "champion", "candidate", "difference", "lower", "upper", "confidence",
        "resamples", "bounds", "by_label": {label: {"champion", "candidate", "bounds"}}, "by_regime": {"older" and "new": {"rows",
        "champion", "candidate", "bounds", "by_label": {label: {"champion", "candidate"}}}}}; `new` are the rows from `new_files`. Only
        counts have labels. Bounds are {"champion", "candidate", "difference": [lower, upper]}, each at the confidence.
    """
    old, new = read_rows(champion), read_rows(candidate)
    pairs = _join(old, new)
    if not pairs:
        raise RepositoryError(
            f"{champion} and {candidate} share no row, so the models cannot be compared",
            remedy="let the evaluate stage write the rows' identities; see promote.split",
        )
    result = _scores(pairs, confidence)
    lower, upper = result["bounds"]["difference"]
    result |= {"lower": lower, "upper": upper, "confidence": confidence, "resamples": resamples(confidence)}
    result["difference"] = result["candidate"] - result["champion"]
    for label, bounds in _label_bounds(pairs, confidence).items():
        result["by_label"][label]["bounds"] = bounds
    result["rows"] = {"shared": len(pairs), "champion": len(old), "candidate": len(new)}
    fresh = set(new_files)
    split = {
        "older": [pair for pair in pairs if pair[1].file not in fresh],
        "new": [pair for pair in pairs if pair[1].file in fresh],
    }
    result["by_regime"] = {
        name: {"rows": len(part), **_scores(part, confidence)} for name, part in split.items() if part
    }
    return result


def _join(champion: Sequence[RowResult], candidate: Sequence[RowResult]) -> list[Pair]:
    def keyed(results: Sequence[RowResult]) -> dict[tuple[str, int], RowResult]:
        seen: Counter[str] = Counter()
        found = {}
        for result in results:
            found[result.row, seen[result.row]] = result
            seen[result.row] += 1
        return found

    old = keyed(champion)
    return [(old[key], result) for key, result in sorted(keyed(candidate).items()) if key in old]


def _arrays(pairs: Sequence[Pair]) -> _Joined:
    counted = pairs[0][0].counts is not None
    if any((result.counts is not None) != counted for pair in pairs for result in pair):
        raise RepositoryError(
            "per-row results hold counts in some rows and values in others", remedy="write one of them"
        )
    champion, candidate = (np.array([_terms(pair[side]) for pair in pairs], dtype=np.float64) for side in (0, 1))
    return _Joined(pairs, champion, candidate, counted)


def _terms(result: RowResult) -> tuple[float, ...]:
    """Return what is summed over rows: tp, fp, fn over all labels, or the value."""
    if result.counts is None:
        return (result.value or 0.0,)
    return tuple(float(sum(count[term] for count in result.counts.values())) for term in range(3))


def _metric(sums: Floats, rows: int, counted: bool) -> Floats:
    """Return the metric of sums (... x terms): F1 = 2 tp / (2 tp + fp + fn), 0 where there is nothing; or the mean."""
    if not counted:
        return np.asarray(sums[..., 0] / rows)
    doubled = 2 * sums[..., 0]
    whole = doubled + sums[..., 1] + sums[..., 2]
    return np.asarray(np.divide(doubled, whole, out=np.zeros_like(whole), where=whole > 0))


def _bounds(joined: _Joined, confidence: float) -> Bounds:
    both = np.hstack([joined.champion, joined.candidate])
    sums = _resampled(_generator(joined.pairs), both, resamples(confidence))
    return _quantiles(sums, len(joined.pairs), confidence, counted=joined.counted)


def _label_bounds(pairs: Sequence[Pair], confidence: float) -> dict[str, Bounds]:
    """Return the bounds of each label; rows without the label are drawn as well, as rows that count nothing."""
    seen: dict[str, Counter[tuple[int, ...]]] = {}
    for old, new in pairs:
        for label in {**(old.counts or {}), **(new.counts or {})}:
            counted = (*(old.counts or {}).get(label, NOTHING), *(new.counts or {}).get(label, NOTHING))
            seen.setdefault(label, Counter())[counted] += 1
    found = {}
    for label, counts in seen.items():
        counts[NOTHING + NOTHING] += len(pairs) - counts.total()
        different = sorted(counts)
        shares = np.array([counts[each] for each in different]) / len(pairs)
        terms = np.array(different, np.float64)
        sums = _drawn(_generator(pairs, label), len(pairs), shares, terms, resamples(confidence))
        found[label] = _quantiles(sums, len(pairs), confidence, counted=True)
    return found


def _quantiles(sums: Floats, rows: int, confidence: float, *, counted: bool) -> Bounds:
    """Return the bounds of both models' metric and of their difference from resampled sums, the champion's terms first."""
    terms = sums.shape[1] // 2
    old, new = (_metric(side, rows, counted) for side in (sums[:, :terms], sums[:, terms:]))
    sides = {"champion": old, "candidate": new, "difference": new - old}
    return {name: np.quantile(side, [1 - confidence, confidence]).tolist() for name, side in sides.items()}


def _generator(pairs: Sequence[Pair], label: str = "") -> np.random.Generator:
    seed = sha256("".join((*(pair[0].row for pair in pairs), label)).encode()).digest()
    return np.random.default_rng(int.from_bytes(seed[:16], "big"))


def _resampled(rng: np.random.Generator, both: Floats, count: int) -> Floats:
    """Return the sums of resampled rows; of few different rows it is drawn how often each of them comes."""
    rows = len(both)
    different, times = np.unique(both, axis=0, return_counts=True)
    if FEW * len(different) <= rows:
        return _drawn(rng, rows, times / rows, different, count)
    return np.array([np.bincount(rng.integers(rows, size=rows), minlength=rows) @ both for _ in range(count)])


def _drawn(rng: np.random.Generator, rows: int, shares: Floats, terms: Floats, count: int) -> Floats:
    """Return the sums of resampled rows, drawn as how often each different one comes; in parts, as all at once may be gigabytes."""
    parts = [min(AT_ONCE, count - done) for done in range(0, count, AT_ONCE)]
    return np.concatenate([rng.multinomial(rows, shares, size=part).astype(np.float64) @ terms for part in parts])


def _scores(pairs: Sequence[Pair], confidence: float) -> dict[str, Any]:
    """Return both models' scores on some rows, over all with bounds, and for each label."""
    joined = _arrays(pairs)
    old, new = (
        float(_metric(side.sum(axis=0), len(pairs), joined.counted)) for side in (joined.champion, joined.candidate)
    )
    labels = _by_label(pairs) if joined.counted else {}
    return {"champion": old, "candidate": new, "bounds": _bounds(joined, confidence), "by_label": labels}


def _by_label(pairs: Sequence[Pair]) -> dict[str, dict[str, Any]]:
    sums: dict[str, Floats] = {}
    for pair in pairs:
        for side, result in enumerate(pair):
            for label, count in (result.counts or {}).items():
                sums.setdefault(label, np.zeros((2, 3)))[side] += count
    return {
        label: {"champion": float(f[0]), "candidate": float(f[1])}
        for label, f in sorted((label, _metric(total, len(pairs), counted=True)) for label, total in sums.items())
    }
