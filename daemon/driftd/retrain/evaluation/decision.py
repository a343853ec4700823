"""Promote or keep: a pure function of what both models scored on the same rows."""

from collections.abc import Mapping
from typing import Any

from driftd.config.settings import Guard, Promote
from driftd.errors import RepositoryError
from driftd.retrain.evaluation.scores import Metric

FEWEST = 30  # test rows of a probation, below which nothing is sure
REGIMES = "regimes"  # the file name under which a guard finds the scores of the older and the new regime


def decide(
    settings: Promote,
    champion: Mapping[str, float],
    candidate: Mapping[str, float],
    compared: Mapping[str, Any] | None,
    earlier: int = 0,
) -> dict[str, Any]:
    """Return the decision as a JSON document.

    Args:
        settings: What a promotion asks for.
        champion: The champion's scores on the candidate's test rows, as `file:name`.
        candidate: The candidate's.
        compared: The comparison row by row, where there are per-row results.
        earlier: Decisions against the same champion before this one, for the record: `compared` has the confidence that they leave.
    """
    metric = settings.metric
    for who, scores in (("champion", champion), ("candidate", candidate)):
        if metric not in scores:
            raise RepositoryError(
                f"the {who}'s scores have no {metric}",
                remedy=f"set promote.metric to one of: {', '.join(sorted(scores)) or 'none was written'}",
            )
    for guard in settings.guards:
        _refuse_empty(guard, {**champion, **candidate}, compared)
    old, new = champion[metric], candidate[metric]
    gain, interval = _gain(settings, new - old, compared)
    regimes = _regimes(compared)
    guards = [
        result
        for guard in settings.guards
        for result in _guard(guard, {**champion, **regimes["champion"]}, {**candidate, **regimes["candidate"]})
    ]
    broken = [guard for guard in guards if not guard["holds"]]
    better = (interval["lower"] if interval else gain) > settings.min_gain and not _too_few(compared)
    document = {
        "verdict": "promote" if better and not broken else "keep",
        "metric": metric,
        "better": settings.better,
        "champion": old,
        "candidate": new,
        "difference": compared["difference"] if compared else new - old,
        "gain": gain,
        "interval": interval,
        "bounds": compared["bounds"] if compared else None,
        "min_gain": settings.min_gain,
        "earlier": earlier,
        "guards": guards,
        "method": "paired bootstrap" if compared else "plain difference",
        "rows": compared["rows"] if compared else None,
        "by_label": compared["by_label"] if compared else {},
        "by_regime": compared["by_regime"] if compared else {},
        "split": settings.split,
        "scores": {"champion": dict(champion), "candidate": dict(candidate)},
    }
    return document | {"sentence": _sentence(document, better, broken)}


def recall(
    settings: Promote,
    champion: Mapping[str, float],
    recalled: Mapping[str, float],
    compared: Mapping[str, Any] | None,
    earlier: int,
    version: str,
    otherwise: str = "a training follows",
) -> dict[str, Any]:
    """Return the decision between the champion and that of the regime that has come back, on rows of that regime alone.

    Neither is new, and the earlier one was accepted for this regime: a tie is its. It stays out where the champion is better for
    sure, where it is worse by more than `promote.recall_max_drop`, or where a guard is broken.
    """
    document = decide(settings, champion, recalled, compared, earlier)
    interval, allowed = document["interval"], settings.recall_max_drop
    beaten = document["gain"] < -allowed or (interval is not None and interval["upper"] < 0)
    broken = [_broken(guard) for guard in document["guards"] if not guard["holds"]]
    verdict = "keep" if beaten or broken else "promote"
    return document | {
        "verdict": verdict,
        "recalled": version,
        "max_drop": allowed,
        "sentence": _recall_sentence(document, version, allowed, otherwise, beaten=beaten, broken=broken),
    }


def _recall_sentence(
    document: Mapping[str, Any], version: str, allowed: float, otherwise: str, *, beaten: bool, broken: list[str]
) -> str:
    name, rows = Metric.parse(document["metric"]).name, document["rows"]
    count = f"{rows['shared']} " if rows else ""
    where = f"on {count}test rows of the regime that has come back"
    scored = f"{name} is {document['candidate']:.3f}, the champion's {document['champion']:.3f}, {where}"
    if beaten:
        what = f"only a fall of at most {allowed:g} that may be chance is allowed"
        return f"{version} is not recalled, {otherwise}: its {scored}; {what}."
    if broken:
        return f"{version} is not recalled, {otherwise}: its {scored}; but {', '.join(broken)}."
    return f"{version} is recalled, no training is needed: its {scored}."


def probation(
    settings: Promote,
    champion: Mapping[str, float],
    before: Mapping[str, float],
    compared: Mapping[str, Any] | None,
    earlier: int,
    versions: tuple[str, str],
    *,
    last: bool,
) -> dict[str, Any]:
    """Return the decision between a new champion and the one before it, on fresh rows: back only if the new one is worse for sure.

    The gain is that of going back. On fewer than `FEWEST` test rows nothing is sure.
    """
    document = decide(settings.model_copy(update={"min_gain": 0.0, "guards": ()}), champion, before, compared, earlier)
    rows = document["rows"]["shared"] if document["rows"] else 0
    worse = rows >= FEWEST and document["interval"] is not None and document["interval"]["lower"] > 0
    new, old = versions
    name = Metric.parse(document["metric"]).name
    scored = (
        f"{name} is {document['champion']:.3f} on {rows} fresh test rows, that of {old} {document['candidate']:.3f}"
    )
    if worse:
        share, least = document["interval"]["confidence"], document["interval"]["lower"]
        said = f"{old} is in production again: {new} failed its probation; its {scored}, worse by at least {least:.3f} with {share:.2%} confidence."
    else:
        doubt = ", which is not enough to be sure that it is worse" if document["difference"] > 0 else ""
        said = f"{new} {'has passed its probation' if last else 'stays, on probation'}: its {scored}{doubt}."
    return document | {"verdict": "roll-back" if worse else "keep", "before": old, "sentence": said}


