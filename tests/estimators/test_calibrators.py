"""Calibrators learn from forecasts of rows that the model had not seen, and never change the order."""

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from finnet.errors import DataError
from finnet.estimators.calibrators import (
    AverageCalibrator,
    CalibratedClassifier,
    HeldOut,
    IsotonicCalibrator,
    LogitCalibrator,
    choose_calibrator,
    effective_rows,
)
from finnet.fitting import InnerFolds


def drawn(n, *, slope=1.0, shift=0.0, seed=0):
    """Scores, and labels whose log-odds are `slope * score + shift`."""
    rng = np.random.default_rng(seed)
    score = rng.standard_normal(n)
    return score, (rng.random(n) < expit(slope * score + shift)).astype(int)


def held_out(score, y, *, stretch=None, overlap=1.0, parts=5):
    rows = np.arange(len(y))
    return HeldOut(score, y, rows * parts // len(y), rows if stretch is None else stretch, overlap)


def test_the_curve_undoes_an_overconfident_score():
    truth, y = drawn(20_000)
    curve = LogitCalibrator().fit(3.0 * truth - 1.0, y)
    assert curve.slope_ == pytest.approx(1 / 3, abs=0.02)
    assert curve.intercept_ == pytest.approx(1 / 3, abs=0.05)


@pytest.mark.parametrize("effective", [5, 50, 500])
def test_a_score_that_orders_backwards_keeps_its_order(effective):
    score, y = drawn(500, slope=-2.0)
    curve = LogitCalibrator().fit(score, y, effective=effective)
    p = curve.predict(np.sort(score))
    assert (np.diff(p) > 0).all()


def test_rows_that_are_worth_little_leave_the_score_as_it_is():
    score, y = drawn(500, slope=0.1)
    slopes = [LogitCalibrator().fit(score, y, effective=effective).slope_ for effective in (500, 50, 5, 0.05)]
    assert slopes == sorted(slopes)
    assert slopes[0] < 0.3
    assert slopes[-1] > 0.9


def test_without_evidence_the_mean_probability_is_the_rate_of_the_rows():
    score, _ = drawn(400)
    p = LogitCalibrator().fit(score + 2.0, np.arange(400) % 4 == 0, effective=1e-6).predict(score + 2.0)
    assert p.mean() == pytest.approx(0.25, abs=0.005)


@pytest.mark.parametrize("y", [np.zeros(20, int), np.ones(20, int)])
def test_rows_of_one_class_promise_no_certainty(y):
    p = LogitCalibrator().fit(np.linspace(-1, 1, 20), y).predict(np.linspace(-1, 1, 20))
    assert ((p > 0.001) & (p < 0.999)).all()


def test_scores_that_do_not_vary_give_the_rate():
    p = LogitCalibrator().fit(np.zeros(100), (np.arange(100) < 30).astype(int)).predict(np.zeros(1))
    assert p[0] == pytest.approx(0.3, abs=0.01)


def test_labels_that_overlap_are_worth_fewer_rows():
    score, y = drawn(500)
    assert effective_rows(held_out(score, y)) == pytest.approx(500, rel=0.1)
    assert effective_rows(held_out(score, y, overlap=5.0)) <= 100


def test_rows_of_a_session_that_share_their_shock_are_worth_little_more_than_one():
    score, _ = drawn(2000)
    shock = np.repeat(np.random.default_rng(1).integers(0, 2, 100), 20)
    assert effective_rows(held_out(score, shock, stretch=np.arange(2000) // 20)) < 150


def test_a_calibrator_is_taken_where_it_helps_rows_that_it_was_not_fitted_on():
    score, y = drawn(2000)
    curve, facts = choose_calibrator(held_out(4.0 * score, y))
    assert facts["taken"]
    assert facts["loss_after"] < facts["loss_before"]
    assert curve.slope_ == pytest.approx(0.25, abs=0.05)


def test_a_calibrator_that_does_not_help_leaves_the_forecasts_as_they_are():
    score, y = drawn(1000, seed=4)
    curve, facts = choose_calibrator(held_out(score, y))
    assert not facts["taken"]
    assert (curve.slope_, curve.intercept_) == (1.0, 0.0)


@pytest.mark.parametrize("slope", [1.0, -1.0])
def test_the_facts_say_whether_the_order_was_reversed(slope):
    score, y = drawn(500, slope=slope)
    assert choose_calibrator(held_out(score, y))[1]["reversed"] is (slope < 0)


def test_one_block_alone_calibrates_nothing():
    score, y = drawn(500, slope=0.1)
    assert not choose_calibrator(held_out(score, y, parts=1))[1]["taken"]


def folds(n, parts=5, *, calibrate=True):
    part = np.arange(n) % parts
    own = [np.flatnonzero(part == k) for k in range(parts)]
    others = [np.flatnonzero(part != k) for k in range(parts)]
    return InnerFolds(fit=others, validation=own, held_out=own, stretch=np.arange(n), calibrate=calibrate)


class Loud(LogisticRegression):
    """Says everything five times as surely as it should."""

    def predict_proba(self, X):
        p = expit(5.0 * logit(super().predict_proba(X)[:, 1]))
        return np.column_stack([1 - p, p])


def table(n=1000):
    X = np.random.default_rng(2).standard_normal((n, 2))
    return X, (np.random.default_rng(3).random(n) < expit(X[:, 0])).astype(int)


def test_a_loud_model_is_calibrated_by_rows_that_it_had_not_seen():
    X, y = table()
    model = CalibratedClassifier(Loud()).fit(X, y, folds=folds(1000))
    assert model.calibrator_.slope_ == pytest.approx(0.2, abs=0.03)
    assert model.calibration_["rows"] == 1000


def test_calibration_keeps_every_difference_in_the_order():
    X, y = table()
    model = CalibratedClassifier(Loud()).fit(X, y, folds=folds(1000))
    raw, p = model.classifier_.predict_proba(X)[:, 1], model.predict_proba(X)[:, 1]
    assert (np.argsort(raw) == np.argsort(p)).all()
    assert len(np.unique(p)) == len(np.unique(raw))


def test_fits_that_know_the_rate_of_their_own_rows_alone_are_not_called_reversed():
    """Each fit forecasts the rate of its rows, which is the lower the more ones it was not shown."""
    y = np.repeat([1, 0, 1, 0, 1], 40)
    X = np.random.default_rng(0).standard_normal((200, 1))
    part = np.arange(200) // 40
    fit, own = ([np.flatnonzero(test(part, k)) for k in range(5)] for test in (np.not_equal, np.equal))
    in_time = InnerFolds(fit=fit, validation=own, held_out=own, stretch=np.arange(200) // 5, overlap=5.0)
    model = CalibratedClassifier(LogisticRegression(C=1e-9)).fit(X, y, folds=in_time)
    assert model.calibrator_.slope_ > 0.3


@pytest.mark.parametrize("inner", [None, folds(200, calibrate=False)], ids=["no folds", "not asked for"])
def test_without_calibration_probabilities_stay_as_they_are(inner):
    X, y = table(200)
    model = CalibratedClassifier(LogisticRegression()).fit(X, y, folds=inner)
    np.testing.assert_array_equal(model.predict_proba(X), model.classifier_.predict_proba(X))
    assert model.calibration_ is None


def test_a_certain_model_is_never_quite_certain():
    class Certain(LogisticRegression):
        def predict_proba(self, X):
            return np.eye(2)[self.predict(X)]

    X, y = table(200)
    p = CalibratedClassifier(Certain()).fit(X, y, folds=folds(200)).predict_proba(X)
    assert ((p > 0) & (p < 1)).all()


def test_three_classes_cannot_be_calibrated():
    X, _ = table(200)
    with pytest.raises(DataError, match="which calibration needs; fit without folds"):
        CalibratedClassifier(LogisticRegression()).fit(X, np.arange(200) % 3, folds=folds(200))


def test_an_average_takes_its_level_from_single_fits_but_no_slope_below_one():
    score = np.tile([-3.0, -1.0, 1.0, 3.0], 100)
    y = (np.arange(400) % 10 < 4 + np.sign(score)).astype(int)
    curve = AverageCalibrator().fit(score, y)
    assert LogitCalibrator(0.1).fit(score, y).slope_ < 1.0
    assert curve.slope_ == 1.0
    assert curve.predict(score).mean() == pytest.approx(y.mean(), abs=0.005)


def test_an_average_of_timid_fits_gets_their_slope():
    rng = np.random.default_rng(0)
    truth = rng.normal(0.0, 1.5, 4000)
    y = (rng.random(4000) < expit(truth)).astype(int)
    curve, facts = choose_calibrator(HeldOut(truth / 1.3, y, np.arange(4000) % 5, np.arange(4000)), AverageCalibrator)
    assert facts["taken"]
    assert 1.15 < curve.slope_ < 1.35


def s_shaped(n, seed=0):
    """Scores, and labels whose log-odds flatten towards both ends."""
    rng = np.random.default_rng(seed)
    score = rng.normal(0.0, 1.5, n)
    return score, (rng.random(n) < expit(2.2 * np.tanh(score))).astype(int)


def loss(curve, score, y):
    return float(np.mean(np.logaddexp(0.0, curve.log_odds(score)) - y * curve.log_odds(score)))


def in_five(score, y, **settings):
    return HeldOut(score, y, np.arange(len(y)) % 5, settings.pop("stretch", np.arange(len(y))), **settings)


def test_where_the_truth_is_s_shaped_an_isotonic_curve_is_taken_and_better_on_new_rows():
    score, y = s_shaped(20_000)
    curve, facts = choose_calibrator(in_five(score, y))
    line = LogitCalibrator().fit(score, y)
    assert facts["kind"] == "isotonic"
    assert facts["loss_after"] == facts["loss_isotonic"] < facts["loss_line"]
    new = s_shaped(100_000, seed=1)
    assert loss(curve, *new) < loss(line, *new) - 0.01


@pytest.mark.parametrize("slope", [1.0, 0.6])
def test_where_the_truth_is_a_line_an_isotonic_curve_is_rarely_taken(slope):
    kinds = [choose_calibrator(in_five(*drawn(1000, slope=slope, seed=seed)))[1]["kind"] for seed in range(30)]
    assert kinds.count("isotonic") <= 2
    assert kinds.count("line") >= (25 if slope < 1.0 else 0)


def test_an_isotonic_curve_is_neither_tried_on_few_rows_nor_of_an_average():
    assert "loss_isotonic" not in choose_calibrator(in_five(*s_shaped(200)))[1]
    facts = choose_calibrator(in_five(*s_shaped(5000)), AverageCalibrator)[1]
    assert facts["kind"] in ("identity", "line")
    assert "loss_isotonic" not in facts


def test_a_bend_that_few_stretches_share_is_not_taken():
    score, y = s_shaped(4000)
    repeated = in_five(np.tile(score[:400], 10), np.tile(y[:400], 10), stretch=np.tile(np.arange(400), 10))
    assert choose_calibrator(in_five(score, y))[1]["kind"] == "isotonic"
    assert choose_calibrator(repeated)[1]["kind"] != "isotonic"


ODD = {
    "independent": lambda rng: (rng.normal(0, 3, 600), rng.integers(0, 2, 600)),
    "ties": lambda rng: (rng.integers(-3, 4, 600) / 2.0, rng.integers(0, 2, 600)),
    "one score": lambda rng: (np.zeros(600), rng.integers(0, 2, 600)),
    "zeros alone": lambda rng: (rng.normal(0, 3, 600), np.zeros(600, int)),
    "backwards": lambda rng: ((score := rng.normal(0, 3, 600)), (score < 0).astype(int)),
    "apart": lambda rng: ((score := rng.normal(0, 3, 600)), (score > 0).astype(int)),
    "far out": lambda rng: ((score := 400 * rng.standard_normal(600)), (score > 0).astype(int)),
}


@pytest.mark.parametrize("made", ODD.values(), ids=ODD)
@pytest.mark.parametrize("effective", [600.0, 60.0, 1.0])
def test_an_isotonic_curve_keeps_the_order_strictly(made, effective):
    rng = np.random.default_rng(0)
    score, y = made(rng)
    curve = IsotonicCalibrator().fit(score, y, effective=effective, weight=rng.uniform(0.5, 2.0, 600))
    asked = np.unique(np.concatenate([score, rng.normal(0, 5, 600), curve.scores_]))
    assert (np.diff(curve.log_odds(asked)) > 0).all()
    # Further out a float of 64 bits has no probabilities below 1.
    near = np.abs(curve.log_odds(asked)) < 36
    assert ((curve.predict(asked[near]) > 0) & (curve.predict(asked[near]) < 1)).all()


def test_scores_that_differ_by_rounding_alone_are_one():
    rng = np.random.default_rng(0)
    score = rng.choice([-1.0, 0.1, 0.7], 3000)
    y = (rng.random(3000) < expit(2.0 * score)).astype(int)
    plain, noisy = (IsotonicCalibrator().fit(own, y) for own in (score, score + 1e-13 * y))
    assert len(noisy.scores_) == 3
    np.testing.assert_allclose(noisy.log_odds(score), plain.log_odds(score), atol=1e-6)


def test_few_rows_leave_a_curve_near_its_line():
    score, y = s_shaped(4000)
    line = LogitCalibrator().fit(score, y, effective=20.0)
    curve = IsotonicCalibrator().fit(score, y, effective=20.0)
    np.testing.assert_allclose(np.diff(curve.log_odds(score)), np.diff(line.log_odds(score)))
    assert len(curve.scores_) == 1


def test_a_weight_of_two_bends_as_two_rows_do():
    score, y = s_shaped(2000)
    twice = np.repeat(np.arange(2000), np.arange(2000) % 2 + 1)
    weighted, repeated = IsotonicCalibrator().fit(score, y, weight=np.arange(2000) % 2 + 1.0), IsotonicCalibrator()
    np.testing.assert_allclose(
        weighted.log_odds(score), repeated.fit(score[twice], y[twice]).log_odds(score), atol=1e-4
    )


def test_rows_of_weight_0_bend_nothing():
    score, y = s_shaped(1000)
    weight = (np.arange(1000) % 3 > 0).astype(float)
    kept = weight > 0
    curve = IsotonicCalibrator().fit(score, y, effective=600.0, weight=weight)
    alone = IsotonicCalibrator().fit(score[kept], y[kept], effective=600.0, weight=weight[kept])
    np.testing.assert_allclose(curve.log_odds(score), alone.log_odds(score))


def test_mean_slopes_of_a_curve_are_those_of_its_chords():
    curve, score = IsotonicCalibrator().fit(*s_shaped(2000)), np.linspace(-3.0, 3.0, 13)
    away = score != 0.5
    risen = (curve.log_odds(score) - curve.log_odds(np.array([0.5])))[away]
    np.testing.assert_allclose(curve.mean_slopes(0.5, score)[away], risen / (score[away] - 0.5))
    assert curve.mean_slopes(0.5, score)[~away] > 0
