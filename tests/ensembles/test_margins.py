"""Counts of right answers against the combination itself, ties included."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ensembles.margins import Contests
from ensembles.predictions import Floats, Ints


def brute_force(values: Floats, labels: Ints, weights: Floats) -> list[int]:
    """Images right under each weighting, by fusing all values."""
    return [int((np.tensordot(w, values, 1).argmax(-1) == labels).sum()) for w in weights]


@given(st.integers(0, 10_000), st.integers(1, 5), st.integers(2, 6), st.booleans())
@settings(max_examples=60, deadline=None)
def test_counts_agree_with_brute_force(seed: int, m: int, c: int, ties: bool) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, c, 25)
    if ties:  # eighths add without rounding, so that ties are exact
        values = rng.integers(0, 3, (m, 25, c)) / 8.0
        weights = rng.integers(0, 3, (9, m)) + np.eye(9, m, dtype=np.int64) + 0.0
        weights[weights.sum(axis=1) == 0] = 1.0
    else:
        values, weights = rng.random((m, 25, c)), rng.random((9, m))
    found = Contests.of(values, labels).count(weights)
    assert found.tolist() == brute_force(values, labels, weights)


def test_adding_one_member_counts_as_weighing_it() -> None:
    rng = np.random.default_rng(3)
    values, labels = rng.random((4, 40, 5)), rng.integers(0, 5, 40)
    contests = Contests.of(values, labels)
    base = np.array([1.0, 0.0, 2.0, 0.0])
    found = contests.after_adding(base @ contests.margins)
    assert found.tolist() == brute_force(values, labels, base + np.eye(4))


def test_members_that_agree_leave_nothing_to_contest() -> None:
    values = np.tile(np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1]]), (3, 1, 1))
    contests = Contests.of(values, np.array([0, 2]))
    assert contests.margins.shape == (3, 0)
    assert contests.count(np.ones((2, 3))).tolist() == [1, 1]
    assert contests.after_adding(np.zeros(0)).tolist() == [1, 1, 1]


def test_many_weightings_are_counted_in_batches() -> None:
    rng = np.random.default_rng(5)
    values, labels = rng.random((3, 400, 7)), rng.integers(0, 7, 400)
    contests, weights = Contests.of(values, labels), rng.random((1200, 3))
    assert contests.margins.shape[1] * len(weights) > 1_000_000
    assert contests.count(weights).tolist() == brute_force(values, labels, weights)
