"""The paper's observations against plain recomputation."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import pytest

from ensembles import observations as module
from ensembles.methods import METHODS
from ensembles.observations import Figure, correctness, observations
from ensembles.predictions import Predictions, PredictionsError, Test, Validation
from ensembles.subsets import best_row, sampled_tables, subset_accuracies
from tests.ensembles.factory import make_predictions


def averaged(predictions: Predictions, subset: tuple[int, ...]) -> float:
    chosen = predictions.select([predictions.members[i] for i in subset])
    powers = np.exp(chosen.logits)
    combined = (powers / powers.sum(axis=-1, keepdims=True)).mean(axis=0).argmax(axis=1)
    return float((combined == predictions.labels).mean())


@pytest.fixture(scope="module")
def splits() -> tuple[Validation, Test]:
    return make_predictions(m=5, n=200, accuracy=0.4)


@pytest.fixture(scope="module")
def found(splits: tuple[Validation, Test]) -> Mapping[str, Figure]:
    return observations(*splits)


def test_every_figure_lies_in_its_interval(found: Mapping[str, Figure]) -> None:
    assert list(found) == [
        *(f"average minus {name}" for name in ("accuracy", "exponential", "per_class")),
        "average minus single_best",
        *(f"{name} minus per_class" for name in ("accuracy", "exponential")),
        *("mean gain of adding any member", "share of adding any member that helps"),
        "mean gain of adding a member below the average",
        "share of adding a member below the average that helps",
        "members that the best subset on validation leaves out",
        "test accuracy of that subset minus that of all",
    ]
    for name, figure in found.items():
        assert figure.name == name
        assert figure.low <= figure.value <= figure.high
        assert figure.recentred == name.startswith("share")


def test_gaps_are_differences_of_test_accuracies(
    splits: tuple[Validation, Test], found: Mapping[str, Figure]
) -> None:
    validation, test = splits

    def accuracy(name: str) -> float:
        combined = METHODS[name].fit(validation)(test.logits)
        return float((combined.argmax(axis=1) == test.labels).mean())

    gaps = [name.split(" minus ") for name in found if name.count(" ") == 2]
    assert len(gaps) == 6
    for first, second in gaps:
        value = found[f"{first} minus {second}"].value
        assert value == pytest.approx(accuracy(first) - accuracy(second))


def test_adding_is_judged_on_every_subset_and_member(
    splits: tuple[Validation, Test], found: Mapping[str, Figure]
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
    for kind, gains in (("any member", every), ("a member below the average", below)):
        mean, share = (
            found[f"mean gain of adding {kind}"],
            found[f"share of adding {kind} that helps"],
        )
        assert mean.value == pytest.approx(np.mean(gains))
        assert share.value == pytest.approx(np.mean(np.array(gains) > 1e-9))
        # Though resampling pulls every drawn share towards one half, it lies in its interval.
        assert 0.0 <= share.low <= share.value <= share.high <= 1.0


def test_the_best_subset_is_chosen_on_validation(
    splits: tuple[Validation, Test], found: Mapping[str, Figure]
) -> None:
    validation, test = splits
    table = subset_accuracies(validation)
    best = table.subset(best_row(validation, table))
    lacking = found["members that the best subset on validation leaves out"]
    assert lacking.value == 5 - len(best)
    gain = averaged(test, best) - averaged(test, tuple(range(5)))
    assert found["test accuracy of that subset minus that of all"].value == pytest.approx(gain)


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
    exact = observations(validation, test)
    monkeypatch.setattr(module, "POOL", 4)
    sampled = observations(validation, test)
    assert exact["average minus accuracy"] == sampled["average minus accuracy"]
    one, other = (found["mean gain of adding any member"] for found in (exact, sampled))
    assert other.value != one.value
    assert other.value == pytest.approx(one.value, abs=0.02)


def test_members_that_none_is_below_have_no_figures_of_such_additions() -> None:
    validation, test = make_predictions(m=1, n=40)
    twins = (
        Validation.make(np.repeat(validation.logits, 2, axis=0), validation.labels),
        Test.make(np.repeat(test.logits, 2, axis=0), test.labels),
    )
    found = observations(*twins)
    assert not [name for name in found if "below the average" in name]
    assert found["share of adding any member that helps"].value == 0.0


def test_a_share_is_pulled_towards_one_half_by_the_test_split_itself() -> None:
    """Of many images nearly every addition helps; of few, chance hides that."""
    shares = []
    for images in (200, 4000):
        few = [make_predictions(m=5, n=images, accuracy=0.5, seed=seed) for seed in range(4)]
        found = [observations(*split, draws=50) for split in few]
        shares.append(np.mean([f["share of adding any member that helps"].value for f in found]))
    assert 0.5 < shares[0] < shares[1] - 0.02


def test_one_member_is_refused() -> None:
    with pytest.raises(PredictionsError) as caught:
        observations(*make_predictions(m=1, n=40))
    assert str(caught.value) == (
        "the method 'average' was given one member: accepted are at least two"
    )
