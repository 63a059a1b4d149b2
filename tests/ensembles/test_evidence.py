"""What is derived from the validation split, once for all methods."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import recall_score

from ensembles.calibration import temperatures
from ensembles.evidence import Evidence
from tests.ensembles.factory import make_predictions


def test_only_the_validation_split_is_evidence() -> None:
    with pytest.raises(TypeError, match="combiners are fitted on Validation predictions"):
        Evidence(make_predictions()[1])


def test_recalls_agree_with_scikit_learn() -> None:
    validation, _ = make_predictions(m=3, n=90)
    for found, logits in zip(Evidence(validation).recalls, validation.logits, strict=True):
        expected = recall_score(validation.labels, logits.argmax(axis=1), average=None)
        np.testing.assert_allclose(found, expected)


def test_the_ranking_orders_members_by_accuracy() -> None:
    evidence = Evidence(make_predictions(m=6, n=90, seed=2)[0])
    accuracies = evidence.accuracies[list(evidence.ranking)]
    assert (np.diff(accuracies) <= 0).all()
    assert sorted(evidence.ranking) == list(range(6))


def test_calibrated_evidence_has_scaled_logits_and_the_same_families() -> None:
    validation, _ = make_predictions(m=3, n=90)
    evidence = Evidence(validation, {"net0-a": "x"})
    expected = temperatures(validation.logits, validation.labels)
    np.testing.assert_array_equal(evidence.temperatures, expected)
    np.testing.assert_allclose(
        evidence.calibrated.validation.logits, validation.logits / expected[:, None, None]
    )
    assert evidence.calibrated.families == {"net0-a": "x"}


def test_results_are_made_once_for_each_key() -> None:
    evidence, made = Evidence(make_predictions()[0]), []

    def make() -> int:
        made.append(1)
        return 7

    assert [evidence.once("a", make), evidence.once("a", make), evidence.once("b", make)] == [7] * 3
    assert len(made) == 2
