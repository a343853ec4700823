"""Which metric decides."""

import pytest

from driftd.adopt import metric_choice


@pytest.mark.parametrize(
    ("names", "best"),
    [
        (["accuracy", "f1", "loss"], "f1"),
        (["log_loss", "roc_auc", "accuracy"], "roc_auc"),
        (["ents_p", "ents_r", "ents_f", "ORG.f", "GPE.f"], "ents_f"),
        (["train.accuracy", "test.accuracy"], "test.accuracy"),
        (["train_f1", "accuracy"], "accuracy"),
        (["rmse", "mae", "r2"], "r2"),
        (["neg_mean_squared_error", "mean_squared_error"], "neg_mean_squared_error"),
        (["rows", "epochs", "whatever"], "whatever"),
        (["avg_prec", "recall"], "avg_prec"),
    ],
)
def test_one_of_which_more_is_better_decides(names, best):
    for order in (names, names[::-1]):
        assert metric_choice.deciding(order)[0] == best


@pytest.mark.parametrize(
    "name", ["loss", "val/log_loss", "test.rmse", "error_rate", "mean_squared_error", "perplexity", "n", "seconds"]
)
def test_one_of_which_less_is_better_never_does(name):
    assert metric_choice.deciding([name]) == []


@pytest.mark.parametrize(("name", "known"), [("f1", True), ("ents_f", True), ("neg_rmse", True), ("uplift", False)])
def test_what_is_assumed_is_known_to_be(name, known):
    assert metric_choice.known(name) is known
