"""Which of a project's metrics decides: one of which more is better."""

import re
from collections.abc import Iterable

# the best summary of a model first
BETTER_WHEN_HIGH = (
    "f",
    "f1",
    "fscore",
    "auc",
    "auroc",
    "roc",
    "ap",
    "map",
    "aupr",
    "mcc",
    "kappa",
    "ndcg",
    "iou",
    "dice",
    "bleu",
    "rouge",
    "r2",
    "acc",
    "accuracy",
    "precision",
    "recall",
    "sensitivity",
    "specificity",
    "gain",
    "reward",
    "score",
    "correlation",
)
BETTER_WHEN_LOW = frozenset(
    {
        "loss",
        "logloss",
        "error",
        "err",
        "errors",
        "rmse",
        "mse",
        "mae",
        "mape",
        "smape",
        "msle",
        "rmsle",
        "nll",
        "brier",
        "perplexity",
        "ppl",
        "wer",
        "cer",
        "deviance",
        "fpr",
        "fnr",
        "eer",
        "ece",
    }
)
NO_QUALITY = frozenset(
    {
        "n",
        "rows",
        "count",
        "counts",
        "size",
        "support",
        "samples",
        "epoch",
        "epochs",
        "step",
        "steps",
        "time",
        "seconds",
        "latency",
        "duration",
        "memory",
        "seed",
        "threshold",
        "params",
    }
)
SEEN = frozenset({"train", "training", "fit"})
UNSEEN = frozenset({"test", "holdout", "eval"})


def deciding(names: Iterable[str]) -> list[str]:
    """Return the names of metrics of which more is better, or may be, the best to decide by first."""
    return sorted((name for name in names if not _unfit(_words(name))), key=_rank)


def known(name: str) -> bool:
    """Return whether a metric's name says that more is better."""
    return bool(_words(name) & set(BETTER_WHEN_HIGH)) or "neg" in _words(name)


def _unfit(words: set[str]) -> bool:
    return bool(words & NO_QUALITY) or (bool(words & BETTER_WHEN_LOW) and not words & {"neg", "negative"})


def _rank(name: str) -> tuple[bool, bool, int, int]:
    words = _words(name)
    place = min((BETTER_WHEN_HIGH.index(word) for word in words if word in BETTER_WHEN_HIGH), default=99)
    return bool(words & SEEN), not words & UNSEEN, place, name.count(".")


def _words(name: str) -> set[str]:
    lower = name.lower().replace("mean_average_precision", "map").replace("average_precision", "ap")
    lower = lower.replace("avg_prec", "ap").replace("r_2", "r2").replace("r^2", "r2").replace("f_1", "f1")
    return set(re.findall(r"[a-z]+\d*", lower))
