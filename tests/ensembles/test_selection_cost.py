"""Nested cross-validation, stability and learning curves against plain loops."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from sklearn.model_selection import StratifiedKFold

from ensembles import selection_cost
from ensembles.methods import METHODS
from ensembles.predictions import PredictionsError, Test, Validation
from ensembles.selection_cost import (
    FITTED_ON_TEST,
    default_methods,
    fitted_on_test,
    selection_costs,
    stratified_part,
)
from ensembles.stacking import folds_of
from tests.ensembles.factory import make_predictions


def accuracy(method: str, fitted_on: Validation, scored_on: Validation | Test) -> float:
    combined = METHODS[method].fit(fitted_on)(scored_on.logits)
    return float((combined.argmax(axis=1) == scored_on.labels).mean())


@pytest.fixture(scope="module")
def splits() -> tuple[Validation, Test]:
    return make_predictions(m=4, n=150)


def test_default_methods_leave_out_the_costly_ones_for_many_members() -> None:
    few = set(default_methods(9))
    assert few == {name for name, one in METHODS.items() if one.uses_validation and not one.variant}
    assert few - set(default_methods(15)) == {"best_subset", "stacking"}
    assert few - set(default_methods(25)) == {"stacking"}


def test_variants_are_those_of_logits_and_after_calibration() -> None:
    plain = {name for name, one in METHODS.items() if not one.variant}
    suffixes = ("_logit", "_calibrated")
    assert plain == {name for name in METHODS if not name.endswith(suffixes)}


def test_every_default_method_is_measured(splits: tuple[Validation, Test]) -> None:
    validation, test = splits
    found = selection_costs(validation, test)
    fitted = [name for name in default_methods(4) if name != "top_5"]
    assert [row.method for row in found.rows] == fitted
    assert [one.method for one in found.skipped] == ["top_5"]
    for row in found.rows:
        assert row.validation_accuracy == accuracy(row.method, validation, validation)
        assert row.test_accuracy == accuracy(row.method, validation, test)
        assert row.optimism == row.validation_accuracy - row.nested_accuracy
        assert [point.fits for point in row.learning] == [4, 4, 4, 1]
        assert row.learning[-1].images == 150
        assert row.learning[-1].mean == row.test_accuracy
        assert all(point.least <= point.mean <= point.most for point in row.learning)
        assert 0 <= row.jaccard <= 1 and 0.25 <= row.modal_share <= 1


def test_nested_accuracy_is_that_of_held_out_folds(splits: tuple[Validation, Test]) -> None:
    validation, test = splits
    fold = folds_of(validation.labels, 3)
    sizes = [np.bincount(validation.labels[fold == k], minlength=5) for k in range(3)]
    expected_sizes = [
        np.bincount(validation.labels[held], minlength=5)
        for _, held in StratifiedKFold(3).split(validation.labels, validation.labels)
    ]
    assert np.abs(np.array(sizes) - expected_sizes).max() <= 1
    right = 0.0
    for k in range(3):
        held = validation.take(fold == k)
        right += accuracy("greedy", validation.take(fold != k), held) * len(held.labels)
    (row,) = selection_costs(validation, test, ["greedy"], folds=3).rows
    assert row.nested_accuracy == pytest.approx(right / 150)


def test_stability_compares_fits_on_random_halves(splits: tuple[Validation, Test]) -> None:
    validation, test = splits
    (row,) = selection_costs(validation, test, ["greedy"], shares=(0.5,), repeats=3, seed=9).rows
    rng = np.random.default_rng([9, 500_000])
    fits = [
        METHODS["greedy"].fit(validation.take(stratified_part(validation.labels, 0.5, rng)))
        for _ in range(3)
    ]
    chosen = [set(fit.chosen) for fit in fits]
    pairs = list(combinations(range(3), 2))
    jaccard = [len(chosen[i] & chosen[j]) / len(chosen[i] | chosen[j]) for i, j in pairs]
    weights = [fit.weights for fit in fits]
    overlap = [np.minimum(weights[i], weights[j]).sum() for i, j in pairs]  # type: ignore[type-var]
    assert row.jaccard == pytest.approx(np.mean(jaccard))
    assert row.weight_overlap == pytest.approx(np.mean(overlap))
    assert row.modal_share == max(chosen.count(one) for one in chosen) / 3


def test_methods_that_weigh_all_members_choose_the_same_ones(
    splits: tuple[Validation, Test],
) -> None:
    weighted, stacked = selection_costs(*splits, ["accuracy", "stacking"]).rows
    assert (weighted.jaccard, weighted.modal_share) == (1.0, 1.0)
    assert 0.9 < weighted.weight_overlap < 1.0
    assert np.isnan(stacked.weight_overlap)


def test_parts_hold_the_same_share_of_each_class() -> None:
    labels = np.repeat([0, 1, 2, 3], [100, 10, 3, 1])
    rows = stratified_part(labels, 0.3, np.random.default_rng(0))
    assert np.bincount(labels[rows]).tolist() == [30, 3, 2, 1]
    assert len(set(rows.tolist())) == len(rows)
    other = stratified_part(labels, 0.3, np.random.default_rng(1))
    assert rows.tolist() != other.tolist()


def test_a_method_that_cannot_be_fitted_is_named(splits: tuple[Validation, Test]) -> None:
    found = selection_costs(*splits, ["top_5", "average"])
    assert [row.method for row in found.rows] == ["average"]
    (skipped,) = found.skipped
    assert skipped.method == "top_5"
    assert skipped.reason == "the best 5 members were asked for: accepted are at most 4"


def test_the_same_seed_gives_the_same_figures(splits: tuple[Validation, Test]) -> None:
    one, same, other = (selection_costs(*splits, ["greedy"], seed=seed) for seed in (1, 1, 2))
    assert one == same
    assert one.rows[0].learning != other.rows[0].learning


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            {"folds": 1},
            "1 folds, 4 repeats and 3 shares were asked for: accepted are at least two folds, two "
            "repeats and one share",
        ),
        (
            {"repeats": 1, "shares": ()},
            "5 folds, 1 repeats and 0 shares were asked for: accepted are at least two folds, two "
            "repeats and one share",
        ),
    ],
)
def test_too_little_is_refused(
    splits: tuple[Validation, Test], asked: dict[str, int], message: str
) -> None:
    with pytest.raises(PredictionsError) as caught:
        selection_costs(*splits, ["average"], **asked)  # type: ignore[arg-type]
    assert str(caught.value) == message


def test_a_class_too_rare_to_hold_out_is_refused() -> None:
    validation, test = make_predictions(m=2, n=6, c=5)
    least = np.bincount(validation.labels).min()
    with pytest.raises(PredictionsError) as caught:
        selection_costs(validation, test)
    assert str(caught.value) == (
        f"5 folds of the rarest class's {least} validation images were asked for: accepted are at "
        "least two images of every class to fit on besides those held out"
    )


def test_fitting_on_test_is_refused_but_in_its_own_table(splits: tuple[Validation, Test]) -> None:
    _, test = splits
    with pytest.raises(TypeError) as caught:
        selection_costs(test, test)  # type: ignore[arg-type]
    assert str(caught.value) == (
        "combiners are fitted on Validation predictions, not on Test: the split that is reported "
        "must not choose its own weights"
    )


def test_the_dilemma_is_scored_on_images_that_no_fit_has_seen(
    splits: tuple[Validation, Test],
) -> None:
    validation, test = splits
    found = fitted_on_test(validation, test, ["accuracy", "greedy"], share=0.4, seed=3)
    rows = stratified_part(test.labels, 0.4, np.random.default_rng(3))
    rest = test.take(np.setdiff1d(np.arange(150), rows))
    leaked = Validation.make(test.logits[:, rows], test.labels[rows])
    for row in found:
        assert (row.fitted_images, row.scored_images) == (len(rows), 150 - len(rows))
        assert row.from_validation == accuracy(row.method, validation, rest)
        combined = METHODS[row.method].fit(leaked)(rest.logits)
        assert row.from_test == (combined.argmax(axis=1) == rest.labels).mean()


def test_rows_fitted_on_test_say_so_and_are_never_ranked(splits: tuple[Validation, Test]) -> None:
    found = fitted_on_test(*splits)
    assert [row.method for row in found] == [n for n in default_methods(4) if n != "top_5"]
    for row in found:
        assert row.note == FITTED_ON_TEST == "fitted on test images"
        assert row.label == f"{METHODS[row.method].label} (fitted on test images)"
        assert row.ranked is False
    with pytest.raises(TypeError):
        selection_cost.FittedOnTest(ranked=True)  # type: ignore[call-arg]


def test_methods_that_cannot_be_fitted_on_test_are_left_out(
    splits: tuple[Validation, Test],
) -> None:
    assert fitted_on_test(*splits, ["top_5"]) == ()


def test_all_of_the_test_split_leaves_nothing_to_score(splits: tuple[Validation, Test]) -> None:
    with pytest.raises(PredictionsError) as caught:
        fitted_on_test(*splits, share=1.0)
    assert str(caught.value) == "no test image is left to score: accepted is a smaller share"
