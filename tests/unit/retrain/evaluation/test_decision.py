import pytest

from driftd.config.settings import Guard, Promote
from driftd.errors import RepositoryError
from driftd.retrain.evaluation.decision import account, decide, recall

METRIC = "scores.json:f"


def settings(**values) -> Promote:
    return Promote(metric=METRIC, **values)


def compared(champion=0.5, candidate=0.6, lower=0.05, **values):
    return {
        "champion": champion,
        "candidate": candidate,
        "difference": candidate - champion,
        "lower": lower,
        "upper": 0.2,
        "confidence": 0.95,
        "rows": {"shared": 100, "champion": 100, "candidate": 110},
        "by_label": {},
        "by_regime": {},
        "bounds": {"champion": [0.4, 0.6], "candidate": [0.5, 0.7], "difference": [lower, 0.2]},
    } | values


@pytest.mark.parametrize(
    ("lower", "min_gain", "verdict"),
    [(0.05, 0.0, "promote"), (0.0, 0.0, "keep"), (-0.01, 0.0, "keep"), (0.05, 0.05, "keep"), (0.05, 0.04, "promote")],
)
def test_the_lower_bound_must_exceed_min_gain(lower, min_gain, verdict):
    found = decide(settings(min_gain=min_gain), {METRIC: 0.5}, {METRIC: 0.6}, compared(lower=lower))
    assert found["verdict"] == verdict
    assert found["method"] == "paired bootstrap"


@pytest.mark.parametrize(("rows", "verdict"), [(1, "keep"), (4, "keep"), (5, "promote")])
def test_rows_that_are_too_few_for_the_confidence_promote_nothing(rows, verdict):
    counted = {"shared": rows, "champion": rows, "candidate": rows}
    found = decide(settings(), {METRIC: 0.5}, {METRIC: 0.6}, compared(rows=counted))
    assert found["verdict"] == verdict
    assert ("which so few rows cannot give" in found["sentence"]) is (verdict == "keep")


@pytest.mark.parametrize(("candidate", "verdict"), [(0.6, "promote"), (0.5, "keep"), (0.4, "keep")])
def test_without_rows_the_plain_difference_decides_and_it_says_so(candidate, verdict):
    found = decide(settings(), {METRIC: 0.5}, {METRIC: candidate}, None)
    assert found["verdict"] == verdict
    assert found["interval"] is None
    assert "without per-row results" in found["sentence"]


def test_a_guard_names_metrics_with_a_wildcard_and_each_must_hold():
    guard = Guard(metric="scores.json:*.f", max_drop=0.05)
    old = {METRIC: 0.5, "scores.json:CITY.f": 0.9, "scores.json:ZIP.f": 0.9, "scores.json:ZIP.p": 0.9}
    new = {METRIC: 0.8, "scores.json:CITY.f": 0.86, "scores.json:ZIP.f": 0.8, "scores.json:ZIP.p": 0.1}
    found = decide(settings(guards=(guard,)), old, new, compared())
    assert found["verdict"] == "keep"
    assert [(each["metric"], each["holds"]) for each in found["guards"]] == [
        ("scores.json:CITY.f", True),
        ("scores.json:ZIP.f", False),
    ]
    assert "scores.json:ZIP.f falls from 0.900 to 0.800" in found["sentence"]


def test_a_guarded_metric_that_the_candidate_lacks_breaks_the_guard():
    guard = Guard(metric="scores.json:*.f", max_drop=1.0)
    found = decide(settings(guards=(guard,)), {METRIC: 0.5, "scores.json:ZIP.f": 0.9}, {METRIC: 0.9}, compared())
    assert found["verdict"] == "keep"
    assert "scores.json:ZIP.f is missing" in found["sentence"]


@pytest.mark.parametrize(
    ("metric", "rows", "said"),
    [
        ("scores.json:*.ff", compared(), "names no score of either model"),
        ("other.json:f", compared(), "names no score of either model"),
        ("regimes:older", None, "needs per-row results"),
    ],
)
def test_a_guard_that_guards_nothing_is_refused(metric, rows, said):
    guarded = settings(guards=(Guard(metric=metric, max_drop=0.0),))
    with pytest.raises(RepositoryError, match=said):
        decide(guarded, {METRIC: 0.5, "scores.json:ZIP.f": 0.9}, {METRIC: 0.9, "scores.json:ZIP.f": 0.1}, rows)


def test_a_guarded_metric_that_only_the_candidate_has_breaks_nothing():
    guarded = settings(guards=(Guard(metric="scores.json:ZIP.f", max_drop=0.0),))
    found = decide(guarded, {METRIC: 0.5}, {METRIC: 0.9, "scores.json:ZIP.f": 0.1}, compared())
    assert (found["verdict"], found["guards"]) == ("promote", [])


def test_a_guard_can_watch_an_older_regime():
    regimes = {
        "older": {"rows": 50, "champion": 0.99, "candidate": 0.9, "by_label": {}},
        "new": {"rows": 50, "champion": 0.2, "candidate": 0.8, "by_label": {"ZIP": {"champion": 0, "candidate": 1}}},
    }
    guard = Guard(metric="regimes:older", max_drop=0.05)
    found = decide(settings(guards=(guard,)), {METRIC: 0.5}, {METRIC: 0.9}, compared(by_regime=regimes))
    assert found["verdict"] == "keep"
    assert [guard["metric"] for guard in found["guards"]] == ["regimes:older"]


