"""Every metric against scikit-learn, or against the definition written out as loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as oracle

from ensembles import metrics
from ensembles.predictions import Floats, Ints


def example(seed: int, n: int = 60, c: int = 5) -> tuple[Floats, Ints, Ints]:
    """Probabilities (N, C), predicted classes and labels; all classes occur among the labels."""
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.full(c, 0.4), size=n)
    labels = np.concatenate([np.arange(c), rng.integers(0, c, n - c)])
    return probabilities, metrics.predicted_classes(probabilities), labels


seeds = st.integers(0, 10_000)
fast = settings(max_examples=25, deadline=None)


@given(seeds)
@fast
def test_metrics_of_classes_agree_with_scikit_learn(seed: int) -> None:
    _, predicted, labels = example(seed)
    assert metrics.accuracy(predicted, labels) == oracle.accuracy_score(labels, predicted)
    for ours, theirs in (
        (
            metrics.balanced_accuracy(predicted, labels, 5),
            oracle.balanced_accuracy_score(labels, predicted),
        ),
        (
            metrics.macro_f1(predicted, labels, 5),
            oracle.f1_score(labels, predicted, average="macro"),
        ),
    ):
        assert ours == pytest.approx(theirs, abs=1e-12)
    expected = oracle.confusion_matrix(labels, predicted, labels=range(5))
    np.testing.assert_array_equal(metrics.confusion_matrix(predicted, labels, 5), expected)


@given(seeds)
@fast
def test_metrics_of_probabilities_agree_with_scikit_learn(seed: int) -> None:
    probabilities, _, labels = example(seed)
    for ours, theirs in (
        (
            metrics.log_loss(probabilities, labels),
            oracle.log_loss(labels, probabilities, labels=range(5)),
        ),
        (
            metrics.brier(probabilities, labels),
            oracle.brier_score_loss(labels, probabilities, labels=range(5), scale_by_half=False),
        ),
        (
            metrics.top_k_accuracy(probabilities, labels, 2),
            oracle.top_k_accuracy_score(labels, probabilities, k=2, labels=range(5)),
        ),
    ):
        assert ours == pytest.approx(theirs, abs=1e-12)


@given(seeds)
@fast
def test_the_classification_report_agrees_with_scikit_learn(seed: int) -> None:
    _, predicted, labels = example(seed)
    ours = metrics.classification_report(predicted, labels, 5)
    theirs = oracle.classification_report(labels, predicted, output_dict=True, zero_division=0)
    for c in range(5):
        expected = theirs[str(c)]
        found = (ours.precision[c], ours.recall[c], ours.f1[c], ours.support[c])
        wanted = tuple(expected[name] for name in ("precision", "recall", "f1-score", "support"))
        assert found == pytest.approx(wanted, abs=1e-12)
    for average, name in ((ours.macro, "macro avg"), (ours.weighted, "weighted avg")):
        expected = theirs[name]
        assert average.precision == pytest.approx(expected["precision"], abs=1e-12)
        assert average.recall == pytest.approx(expected["recall"], abs=1e-12)
        assert average.f1 == pytest.approx(expected["f1-score"], abs=1e-12)
        assert average.support == expected["support"]
    assert ours.accuracy == theirs["accuracy"]


@given(seeds, st.integers(1, 20))
@fast
def test_the_calibration_error_is_its_definition(seed: int, bins: int) -> None:
    probabilities, predicted, labels = example(seed)
    confidence, expected = probabilities.max(axis=1), 0.0
    for b in range(bins):
        inside = (confidence > b / bins) & (confidence <= (b + 1) / bins)
        if inside.any():
            gap = np.mean(predicted[inside] == labels[inside]) - confidence[inside].mean()
            expected += inside.mean() * abs(gap)
    found = metrics.expected_calibration_error(probabilities, labels, bins)
    assert found == pytest.approx(expected, abs=1e-12)


def test_a_class_without_images_counts_neither_in_recall_nor_in_macro_averages() -> None:
    predicted, labels = np.array([0, 1, 1, 0]), np.array([0, 1, 0, 0])
    assert metrics.balanced_accuracy(predicted, labels, 4) == pytest.approx((2 / 3 + 1) / 2)
    theirs = oracle.f1_score(labels, predicted, average="macro")
    assert metrics.macro_f1(predicted, labels, 4) == pytest.approx(theirs)
    assert np.isnan(metrics.recalls(predicted, labels, 4)[2:]).all()


def test_a_class_predicted_but_never_true_pulls_macro_f1_down_as_in_scikit_learn() -> None:
    predicted, labels = np.array([0, 1, 2, 0]), np.array([0, 1, 0, 0])
    theirs = oracle.f1_score(labels, predicted, average="macro", zero_division=0)
    assert metrics.macro_f1(predicted, labels, 3) == pytest.approx(theirs)


def test_ties_go_to_the_lowest_class() -> None:
    tied = np.array([[0.4, 0.4, 0.2], [0.2, 0.4, 0.4]])
    assert metrics.predicted_classes(tied).tolist() == [0, 1]
    assert metrics.top_k_accuracy(tied, np.array([1, 2]), 1) == 0.0
    assert metrics.top_k_accuracy(tied, np.array([0, 1]), 1) == 1.0
    assert metrics.top_k_accuracy(tied, np.array([1, 2]), 2) == 1.0


def test_a_probability_of_zero_for_the_true_class_costs_36_nats() -> None:
    loss = metrics.log_loss(np.array([[1.0, 0.0]]), np.array([1]))
    assert loss == pytest.approx(-np.log(2.0**-52))


def test_perfect_and_hopeless_probabilities_reach_the_bounds() -> None:
    perfect, hopeless = np.eye(3), np.eye(3)[[1, 2, 0]]
    labels = np.arange(3)
    assert metrics.brier(perfect, labels) == 0.0
    assert metrics.brier(hopeless, labels) == 2.0
    assert metrics.expected_calibration_error(perfect, labels) == 0.0
    assert metrics.expected_calibration_error(hopeless, labels) == 1.0
