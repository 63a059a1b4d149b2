"""Weights from validation accuracy, against the formulas of the papers written out."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, recall_score

from ensembles import weighting
from ensembles.evidence import Evidence
from ensembles.fusion import softmax
from ensembles.predictions import PredictionsError, Validation
from tests.ensembles.factory import make_predictions


def test_accuracy_weights_are_proportional_to_validation_accuracy() -> None:
    validation, test = make_predictions(m=5, n=100)
    combiner = weighting.accuracy(Evidence(validation))
    found = [accuracy_score(validation.labels, row.argmax(axis=1)) for row in validation.logits]
    expected = np.array(found) / sum(found)
    np.testing.assert_allclose(combiner.weights, expected, atol=1e-12)
    fused = sum(w * softmax(row) for w, row in zip(expected, test.logits, strict=True))
    np.testing.assert_allclose(combiner(test.logits), fused, atol=1e-12)


def test_class_weights_are_proportional_to_recall_and_renormalised() -> None:
    validation, test = make_predictions(m=4, n=100)
    combiner = weighting.per_class(Evidence(validation))
    recalls = np.stack(
        [
            recall_score(validation.labels, row.argmax(axis=1), average=None)
            for row in validation.logits
        ]
    )
    expected = recalls / recalls.sum(axis=0)
    np.testing.assert_allclose(combiner.weights, expected, atol=1e-12)
    fused = sum(w * softmax(row) for w, row in zip(expected, test.logits, strict=True))
    fused = fused / np.sum(fused, axis=1, keepdims=True)
    np.testing.assert_allclose(combiner(test.logits), fused, atol=1e-12)


def test_a_class_that_nobody_recognises_gets_equal_weights() -> None:
    labels = np.array([0, 0, 1, 1, 2])
    logits = np.eye(3)[np.array([[0, 1, 1, 1, 0], [0, 0, 1, 0, 1]])]
    combiner = weighting.per_class(Evidence(Validation.make(logits, labels)))
    assert combiner.weights is not None
    np.testing.assert_allclose(combiner.weights, [[1 / 3, 2 / 3, 0.5], [2 / 3, 1 / 3, 0.5]])


def test_members_that_are_never_right_get_equal_weights() -> None:
    logits = np.eye(2)[np.array([[1, 1], [1, 1]])]
    combiner = weighting.accuracy(Evidence(Validation.make(logits, [0, 0])))
    assert combiner.weights is not None
    assert combiner.weights.tolist() == [0.5, 0.5]


def test_class_weights_need_every_class() -> None:
    validation, _ = make_predictions(n=60, c=5)
    without = validation.take(validation.labels != 3)
    with pytest.raises(PredictionsError) as caught:
        weighting.per_class(Evidence(without))
    assert str(caught.value) == (
        "the class 'class3' has no validation image: accepted are at least one image of every class"
    )


def test_the_exponents_are_those_of_the_paper() -> None:
    assert len(weighting.EXPONENTS) == 2001
    assert weighting.EXPONENTS[0] == -50.0
    assert weighting.EXPONENTS[1] == -49.9
    assert weighting.EXPONENTS[-1] == 150.0


@pytest.mark.parametrize("space", ["probability", "logit"])
def test_the_exponent_is_the_first_of_highest_validation_accuracy(space: str) -> None:
    validation, _ = make_predictions(m=4, n=90, seed=2)
    evidence = Evidence(validation)
    combiner = weighting.exponential(evidence, space)
    values = softmax(validation.logits) if space == "probability" else validation.logits
    accuracies = (validation.logits.argmax(-1) == validation.labels).mean(axis=1)
    right = []
    for q in weighting.EXPONENTS:
        weights = accuracies**q / (accuracies**q).sum()
        fused = np.tensordot(weights, values, 1)
        right.append((fused.argmax(axis=1) == validation.labels).sum())
    first = weighting.EXPONENTS[int(np.argmax(right))]
    assert combiner.detail == f"q = {first:g}"
    np.testing.assert_allclose(
        combiner.weights, accuracies**first / (accuracies**first).sum(), atol=1e-12
    )


def test_exponent_one_is_accuracy_weighting_and_zero_the_average() -> None:
    evidence = Evidence(make_predictions(m=4, n=90)[0])
    one = weighting.exponential(evidence, q=1.0)
    np.testing.assert_allclose(one.weights, weighting.accuracy(evidence).weights, atol=1e-12)
    zero = weighting.exponential(evidence, q=0.0)
    np.testing.assert_allclose(zero.weights, 0.25)
    assert zero.detail == "q = 0"


def test_a_member_that_is_never_right_has_finite_weights_at_every_exponent() -> None:
    weights = weighting.power_weights(np.array([0.0, 0.5]), 100, weighting.EXPONENTS)
    assert np.isfinite(weights).all()
    np.testing.assert_allclose(weights.sum(axis=1), 1.0)
    assert weights[-1].tolist() == pytest.approx([0.0, 1.0])
