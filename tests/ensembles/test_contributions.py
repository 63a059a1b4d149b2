"""Shapley values, leave-one-out and Pareto fronts against their definitions."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensembles.contributions import contributions, pareto_front, shapley_values
from ensembles.predictions import PredictionsError, Validation
from ensembles.subsets import SubsetTable, sampled_tables, subset_accuracies, subset_tables
from tests.ensembles.factory import make_predictions


def accuracy_of(table: SubsetTable, subset: tuple[int, ...]) -> float:
    return float(table.correct[table.row(subset)] / table.images) if subset else 0.0


def test_shapley_values_are_mean_gains_over_all_orders() -> None:
    validation, _ = make_predictions(m=5, n=70)
    table = subset_accuracies(validation)
    expected = np.zeros(5)
    orders = list(permutations(range(5)))
    for order in orders:
        for i, member in enumerate(order):
            expected[member] += accuracy_of(table, order[: i + 1]) - accuracy_of(table, order[:i])
    np.testing.assert_allclose(shapley_values(table), expected / len(orders), atol=1e-12)


def test_gains_count_all_sizes_of_non_empty_subsets_alike() -> None:
    validation, _ = make_predictions(m=4, n=70)
    table = subset_accuracies(validation)
    for member, found in enumerate(contributions(table)):
        others = [i for i in range(4) if i != member]
        by_size = [
            [
                accuracy_of(table, (*subset, member)) - accuracy_of(table, subset)
                for subset in combinations(others, size)
            ]
            for size in (1, 2, 3)
        ]

        def mean(of: Callable[[float], float], sizes: list[list[float]] = by_size) -> float:
            return float(np.mean([np.mean([of(gain) for gain in gains]) for gains in sizes]))

        assert found.member == validation.members[member]
        assert found.alone == accuracy_of(table, (member,))
        assert found.mean_gain == pytest.approx(mean(lambda gain: gain))
        assert found.helps == pytest.approx(mean(lambda gain: gain > 1e-9))
        assert found.hurts == pytest.approx(mean(lambda gain: gain < -1e-9))
        expected = accuracy_of(table, (0, 1, 2, 3)) - accuracy_of(table, tuple(others))
        assert found.leave_one_out == pytest.approx(expected)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 7))
def test_shapley_values_sum_to_the_accuracy_of_all(seed: int, m: int) -> None:
    validation, _ = make_predictions(m=m, n=40, seed=seed)
    table = subset_accuracies(validation)
    assert shapley_values(table).sum() == pytest.approx(table.accuracies[-1])


def test_equal_members_have_equal_values() -> None:
    validation, _ = make_predictions(m=2, n=60)
    twice = Validation.make(validation.logits[[0, 1, 0]], validation.labels)
    first, _, third = contributions(subset_accuracies(twice))
    assert first.shapley == pytest.approx(third.shapley)
    assert (first.helps, first.leave_one_out) == (third.helps, third.leave_one_out)


def test_a_lone_member_is_all_there_is() -> None:
    validation, _ = make_predictions(m=1, n=60)
    (found,) = contributions(subset_accuracies(validation))
    assert found.alone == found.shapley == found.leave_one_out
    assert np.isnan([found.mean_gain, found.helps, found.hurts]).all()


def test_sampled_values_come_near_the_exact_ones() -> None:
    validation, test = make_predictions(m=6, n=120)
    exact = contributions(subset_tables(validation, test).validation)
    sampled = contributions(sampled_tables(validation, test, rows=3_000).validation)
    for one, other in zip(exact, sampled, strict=True):
        assert one.exact and not other.exact
        assert other.shapley == pytest.approx(one.shapley, abs=0.01)
        assert (other.alone, other.leave_one_out) == (one.alone, one.leave_one_out)
        assert other.helps == pytest.approx(one.helps, abs=0.06)
    total = sum(one.shapley for one in sampled)
    assert total == pytest.approx(sum(one.shapley for one in exact))


def test_nothing_on_the_front_is_dominated_and_all_else_is() -> None:
    validation, test = make_predictions(m=6, n=60)
    tables = subset_tables(validation, test)
    costs = [5.0, 1.0, 2.0, 2.0, 7.0, 3.0]
    front = pareto_front(tables, costs)
    table = tables.validation
    everything = [
        (sum(costs[i] for i in table.subset(row)), accuracy_of(table, table.subset(row)))
        for row in range(len(table))
    ]
    expected = {
        (cost, accuracy)
        for cost, accuracy in everything
        if not any(
            c <= cost and a >= accuracy and (c, a) != (cost, accuracy) for c, a in everything
        )
    }
    assert {(point.cost, point.validation_accuracy) for point in front} == expected
    for point in front:
        subset = tuple(validation.members.index(name) for name in point.members)
        assert point.test_accuracy == accuracy_of(tables.test, subset)
    assert [point.cost for point in front] == sorted(point.cost for point in front)


@pytest.mark.parametrize(
    ("costs", "message"),
    [
        ([1.0], "there are 1 costs for 2 members: accepted is one each"),
        (
            [1.0, -2.0],
            "the cost of member 'net0-b' is -2: accepted are finite numbers from 0 on",
        ),
        (
            [float("nan"), 1.0],
            "the cost of member 'net0-a' is nan: accepted are finite numbers from 0 on",
        ),
    ],
)
def test_unusable_costs_are_refused(costs: list[float], message: str) -> None:
    with pytest.raises(PredictionsError) as caught:
        pareto_front(subset_tables(*make_predictions(m=2, n=20)), costs)
    assert str(caught.value) == message
