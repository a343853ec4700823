import numpy as np
import pytest
from scipy import stats

from driftd.detect.evidence.loss_decay import decay_p_values, with_loss
from driftd.detect.history import History
from driftd.detect.reference import Reference
from driftd.detect.sequential_test import step
from driftd.detect.settings import DriftSettings
from driftd.errors import DataError
from driftd.profile import Profile
from driftd.readers import Kind
from support.rows import batch

SETTINGS = DriftSettings(window_rows=100, score=("truth", "said"), ignore=("truth", "said"))


def rows(rng, n, errors, kind=Kind.CATEGORICAL, labelled=1.0):
    truth = rng.integers(0, 2, n)
    said = np.where(rng.random(n) < errors, 1 - truth, truth)
    known = rng.random(n) < labelled
    if kind is Kind.CATEGORICAL:
        return batch(
            x=(Kind.NUMERIC, rng.normal(size=n)),
            truth=(kind, [str(t) if k else None for t, k in zip(truth, known, strict=True)]),
            said=(kind, [str(s) for s in said]),
        )
    noise = rng.normal(0, 1 + 5 * errors, n)
    value = rng.normal(size=n)
    return batch(
        x=(Kind.NUMERIC, rng.normal(size=n)),
        truth=(kind, [float(v) if k else None for v, k in zip(value, known, strict=True)]),
        said=(kind, value + noise),
    )


def judged(make, windows):
    """Judge windows until something is to be answered; return the verdicts."""
    first, schema = make(2000, 0.1)
    reference = Reference.build(lambda: [first], schema.columns, SETTINGS)
    history, verdicts = History(), []
    for errors in windows:
        window = Profile.of(reference.layout, with_loss([make(100, errors)[0]], reference.score))
        done = step(reference, history, window, SETTINGS)
        reference, history = done.reference, done.history
        verdicts.append(done.verdict)
        if done.verdict.change:
            break
    return verdicts


@pytest.mark.parametrize("kind", [Kind.CATEGORICAL, Kind.NUMERIC])
@pytest.mark.parametrize("labelled", [1.0, 0.5])
def test_a_model_that_errs_more_is_an_alarm_of_its_own_while_the_data_stay(kind, labelled) -> None:
    rng = np.random.default_rng(1)
    verdicts = judged(lambda n, errors: rows(rng, n, errors, kind, labelled), [0.1] * 20 + [0.4] * 10)
    assert 21 <= len(verdicts) <= 25
    assert verdicts[-1].change
    assert not verdicts[-1].alarm
    assert verdicts[-1].decay.now > 1.3 * verdicts[-1].decay.before
    assert "loss" not in [column.name for column in verdicts[-1].columns]


def test_a_model_that_errs_less_or_as_much_is_none() -> None:
    rng = np.random.default_rng(2)
    verdicts = judged(lambda n, errors: rows(rng, n, errors), [0.1] * 60 + [0.0] * 20)
    assert len(verdicts) == 80
    assert verdicts[-1].decay.now < verdicts[-1].decay.before


def test_windows_without_labels_say_nothing_and_are_not_broken() -> None:
    rng = np.random.default_rng(3)
    reference, schema = rows(rng, 2000, 0.1)
    built = Reference.build(lambda: [reference], schema.columns, SETTINGS)
    window = Profile.of(built.layout, with_loss([rows(rng, 100, 0.9, labelled=0.0)[0]], built.score))
    verdict = step(built, History(), window, SETTINGS).verdict
    assert not verdict.change
    assert verdict.decay.evidence < 1
    assert verdict.decay.rows == 0
    assert not [problem for problem in verdict.problems if "loss" in problem]


def test_errors_have_an_exact_law() -> None:
    before, now = np.array([[90, 10]]), np.array([[30, 20]])
    p_values, effects = decay_p_values(before, now, 1.0)
    assert p_values[0] == pytest.approx(stats.binom.sf(19, 30, 50 / 150))
    assert effects[0] == pytest.approx(0.3)
    assert decay_p_values(now, before, 1.0)[0][0] == 1.0


@pytest.mark.parametrize("share", [0.005, 0.02, 0.1])
def test_losses_of_which_most_are_none_alarm_no_more_often_than_they_say(share) -> None:
    """A good model's losses are 0 but for a few: their mean is that of a few rows, which is skewed."""
    rng, level = np.random.default_rng(7), 2e-4
    cells = np.array([1 - share, *np.full(8, share / 8)])
    reference, current = (rng.multinomial(rows, cells, 100_000) for rows in (2000, 100))
    p_values, _ = decay_p_values(reference, current, 1.0)
    assert (p_values <= level).mean() <= 2 * level


def test_a_reference_keeps_what_its_losses_are_made_of() -> None:
    rng = np.random.default_rng(4)
    first, schema = rows(rng, 500, 0.1)
    reference = Reference.build(lambda: [first], schema.columns, SETTINGS)
    again = Reference.from_bytes(reference.to_bytes())
    assert again.score == ("truth", "said")
    assert again.loss == reference.loss is not None


def test_a_column_that_is_not_there_is_named() -> None:
    rng = np.random.default_rng(5)
    first, schema = rows(rng, 500, 0.1)
    with pytest.raises(DataError, match="'answer'"):
        Reference.build(lambda: [first], schema.columns, DriftSettings(score=("truth", "answer")))
