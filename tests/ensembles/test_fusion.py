"""Logits to probabilities, and the rules that need no fitting, against brute force."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import special, stats

from ensembles import fusion
from ensembles.predictions import Floats, PredictionsError
from tests.ensembles.factory import make_predictions

logits = arrays(np.float64, (4, 6, 5), elements=st.floats(-1e4, 1e4))
fast = settings(max_examples=40, deadline=None)


@given(logits)
@fast
def test_softmax_agrees_with_scipy_and_stays_finite(values: Floats) -> None:
    found = fusion.softmax(values)
    np.testing.assert_allclose(found, special.softmax(values, axis=-1), atol=1e-12)
    np.testing.assert_allclose(found.sum(axis=-1), 1.0, atol=1e-12)
    expected = special.log_softmax(values, axis=-1)
    np.testing.assert_allclose(fusion.log_softmax(values), expected, rtol=1e-9, atol=1e-9)
    assert np.isfinite(fusion.log_softmax(values)).all()


def test_softmax_works_in_float64_whatever_it_is_given() -> None:
    found = fusion.softmax(np.array([[1.0, 2.0]], dtype=np.float32))
    assert found.dtype == np.float64


@pytest.mark.parametrize("rule", [fusion.average, fusion.geometric, fusion.median])
@given(values=logits)
@fast
def test_means_agree_with_their_definitions(rule: object, values: Floats) -> None:
    p = special.softmax(values, axis=-1)
    if rule is fusion.average:
        expected = p.mean(axis=0)
    elif rule is fusion.geometric:
        expected = special.softmax(values.mean(axis=0), axis=-1)
    else:
        middle = np.median(p, axis=0)
        total = middle.sum(axis=1, keepdims=True)
        even = np.full_like(middle, 1 / 5)
        expected = np.divide(middle, total, out=even, where=total > 0)
    found = rule(4, 5)(values)
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_the_geometric_mean_of_probabilities_is_the_mean_of_logits() -> None:
    validation, _ = make_predictions(m=5, n=30)
    geometric = stats.gmean(special.softmax(validation.logits, axis=-1), axis=0)
    expected = geometric / geometric.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(fusion.geometric(5, 5)(validation.logits), expected, atol=1e-12)


def winner_by_hand(probabilities: Floats) -> int:
    """Majority vote over (M, C), ties by the mean probability among the class's voters."""
    choices = [int(row.argmax()) for row in probabilities]
    votes = Counter(choices)
    most = max(votes.values())

    def confidence(label: int) -> float:
        voters = [i for i, choice in enumerate(choices) if choice == label]
        return float(np.mean([probabilities[i, label] for i in voters]))

    return max((c for c in votes if votes[c] == most), key=confidence)


@given(st.integers(0, 10_000), st.integers(1, 6))
@fast
def test_votes_and_their_ties_agree_with_a_count_by_hand(seed: int, m: int) -> None:
    values = np.random.default_rng(seed).normal(size=(m, 8, 3))
    found = fusion.vote(m, 3)(values)
    p = special.softmax(values, axis=-1)
    assert found.argmax(axis=1).tolist() == [winner_by_hand(p[:, n]) for n in range(8)]
    choices = p.argmax(axis=-1)
    shares = np.stack([(choices == c).mean(axis=0) for c in range(3)], axis=1)
    np.testing.assert_allclose(found, shares, atol=1e-8)


def test_a_tied_vote_goes_to_the_more_confident_voter() -> None:
    p = np.array([[[0.6, 0.3, 0.1]], [[0.05, 0.8, 0.15]]])
    assert fusion.vote(2, 3)(np.log(p)).argmax() == 1


@given(st.integers(0, 10_000), st.integers(1, 5))
@fast
def test_borda_counts_agree_with_ranks(seed: int, m: int) -> None:
    values = np.random.default_rng(seed).integers(0, 4, size=(m, 8, 5)).astype(float)
    ranks = stats.rankdata(values, axis=-1) - 1  # lowest 0, equal logits share
    points = ranks.sum(axis=0)
    expected = points / points.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(fusion.borda(m, 5)(values), expected, atol=1e-8)


def test_a_tied_borda_count_goes_to_the_higher_mean_probability() -> None:
    values = np.log(np.array([[[0.5, 0.4, 0.1]], [[0.2, 0.7, 0.1]]]))
    assert fusion.borda(2, 3)(values).argmax() == 1


@given(st.integers(0, 10_000))
@fast
def test_weighted_sums_agree_with_loops(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values, weights = rng.normal(size=(3, 7, 4)) * 3, rng.random((3, 4)) + 0.01
    normalised = weights / weights.sum(axis=0)
    p = special.softmax(values, axis=-1)
    for space in ("probability", "logit"):
        expected = np.zeros((7, 4))
        for n in range(7):
            for c in range(4):
                of_members = p[:, n, c] if space == "probability" else np.log(p[:, n, c])
                expected[n, c] = sum(w * v for w, v in zip(normalised[:, c], of_members))  # noqa: B905
        if space == "logit":
            expected = np.exp(expected)
        expected /= expected.sum(axis=1, keepdims=True)
        found = fusion.linear(weights, 4, space)(values)
        np.testing.assert_allclose(found, expected, atol=1e-12)


@given(logits)
@fast
def test_equal_weights_equal_the_average(values: Floats) -> None:
    for weights in (np.full(4, 0.3), np.full((4, 5), 2.0)):
        found = fusion.linear(weights, 5)(values)
        np.testing.assert_allclose(found, fusion.average(4, 5)(values), atol=1e-12)


def test_an_offset_of_a_members_logits_changes_nothing() -> None:
    validation, _ = make_predictions(m=3, n=20)
    moved = validation.logits + np.arange(60).reshape(3, 20, 1)
    for combiner in (
        fusion.linear(np.array([0.2, 0.3, 0.5]), 5, "logit"),
        fusion.linear(np.random.default_rng(0).random((3, 5)), 5, "logit"),
        fusion.borda(3, 5),
    ):
        np.testing.assert_allclose(combiner(moved), combiner(validation.logits), atol=1e-9)


def test_temperatures_divide_the_logits_and_are_told() -> None:
    validation, _ = make_predictions(m=3, n=20)
    temperatures = np.array([0.5, 1.0, 3.0])
    plain = fusion.average(3, 5)
    scaled = plain.with_temperatures(temperatures)
    expected = plain(validation.logits / temperatures[:, None, None])
    np.testing.assert_allclose(scaled(validation.logits), expected, atol=1e-12)
    assert scaled.detail == "T = 0.50 to 3.00"


def test_only_members_with_weight_are_chosen() -> None:
    assert fusion.linear(np.array([0.0, 2.0, 1.0]), 4).chosen == (1, 2)
    assert fusion.linear(np.array([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0]]), 2).chosen == (1, 2)
    assert fusion.vote(3, 4).chosen == (0, 1, 2)


def test_logits_of_another_shape_are_refused() -> None:
    with pytest.raises(PredictionsError) as caught:
        fusion.average(3, 5)(np.zeros((2, 10, 5)))
    assert str(caught.value) == (
        "the combiner was fitted on 3 members and 5 classes but the logits have shape (2, 10, 5): "
        "accepted is (3, images, 5)"
    )
