"""Learned weights against cvxpy and scikit-learn's logistic regression."""

from __future__ import annotations

import cvxpy
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from ensembles import stacking
from ensembles.evidence import Evidence
from ensembles.fusion import log_softmax, softmax
from ensembles.predictions import PredictionsError, Validation
from tests.ensembles.factory import make_predictions


def validation_split(seed: int) -> Validation:
    return make_predictions(m=5, n=150, c=4, seed=seed)[0]


@pytest.mark.parametrize("seed", [0, 1])
def test_convex_weights_are_those_of_cvxpy(seed: int) -> None:
    validation = validation_split(seed)
    rows, labels = np.arange(150), validation.labels
    weights = cvxpy.Variable(5)
    mixed = weights @ softmax(validation.logits)[:, rows, labels]
    problem = cvxpy.Problem(
        cvxpy.Minimize(-cvxpy.sum(cvxpy.log(mixed)) / 150), [weights >= 0, cvxpy.sum(weights) == 1]
    )
    problem.solve(solver=cvxpy.CLARABEL)
    combiner = stacking.convex(Evidence(validation))
    np.testing.assert_allclose(combiner.weights, weights.value, atol=1e-3)
    assert log_loss(labels, combiner(validation.logits)) == pytest.approx(problem.value, abs=1e-7)


@pytest.mark.parametrize("seed", [0, 1])
def test_convex_weights_of_logits_are_those_of_cvxpy(seed: int) -> None:
    validation = validation_split(seed)
    labels, logs = validation.labels, log_softmax(validation.logits)
    weights = cvxpy.Variable(5)
    fused = sum(weights[m] * logs[m] for m in range(5))
    true = cvxpy.sum(cvxpy.multiply(np.eye(4)[labels], fused))
    loss = (cvxpy.sum(cvxpy.log_sum_exp(fused, axis=1)) - true) / 150
    problem = cvxpy.Problem(cvxpy.Minimize(loss), [weights >= 0, cvxpy.sum(weights) == 1])
    problem.solve(solver=cvxpy.CLARABEL)
    combiner = stacking.convex(Evidence(validation), "logit")
    np.testing.assert_allclose(combiner.weights, weights.value, atol=1e-3)
    assert log_loss(labels, combiner(validation.logits)) == pytest.approx(problem.value, abs=1e-7)


def test_a_useless_member_gets_no_convex_weight() -> None:
    validation = validation_split(0)
    logits = validation.logits.copy()
    logits[2] = np.random.default_rng(0).normal(size=logits[2].shape) * 5
    combiner = stacking.convex(Evidence(Validation.make(logits, validation.labels)))
    assert 2 not in combiner.chosen
    assert combiner.detail == f"{len(combiner.chosen)} of 5 members"


@pytest.mark.parametrize("penalty", [1.0, 0.01])
def test_the_regression_is_that_of_scikit_learn(penalty: float) -> None:
    validation = validation_split(2)
    features = stacking.member_features(Evidence(validation).outputs)
    ours = stacking.regress(features, validation.labels, 4, penalty)
    oracle = LogisticRegression(C=1 / (penalty * 150), tol=1e-9, max_iter=20_000)
    oracle.fit(features, validation.labels)
    np.testing.assert_allclose(ours.coefficients, oracle.coef_.T, atol=1e-4)
    np.testing.assert_allclose(
        np.exp(ours.log_probabilities(features)), oracle.predict_proba(features), atol=1e-4
    )


def test_the_penalty_is_the_best_of_a_cross_validation_by_scikit_learn() -> None:
    validation = validation_split(3).select(("net0-a", "net1-b"))
    labels = validation.labels
    features = stacking.member_features(Evidence(validation).outputs)
    fold = stacking.folds_of(labels)
    losses = []
    for penalty in stacking.PENALTIES:
        total = 0.0
        for one in range(stacking.FOLDS):
            inside = fold != one
            model = LogisticRegression(C=1 / (penalty * inside.sum()), max_iter=5000)
            model.fit(features[inside], labels[inside])
            held = model.predict_proba(features[~inside])
            total += log_loss(labels[~inside], held, labels=range(4), normalize=False)
        losses.append(total)
    combiner = stacking.stacking(Evidence(validation))
    assert combiner.detail == f"L2 = {stacking.PENALTIES[int(np.argmin(losses))]:g}"


def test_stacking_applies_its_regression_to_new_images() -> None:
    validation, test = make_predictions(m=3, n=120, c=4, seed=5)
    combiner = stacking.stacking(Evidence(validation))
    penalty = float(combiner.detail.removeprefix("L2 = "))
    evidence = Evidence(validation)
    features = stacking.member_features(evidence.outputs)
    model = LogisticRegression(C=1 / (penalty * 120), tol=1e-9, max_iter=20_000)
    model.fit(features, validation.labels)
    logs = log_softmax(test.logits).transpose(1, 0, 2).reshape(120, 12)
    np.testing.assert_allclose(combiner(test.logits), model.predict_proba(logs), atol=1e-4)


def test_folds_hold_every_class_equally() -> None:
    labels = np.array([0] * 11 + [1] * 5 + [2] * 2)
    fold = stacking.folds_of(labels)
    assert np.bincount(fold[labels == 0]).tolist() == [3, 2, 2, 2, 2]
    assert np.bincount(fold[labels == 1]).tolist() == [1, 1, 1, 1, 1]
    assert np.bincount(fold[labels == 2]).tolist() == [1, 1]


def test_stacking_needs_two_images_of_every_class() -> None:
    validation = validation_split(0)
    keep = validation.labels != 1
    keep[np.flatnonzero(~keep)[0]] = True
    with pytest.raises(PredictionsError) as caught:
        stacking.stacking(Evidence(validation.take(keep)))
    assert str(caught.value) == (
        "the class 'class1' has 1 validation image: accepted are at least two images of every class"
    )
