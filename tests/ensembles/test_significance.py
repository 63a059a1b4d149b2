"""Intervals and tests against scipy and statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar
from statsmodels.stats.multitest import multipletests

from ensembles.predictions import Bools, PredictionsError
from ensembles.significance import (
    block_statistics,
    bootstrap_means,
    holm,
    mcnemar,
    paired_statistics,
    resampled,
)


def make_correct(rates: list[float], n: int = 400, seed: int = 0) -> Bools:
    """Right answers of methods that share half of their luck."""
    rng = np.random.default_rng(seed)
    luck = 0.5 * rng.random(n) + 0.5 * rng.random((len(rates), n))
    return np.asarray(luck < np.array(rates)[:, None])


def test_resampled_draws_n_images_each_time_and_repeats() -> None:
    draws = np.concatenate(list(resampled(50, 40)))
    assert draws.shape == (40, 50)
    assert (draws.sum(axis=1) == 50).all()
    assert (draws == np.concatenate(list(resampled(50, 40)))).all()
    assert (draws != np.concatenate(list(resampled(50, 40, seed=1)))).any()


def test_resampling_in_parts_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = np.concatenate(list(resampled(50, 40)))
    monkeypatch.setattr("ensembles.significance._CHUNK_NUMBERS", 350)
    parts = list(resampled(50, 40))
    assert len(parts) == 6
    assert (np.concatenate(parts) == whole).all()


def test_bootstrap_means_are_means_of_the_resampled_images() -> None:
    values = np.random.default_rng(0).normal(size=(3, 50))
    weights = np.concatenate(list(resampled(50, 20)))
    expected = np.stack([[np.repeat(row, w).mean() for w in weights] for row in values])
    np.testing.assert_allclose(bootstrap_means(values, 20), expected)
    right = values > 0
    np.testing.assert_allclose(bootstrap_means(right, 20), bootstrap_means(right * 1.0, 20))


def test_intervals_equal_scipys_bootstrap_within_monte_carlo_error() -> None:
    correct = make_correct([0.5, 0.6])
    found = paired_statistics(correct, ["a", "b"])
    for row, low, high in zip(correct, found.low, found.high, strict=True):
        oracle = stats.bootstrap(
            (row,), np.mean, n_resamples=10_000, method="percentile", rng=np.random.default_rng(1)
        ).confidence_interval
        # A percentile of 10,000 draws varies by about 2.7 % of their deviation.
        error = 5 * 0.027 * row.std() / np.sqrt(len(row)) + 1 / len(row)
        assert low == pytest.approx(oracle.low, abs=error)
        assert high == pytest.approx(oracle.high, abs=error)
    oracle = stats.bootstrap(
        (correct[0], correct[1]),
        lambda a, b, axis: a.mean(axis=axis) - b.mean(axis=axis),
        paired=True,
        n_resamples=10_000,
        method="percentile",
        rng=np.random.default_rng(2),
    ).confidence_interval
    assert found.difference_low[0, 1] == pytest.approx(oracle.low, abs=0.005)
    assert found.difference_high[0, 1] == pytest.approx(oracle.high, abs=0.005)


def test_difference_tables_are_antisymmetric() -> None:
    found = paired_statistics(make_correct([0.4, 0.5, 0.6]), "abc", draws=200)
    assert (found.difference == -found.difference.T).all()
    assert (found.difference_low == -found.difference_high.T).all()
    assert (found.difference_low <= found.difference).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 300), st.integers(0, 300))
def test_mcnemar_equals_statsmodels(first: int, second: int) -> None:
    oracle = statsmodels_mcnemar([[5, first], [second, 7]], exact=True).pvalue
    expected = 1.0 if first == second == 0 else oracle
    assert float(mcnemar(first, second)) == pytest.approx(expected)


@settings(max_examples=15, deadline=None)  # statsmodels takes 40 ms each time
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_equals_statsmodels(p_values: list[float]) -> None:
    np.testing.assert_allclose(holm(p_values), multipletests(p_values, method="holm")[1])


def test_all_pairs_are_tested_and_corrected_together() -> None:
    correct = make_correct([0.3, 0.5, 0.52, 0.8], seed=3)
    found = paired_statistics(correct, "abcd", draws=100)
    rows, columns = np.triu_indices(4, 1)
    oracle = [
        statsmodels_mcnemar(
            [
                [(correct[i] & correct[j]).sum(), (correct[i] & ~correct[j]).sum()],
                [(~correct[i] & correct[j]).sum(), (~correct[i] & ~correct[j]).sum()],
            ],
            exact=True,
        ).pvalue
        for i, j in zip(rows, columns, strict=True)
    ]
    np.testing.assert_allclose(found.p_values[rows, columns], oracle)
    corrected = multipletests(oracle, method="holm")[1]
    np.testing.assert_allclose(found.holm[rows, columns], corrected)
    np.testing.assert_allclose(found.holm, found.holm.T)


def test_the_top_group_and_ranks_follow_from_who_beats_whom() -> None:
    found = paired_statistics(make_correct([0.3, 0.5, 0.8, 0.81]), "abcd", draws=100)
    assert found.top == ("c", "d")
    assert found.rank_low.tolist() == [4, 3, 1, 1]
    assert found.rank_high.tolist() == [4, 3, 2, 2]


def test_equal_methods_are_all_tied() -> None:
    found = paired_statistics(np.repeat(make_correct([0.5]), 3, axis=0), "abc", draws=100)
    assert found.top == ("a", "b", "c")
    assert (found.p_values == 1).all()
    assert (found.difference_low == 0).all() and (found.difference_high == 0).all()
    assert found.rank_low.tolist() == [1, 1, 1] and found.rank_high.tolist() == [3, 3, 3]


def test_one_method_is_alone_at_the_top() -> None:
    found = paired_statistics(make_correct([0.5]), "a", draws=100)
    assert found.top == ("a",)
    assert (found.rank_low[0], found.rank_high[0]) == (1, 1)
    assert found.low[0] <= found.accuracies[0] <= found.high[0]


def test_the_same_seed_gives_the_same_intervals() -> None:
    correct = make_correct([0.4, 0.6])
    one, same = (paired_statistics(correct, "ab", draws=300) for _ in range(2))
    other = paired_statistics(correct, "ab", draws=300, seed=7)
    assert (one.difference_low == same.difference_low).all()
    assert (one.difference_low != other.difference_low).any() or (one.low != other.low).any()


@pytest.mark.parametrize("shape", [(2, 10), (3, 0), (3,)])
def test_answers_that_do_not_fit_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(PredictionsError) as caught:
        paired_statistics(np.zeros(shape, dtype=bool), ["a", "b", "c"])
    assert str(caught.value) == (
        f"the answers have shape {shape} and there are 3 names: accepted is (methods, images) with "
        "one name for each method and at least one image"
    )


def test_friedman_and_nemenyi_equal_scipy_and_the_published_critical_value() -> None:
    values = np.random.default_rng(0).normal([0.0, 1.0, 2.0, 2.1], size=(6, 4))
    found = block_statistics(values, "abcd", [f"seed{i}" for i in range(6)])
    oracle = stats.friedmanchisquare(*values.T)
    assert (found.statistic, found.p_value) == (oracle.statistic, oracle.pvalue)
    # Demšar 2006, table 5: q for four methods at 0.05 is 2.569.
    expected = 2.569 * np.sqrt(4 * 5 / (6 * 6))
    assert found.critical_difference == pytest.approx(expected, abs=1e-3)
    np.testing.assert_allclose(found.mean, values.mean(axis=0))
    np.testing.assert_allclose(found.deviation, values.std(axis=0, ddof=1))
    apart = np.abs(np.subtract.outer(found.ranks, found.ranks)) > found.critical_difference
    assert ((found.nemenyi < 0.05) == apart).all()


def test_groups_join_methods_within_the_critical_difference() -> None:
    order = np.arange(5.0)
    found = block_statistics(np.tile(order, (8, 1)), "edcba", [str(i) for i in range(8)])
    assert found.ranks.tolist() == [5, 4, 3, 2, 1]
    assert 2 < found.critical_difference < 3
    assert found.groups == (("a", "b", "c"), ("b", "c", "d"), ("c", "d", "e"))


def test_blocks_in_which_all_tie_show_no_difference() -> None:
    found = block_statistics(np.ones((3, 3)), "abc", "xyz")
    assert (found.statistic, found.p_value) == (0.0, 1.0)
    assert found.groups == (("a", "b", "c"),)


@pytest.mark.parametrize("shape", [(1, 3), (2, 2)])
def test_too_few_blocks_or_methods_are_refused(shape: tuple[int, int]) -> None:
    blocks, methods = shape
    with pytest.raises(PredictionsError) as caught:
        block_statistics(np.zeros(shape), "abc"[:methods], "xyz"[:blocks])
    assert str(caught.value) == (
        f"the values have shape {shape} for {blocks} blocks and {methods} methods: accepted are "
        "(blocks, methods) with at least two blocks and three methods"
    )
