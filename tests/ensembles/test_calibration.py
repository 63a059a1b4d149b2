"""Temperatures against scikit-learn's temperature scaling."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator

from ensembles import metrics
from ensembles.calibration import temperature, temperatures
from ensembles.fusion import softmax
from ensembles.predictions import Floats, Ints
from tests.ensembles.factory import make_predictions


class LogitsAsGiven(ClassifierMixin, BaseEstimator):
    """A fitted classifier whose decision function is its input."""

    def fit(self, features: Floats, labels: Ints) -> LogitsAsGiven:
        self.classes_ = np.unique(labels)
        self.n_features_in_ = features.shape[1]
        return self

    def decision_function(self, features: Floats) -> Floats:
        return features

    def predict(self, features: Floats) -> Ints:
        return metrics.predicted_classes(features)


@pytest.mark.parametrize("factor", [0.3, 1.0, 4.0])
def test_the_temperature_agrees_with_scikit_learn(factor: float) -> None:
    validation, test = make_predictions(m=1, n=300)
    logits = validation.logits[0] * factor
    frozen = FrozenEstimator(LogitsAsGiven().fit(logits, validation.labels))
    oracle = CalibratedClassifierCV(frozen, method="temperature").fit(logits, validation.labels)
    ours = softmax(test.logits[0] * factor / temperature(logits, validation.labels))
    np.testing.assert_allclose(ours, oracle.predict_proba(test.logits[0] * factor), atol=1e-4)


def test_the_temperature_has_the_lowest_log_loss_of_all() -> None:
    validation, _ = make_predictions(m=1, n=300)
    best = temperature(validation.logits[0], validation.labels)
    losses = [
        metrics.log_loss(softmax(validation.logits[0] / t), validation.labels)
        for t in (best, best * 0.99, best * 1.01, 0.5, 1.0, 2.0)
    ]
    assert int(np.argmin(losses)) == 0


def test_each_member_gets_its_own_temperature() -> None:
    validation, _ = make_predictions(m=3, n=200)
    scale = np.array([0.5, 1.0, 2.0])
    plain = temperatures(validation.logits, validation.labels)
    scaled = temperatures(validation.logits * scale[:, None, None], validation.labels)
    np.testing.assert_allclose(scaled, plain * scale, rtol=1e-4)


def test_a_member_always_right_or_always_wrong_gets_the_end_of_the_range() -> None:
    labels = np.array([0, 1, 0, 1])
    right = np.eye(2)[labels]
    assert temperature(right, labels) == pytest.approx(0.05, rel=1e-3)
    assert temperature(-right, labels) == pytest.approx(50.0, rel=1e-3)


def test_extreme_logits_get_a_finite_temperature() -> None:
    validation, _ = make_predictions(m=1, n=60)
    extreme = np.sign(validation.logits[0]) * 1e4
    assert 0.05 <= temperature(extreme, validation.labels) <= 50.0
