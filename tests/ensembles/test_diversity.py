"""Pairwise measures against scikit-learn, numpy and their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from ensembles.diversity import diversity, kappa_of, of_correct, partners
from ensembles.fusion import average
from tests.ensembles.factory import make_predictions


def test_each_measure_equals_its_definition() -> None:
    validation, _ = make_predictions(m=5, n=150)
    found = diversity(validation)
    predicted = validation.logits.argmax(axis=-1)
    correct = predicted == validation.labels
    for i in range(5):
        for j in range(5):
            a, b = correct[i], correct[j]
            n11, n10, n01, n00 = ((a & b).sum(), (a & ~b).sum(), (~a & b).sum(), (~a & ~b).sum())
            assert found.disagreement[i, j] == (n10 + n01) / 150
            assert found.double_fault[i, j] == n00 / 150
            q = (n11 * n00 - n10 * n01) / (n11 * n00 + n10 * n01)
            assert found.q_statistic[i, j] == pytest.approx(q)
            kappa = cohen_kappa_score(predicted[i], predicted[j])
            assert found.kappa[i, j] == pytest.approx(kappa)
    np.testing.assert_allclose(found.correlation, np.corrcoef(~correct), atol=1e-12)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_measures_are_symmetric_and_bounded(seed: int) -> None:
    validation, _ = make_predictions(m=4, n=60, seed=seed)
    found = diversity(validation)
    for table in (
        found.disagreement,
        found.double_fault,
        found.q_statistic,
        found.kappa,
        found.correlation,
    ):
        np.testing.assert_allclose(table, table.T, atol=1e-12)
        assert np.nanmin(table) >= -1 - 1e-12 and np.nanmax(table) <= 1 + 1e-12


def test_undefined_measures_are_not_numbers() -> None:
    correct = np.array([[True, True, True], [True, False, True]])
    disagreement, double_fault, q, correlation = of_correct(correct)
    assert disagreement[0, 1] == 1 / 3
    assert double_fault[0, 1] == 0
    assert np.isnan(q[0, 1]) and np.isnan(correlation[0, 1])
    assert np.isnan(kappa_of(np.zeros((2, 3), dtype=np.int64), 2)).all()


def test_partners_gain_over_the_better_of_both() -> None:
    validation, test = make_predictions(m=4, n=150)
    pairs = partners(validation, test)
    assert len(pairs) == 6
    assert [p.validation_gain for p in pairs] == sorted(p.validation_gain for p in pairs)[::-1]
    for pair in pairs:
        for split, found, gain in (
            (validation, pair.validation_accuracy, pair.validation_gain),
            (test, pair.test_accuracy, pair.test_gain),
        ):
            chosen = split.select([pair.first, pair.second])
            combined = average(2, len(split.classes))(chosen.logits).argmax(axis=1)
            alone = (chosen.logits.argmax(axis=-1) == split.labels).mean(axis=1)
            assert found == (combined == split.labels).mean()
            assert gain == pytest.approx(found - alone.max())
        measures = diversity(validation.select([pair.first, pair.second]))
        assert pair.disagreement == measures.disagreement[0, 1]
        assert pair.double_fault == measures.double_fault[0, 1]


def test_partners_are_chosen_on_validation_only() -> None:
    _, test = make_predictions(m=2, n=20)
    with pytest.raises(TypeError) as caught:
        partners(test, test)  # type: ignore[arg-type]
    assert str(caught.value) == (
        "combiners are fitted on Validation predictions, not on Test: the split that is reported "
        "must not choose its own weights"
    )