@pytest.mark.parametrize(
    ("old", "new", "who"), [({}, {METRIC: 1}, "champion"), ({METRIC: 1}, {"other": 1}, "candidate")]
)
def test_a_missing_metric_is_an_error_that_lists_what_is_there(old, new, who):
    with pytest.raises(RepositoryError, match=f"the {who}'s scores have no scores.json:f") as caught:
        decide(settings(), old, new, None)
    assert "promote.metric" in caught.value.remedy


def test_the_sentence_tells_a_person_what_was_found():
    found = decide(settings(), {METRIC: 0.391}, {METRIC: 0.872}, compared(0.391, 0.872, 0.44))
    assert found["sentence"] == (
        "The candidate is better: f from 0.391 to 0.872 on 100 shared test rows: "
        "a gain of 0.481, at least 0.440 with 95% confidence."
    )


@pytest.mark.parametrize(
    ("champion", "candidate", "lower", "upper", "verdict"),
    [(0.5, 0.4, -0.2, -0.05, "promote"), (0.5, 0.4, -0.2, 0.01, "keep"), (0.4, 0.5, 0.05, 0.2, "keep")],
)
def test_where_lower_is_better_a_fall_is_a_gain(champion, candidate, lower, upper, verdict):
    found = decide(
        settings(better="lower"),
        {METRIC: champion},
        {METRIC: candidate},
        compared(champion, candidate, lower, upper=upper),
    )
    assert found["verdict"] == verdict
    assert found["gain"] == pytest.approx(champion - candidate)
    assert (found["interval"]["lower"], found["interval"]["upper"]) == (-upper, -lower)


def test_without_rows_lower_is_better_too():
    assert decide(settings(better="lower"), {METRIC: 0.5}, {METRIC: 0.4}, None)["verdict"] == "promote"


def test_several_metrics_each_in_its_own_direction():
    guards = (Guard(metric="s:loss", max_drop=0.0, better="lower"), Guard(metric="s:auc", max_drop=0.0))
    old = {METRIC: 0.5, "s:loss": 1.0, "s:auc": 0.7}
    found = [
        decide(settings(guards=guards), old, {METRIC: 0.8, "s:loss": loss, "s:auc": auc}, compared())
        for loss, auc in ((0.9, 0.8), (1.1, 0.8), (0.9, 0.6))
    ]
    assert [each["verdict"] for each in found] == ["promote", "keep", "keep"]
    assert "s:loss rises from 1.000 to 1.100" in found[1]["sentence"]
    assert "s:auc falls from 0.700 to 0.600" in found[2]["sentence"]


def test_an_account_of_the_decision_names_interval_attempts_and_guards():
    guard = Guard(metric="scores.json:*.f", max_drop=0.05)
    old, new = {METRIC: 0.5, "scores.json:ZIP.f": 0.9}, {METRIC: 0.6, "scores.json:ZIP.f": 0.88}
    assert account(decide(settings(guards=(guard,)), old, new, compared(), 2)) == (
        "paired bootstrap: gain 0.0500 to 0.2000 at 95.00%, one-sided each; decision 3 against this champion; "
        "scores.json:ZIP.f 0.900 -> 0.880 is allowed."
    )


@pytest.mark.parametrize(
    ("candidate", "upper", "verdict"),
    [
        (0.6, 0.2, "promote"),
        (0.5, 0.2, "promote"),
        (0.495, 0.01, "promote"),
        (0.495, -0.001, "keep"),
        (0.48, 0.01, "keep"),
    ],
)
def test_a_regimes_own_champion_comes_back_unless_it_is_worse(candidate, upper, verdict):
    rows = compared(candidate=candidate, lower=-0.1, upper=upper)
    found = recall(settings(), {METRIC: 0.5}, {METRIC: candidate}, rows, 0, "v1.0.0")
    assert (found["verdict"], found["recalled"]) == (verdict, "v1.0.0")
    assert found["sentence"].startswith(
        f"v1.0.0 is {'recalled, no' if verdict == 'promote' else 'not recalled, a'} training"
    )


@pytest.mark.parametrize(("candidate", "verdict"), [(0.505, "promote"), (0.52, "keep")])
def test_a_recalled_loss_is_worse_where_it_is_higher(candidate, verdict):
    found = recall(settings(better="lower"), {METRIC: 0.5}, {METRIC: candidate}, None, 0, "v1.0.0")
    assert found["verdict"] == verdict


def test_a_guard_keeps_a_recalled_model_out():
    guard = Guard(metric="scores.json:*", max_drop=0.05)
    found = recall(
        settings(guards=(guard,)),
        {METRIC: 0.5, "scores.json:LOC": 0.9},
        {METRIC: 0.6, "scores.json:LOC": 0.7},
        None,
        0,
        "v1.0.0",
    )
    assert found["verdict"] == "keep"
    assert "scores.json:LOC falls from 0.900 to 0.700" in found["sentence"]
