"""Selections against plain loops that fuse probabilities and count."""

from __future__ import annotations

from itertools import chain, combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, log_loss

from ensembles import selection
from ensembles.evidence import Evidence
from ensembles.fusion import Space, softmax
from ensembles.predictions import Floats, Ints, PredictionsError, Validation
from tests.ensembles.factory import make_predictions


def test_the_single_best_has_the_highest_validation_accuracy() -> None:
    validation, test = make_predictions(m=5, n=100, seed=4)
    combiner = selection.single_best(Evidence(validation))
    accuracies = [accuracy_score(validation.labels, row.argmax(1)) for row in validation.logits]
    best = int(np.argmax(accuracies))
    assert combiner.chosen == (best,)
    assert combiner.detail == validation.members[best]
    np.testing.assert_allclose(combiner(test.logits), softmax(test.logits[best]))


def test_equally_accurate_members_are_ranked_by_log_loss() -> None:
    validation, _ = make_predictions(m=2, n=50)
    sharper = np.stack([validation.logits[0] * 3, validation.logits[0]])
    tied = Validation.make(sharper, validation.labels)
    losses = [log_loss(tied.labels, softmax(row)) for row in tied.logits]
    assert Evidence(tied).ranking[0] == int(np.argmin(losses))


def test_top_k_takes_the_smallest_best_k() -> None:
    validation, _ = make_predictions(m=6, n=80, seed=1)
    evidence = Evidence(validation)
    p = softmax(validation.logits)
    right = [
        (p[list(evidence.ranking[:k])].mean(axis=0).argmax(1) == validation.labels).sum()
        for k in range(1, 7)
    ]
    k = int(np.argmax(right)) + 1
    combiner = selection.top_k(evidence)
    assert combiner.detail == f"k = {k}"
    assert combiner.chosen == tuple(sorted(evidence.ranking[:k]))


def test_more_members_than_there_are_is_refused() -> None:
    with pytest.raises(PredictionsError) as caught:
        selection.top_k(Evidence(make_predictions(m=4)[0]), k=5)
    assert str(caught.value) == "the best 5 members were asked for: accepted are at most 4"


def greedy_by_hand(values: Floats, labels: Ints, space: Space, goal: str) -> list[int]:
    """Caruana's loop as written in the article."""
    rows = np.arange(len(labels))
    order: list[int] = []
    reached = []
    for _ in range(selection.ROUNDS):
        ratings = []
        for m in range(len(values)):
            fused = values[[*order, m]].mean(axis=0)
            p = fused if space == "probability" else softmax(fused)
            loss = -np.log(p[rows, labels]).mean()
            accuracy = (p.argmax(axis=1) == labels).mean()
            ratings.append((accuracy, -loss) if goal == "accuracy" else (-loss, 0.0))
        best = max(range(len(values)), key=lambda m: ratings[m])
        order.append(best)
        reached.append(ratings[best][0])
    return order[: int(np.argmax(reached)) + 1]


@pytest.mark.parametrize(
    ("space", "goal"),
    [("probability", "accuracy"), ("logit", "accuracy"), ("probability", "log_loss")],
)
def test_greedy_selection_agrees_with_the_plain_loop(space: Space, goal: str) -> None:
    validation, _ = make_predictions(m=5, n=60, seed=7)
    evidence = Evidence(validation)
    values = evidence.outputs.in_space(space)
    expected = greedy_by_hand(values, validation.labels, space, goal)
    found = selection.greedy_order(evidence, space, goal)
    assert list(found) == expected
    combiner = selection.greedy(evidence, space, goal)
    counts = np.bincount(expected, minlength=5)
    np.testing.assert_allclose(combiner.weights, counts / counts.sum())
    assert combiner.detail == f"{len(expected)} taken, {np.count_nonzero(counts)} different"


