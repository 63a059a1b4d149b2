"""The paper's observations against plain recomputation."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from ensembles import observations as module
from ensembles.methods import METHODS
from ensembles.observations import Claimed, Figure, Observation, correctness, observations
from ensembles.predictions import Predictions, PredictionsError, Test, Validation
from ensembles.subsets import best_row, sampled_tables, subset_accuracies
from tests.ensembles.factory import make_predictions

CLAIMED = Claimed(gain=0.025, close=0.01)


def averaged(predictions: Predictions, subset: tuple[int, ...]) -> float:
    chosen = predictions.select([predictions.members[i] for i in subset])
    powers = np.exp(chosen.logits)
    combined = (powers / powers.sum(axis=-1, keepdims=True)).mean(axis=0).argmax(axis=1)
    return float((combined == predictions.labels).mean())


@pytest.fixture(scope="module")
def splits() -> tuple[Validation, Test]:
    return make_predictions(m=5, n=200, accuracy=0.4)


@pytest.fixture(scope="module")
def found(splits: tuple[Validation, Test]) -> dict[str, Observation]:
    return {one.name: one for one in observations(*splits, CLAIMED)}


def test_five_observations_have_intervals_around_their_figures(
    found: dict[str, Observation],
) -> None:
    assert list(found) == [
        "average_ahead",
        "per_class_last",
        "gain_over_single",
        "adding_helps",
        "best_leaves_some_out",
    ]
    for one in found.values():
        for figure in (one.figure, *one.supporting):
            assert figure.low <= figure.high
        assert one.figure.low <= one.figure.value <= one.figure.high


def test_gaps_are_differences_of_test_accuracies(
    splits: tuple[Validation, Test], found: dict[str, Observation]
) -> None:
    validation, test = splits

    def accuracy(name: str) -> float:
        combined = METHODS[name].fit(validation)(test.logits)
        return float((combined.argmax(axis=1) == test.labels).mean())

    average, weighted, exponential, per_class, single = map(
        accuracy, ("average", "accuracy", "exponential", "per_class", "single_best")
    )
    figure = found["average_ahead"].figure
    assert figure.value == pytest.approx(average - max(weighted, exponential))
    last = found["per_class_last"].figure
    assert last.value == pytest.approx(per_class - min(average, weighted, exponential))
    assert found["gain_over_single"].figure.value == pytest.approx(average - single)


def test_adding_is_judged_on_every_subset_and_member(
    splits: tuple[Validation, Test], found: dict[str, Observation]
) -> None:
    validation, test = splits
    alone = [averaged(validation, (i,)) for i in range(5)]
    every, below = [], []
    for size in range(1, 5):
        for subset in combinations(range(5), size):
            for member in set(range(5)) - set(subset):
                gain = averaged(test, (*subset, member)) - averaged(test, subset)
                every.append(gain)
                if alone[member] < np.mean([alone[i] for i in subset]):
                    below.append(gain)
    one = found["adding_helps"]
    gain_below, gain_every, share_every = one.supporting
    assert gain_below.value == pytest.approx(np.mean(below))
    assert gain_every.value == pytest.approx(np.mean(every))
    assert one.figure.value == pytest.approx(np.mean(np.array(below) > 1e-9))
    assert (one.claimed_low, one.claimed_high) == (0.9, 1.0)
    # Though resampling pulls every drawn share towards one half, each share lies in its interval.
    for share in (one.figure, share_every):
        assert 0.0 <= share.low <= share.value <= share.high <= 1.0
    assert share_every.value == pytest.approx(np.mean(np.array(every) > 1e-9))


def test_what_the_paper_puts_a_number_on_is_the_callers(
    splits: tuple[Validation, Test],
) -> None:
    found = {one.name: one for one in observations(*splits, Claimed(gain=0.5, close=0.03))}
    assert found["gain_over_single"].claimed_low == 0.5
    assert found["average_ahead"].claimed_high == 0.03
    assert found["gain_over_single"].claim == (
        "The average gains at least 50 points over the best single network."
    )
    assert found["average_ahead"].claim == (
        "Simple averaging is best, ahead of the weighted averages by less than 3 points."
    )


def test_the_best_subset_is_chosen_on_validation(
    splits: tuple[Validation, Test], found: dict[str, Observation]
) -> None:
    validation, test = splits
    table = subset_accuracies(validation)
    best = table.subset(best_row(validation, table))
    one = found["best_leaves_some_out"]
    assert one.figure.value == 5 - len(best)
    gain = averaged(test, best) - averaged(test, tuple(range(5)))
    assert one.supporting[0].value == pytest.approx(gain)


def test_correctness_agrees_with_the_exact_counts(
    splits: tuple[Validation, Test], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BATCH_NUMBERS", 3_000)
    table = subset_accuracies(splits[0])
    assert correctness(splits[0], table).sum(axis=1).tolist() == table.correct.tolist()


def test_joins_of_a_sample_add_one_member_each() -> None:
    table = sampled_tables(*make_predictions(m=4, n=30), rows=50).test
    before, after, joined = module._joins(table)
    assert len(before) > 0
    for row, other, member in zip(before, after, joined, strict=True):
        assert set(table.subset(other)) - set(table.subset(row)) == {member}


def test_many_members_are_answered_from_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    validation, test = make_predictions(m=5, n=200, accuracy=0.4)
    exact = {one.name: one for one in observations(validation, test, CLAIMED)}
    monkeypatch.setattr(module, "POOL", 4)
    sampled = {one.name: one for one in observations(validation, test, CLAIMED)}
    assert exact["average_ahead"] == sampled["average_ahead"]
    one, other = exact["adding_helps"].supporting[1], sampled["adding_helps"].supporting[1]
    assert other.value != one.value
    assert other.value == pytest.approx(one.value, abs=0.02)


def test_members_that_none_is_below_leave_the_question_open() -> None:
    validation, test = make_predictions(m=1, n=40)
    twins = (
        Validation.make(np.repeat(validation.logits, 2, axis=0), validation.labels),
        Test.make(np.repeat(test.logits, 2, axis=0), test.labels),
    )
    one = {found.name: found for found in observations(*twins, CLAIMED)}["adding_helps"]
    assert np.isnan(one.figure.value)
    assert one.verdict == "open"


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.0, 0.5, "supported"),
        (0.2, 1.0, "supported"),
        (-0.1, 0.5, "open"),
        (0.9, 1.1, "open"),
        (-0.2, -0.1, "contradicted"),
        (1.1, 1.2, "contradicted"),
    ],
)
def test_the_verdict_needs_the_whole_interval(low: float, high: float, verdict: str) -> None:
    figure = Figure(name="gap", value=(low + high) / 2, low=low, high=high)
    one = Observation(name="o", claim="c", figure=figure, claimed_low=0.0, claimed_high=1.0)
    assert one.verdict == verdict


def test_one_member_is_refused() -> None:
    with pytest.raises(PredictionsError) as caught:
        observations(*make_predictions(m=1, n=40), CLAIMED)
    assert str(caught.value) == (
        "the method 'average' was given one member: accepted are at least two"
    )