def account(document: Mapping[str, Any]) -> str:
    """Say what a decision rests on beside its sentence: interval, how often the champion was tried, guards."""
    interval, said = document["interval"], []
    if interval:
        bounds = f"{interval['lower']:.4f} to {interval['upper']:.4f}"
        said.append(f"{document['method']}: gain {bounds} at {interval['confidence']:.2%}, one-sided each")
    said.append(f"decision {document['earlier'] + 1} against this champion")
    said += [
        f"{each['metric']} {each['champion']:.3f} -> {each['candidate']:.3f} is allowed"
        for each in document["guards"]
        if each["holds"]
    ]
    return "; ".join(said) + "."


def _gain(settings: Promote, plain: float, compared: Mapping[str, Any] | None) -> tuple[float, dict[str, float] | None]:
    """Return the gain and its interval, positive where the candidate is better."""
    turned = settings.better == "lower"
    if compared is None:
        return (-plain if turned else plain), None
    lower, upper, gain = compared["lower"], compared["upper"], compared["difference"]
    if turned:
        lower, upper, gain = -upper, -lower, -gain
    return gain, {"lower": lower, "upper": upper, "confidence": compared["confidence"]}


def _too_few(compared: Mapping[str, Any] | None) -> bool:
    """Return whether so few rows cannot give the confidence: that all n of them favour one of two equal models has a chance of 2^-n."""
    return compared is not None and 2.0 ** -compared["rows"]["shared"] > 1 - compared["confidence"]


def _regimes(compared: Mapping[str, Any] | None) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {"champion": {}, "candidate": {}}
    for name, part in (compared["by_regime"] if compared else {}).items():
        for side, scores in found.items():
            scores[f"{REGIMES}:{name}"] = part[side]
            scores |= {f"{REGIMES}:{name}.{label}": each[side] for label, each in part["by_label"].items()}
    return found


def _refuse_empty(guard: Guard, scores: Mapping[str, float], compared: Mapping[str, Any] | None) -> None:
    """Refuse a guard that names no score of either model: it would guard nothing, and nobody would see that."""
    wanted = Metric.parse(guard.metric)
    if wanted.file == REGIMES:
        if compared is None:
            raise RepositoryError(
                f"the guard {guard.metric} needs per-row results, and there are none",
                remedy="set promote.per_row, or leave the guard out",
            )
    elif not wanted.matching(scores):
        raise RepositoryError(
            f"the guard {guard.metric} names no score of either model",
            remedy=f"let it match one of: {', '.join(sorted(scores))}",
        )


def _guard(guard: Guard, champion: Mapping[str, float], candidate: Mapping[str, float]) -> list[dict[str, Any]]:
    """Judge every metric of the champion that a guard names; one that the candidate lacks breaks it."""
    results = []
    for name in Metric.parse(guard.metric).matching(champion):
        old, new = champion[name], candidate.get(name)
        holds = new is not None and (new - old if guard.better == "lower" else old - new) <= guard.max_drop
        results.append({"metric": name, "champion": old, "candidate": new, "max_drop": guard.max_drop, "holds": holds})
    return results


def _sentence(document: Mapping[str, Any], better: bool, broken: list[dict[str, Any]]) -> str:
    name = Metric.parse(document["metric"]).name
    change = f"{name} from {document['champion']:.3f} to {document['candidate']:.3f}"
    interval, rows = document["interval"], document["rows"]
    where = f" on {rows['shared']} shared test rows" if rows else ""
    if interval:
        share = f"{interval['confidence']:.2%}".replace(".00%", "%")
        sure = f"a gain of {document['gain']:.3f}, at least {interval['lower']:.3f} with {share} confidence"
    else:
        sure = f"a plain difference of {document['gain']:.3f}, without per-row results to say how sure it is"
    said = f"{change}{where}: {sure}"
    if document["verdict"] == "promote":
        return f"The candidate is better: {said}."
    if not better and interval and interval["lower"] > document["min_gain"]:
        return f"The champion stays: {said}, which so few rows cannot give."
    if not better:
        return f"The champion stays: {said}, where more than {document['min_gain']:g} is asked for."
    named = ", ".join(_broken(guard) for guard in broken)
    return f"The champion stays, though the candidate gains: {said}; but {named}."


def _broken(guard: Mapping[str, Any]) -> str:
    if guard["candidate"] is None:
        return f"{guard['metric']} is missing"
    moves = "rises" if guard["candidate"] > guard["champion"] else "falls"
    return f"{guard['metric']} {moves} from {guard['champion']:.3f} to {guard['candidate']:.3f} (allowed: {guard['max_drop']:g})"