def test_greedy_selection_is_at_least_as_good_as_the_best_member_on_validation() -> None:
    for seed in range(5):
        validation, _ = make_predictions(m=6, n=100, seed=seed)
        evidence = Evidence(validation)
        right = selection.greedy(evidence)(validation.logits).argmax(1) == validation.labels
        assert right.mean() >= evidence.accuracies.max()


def test_bags_hold_half_of_the_members_and_do_not_depend_on_their_order() -> None:
    names = ("a", "b", "c", "d", "e")
    bags = selection.bags(names)
    assert len(bags) == 20
    assert all(len(bag) == 3 for bag in bags)
    assert len(set(bags)) > 3
    turned = selection.bags(names[::-1])
    as_names = [{names[i] for i in bag} for bag in bags]
    assert as_names == [{names[::-1][i] for i in bag} for bag in turned]


def test_bagged_weights_are_the_mean_over_bags() -> None:
    evidence = Evidence(make_predictions(m=5, n=60)[0])
    expected = np.zeros(5)
    for bag in selection.bags(evidence.validation.members):
        order = selection.greedy_order(evidence, rounds=selection.BAG_ROUNDS, among=bag)
        assert set(order) <= set(bag)
        expected += np.bincount(order, minlength=5) / len(order) / 20
    np.testing.assert_allclose(selection.greedy_bagged(evidence).weights, expected, atol=1e-12)


@pytest.mark.parametrize("space", ["probability", "logit"])
def test_the_best_subset_is_that_of_a_search_by_hand(space: Space) -> None:
    validation = make_predictions(m=5, n=50, seed=8)[0]
    evidence = Evidence(validation)
    values = evidence.outputs.in_space(space)
    rows, labels = np.arange(50), validation.labels

    def rating(subset: tuple[int, ...]) -> tuple[float, int, float]:
        mean = values[list(subset)].mean(axis=0)
        p = softmax(mean) if space == "logit" else mean
        return -(p.argmax(axis=1) == labels).mean(), len(subset), -np.log(p[rows, labels]).mean()

    every = chain.from_iterable(combinations(range(5), size) for size in range(1, 6))
    best = min(every, key=rating)
    combiner = selection.best_subset(evidence, space)
    assert combiner.chosen == best
    assert combiner.detail == f"{len(best)} of 5 members, all 31 subsets"


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), copied=st.integers(0, 4))
def test_a_copied_member_changes_nothing_in_the_best_subset(seed: int, copied: int) -> None:
    validation, test = make_predictions(m=5, n=40, seed=seed)
    plain = selection.best_subset(Evidence(validation))
    order = [*range(5), copied]
    doubled = Validation.make(validation.logits[order], validation.labels)
    combiner = selection.best_subset(Evidence(doubled))
    assert combiner.chosen == plain.chosen
    np.testing.assert_array_equal(combiner(test.logits[order]), plain(test.logits))


def test_above_twenty_members_the_best_subset_is_searched_and_says_so() -> None:
    validation, _ = make_predictions(m=22, n=60)
    evidence = Evidence(validation)
    combiner = selection.best_subset(evidence)
    assert combiner.detail == f"{len(combiner.chosen)} of 22 members, greedy search"

    def right(members: tuple[int, ...]) -> int:
        fused = evidence.outputs.probabilities[list(members)].mean(axis=0)
        return int((fused.argmax(axis=1) == validation.labels).sum())

    reached = right(combiner.chosen)
    assert reached >= right(selection.top_k(evidence).chosen)
    for changed in range(22):
        near = set(combiner.chosen) ^ {changed}
        assert right(tuple(near)) <= reached


def test_the_search_finds_what_counting_all_subsets_finds() -> None:
    validation, _ = make_predictions(m=8, n=80, seed=6)
    evidence = Evidence(validation)
    searched = selection.climb(evidence, "probability", np.arange(8))
    counted = selection.best_subset(evidence).chosen
    p = evidence.outputs.probabilities
    accuracies = [
        (p[list(some)].mean(axis=0).argmax(axis=1) == validation.labels).mean()
        for some in (searched, counted)
    ]
    assert accuracies[0] == accuracies[1]
