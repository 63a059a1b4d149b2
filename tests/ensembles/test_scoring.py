"""The comparison: fitted on validation, scored on test, nothing dropped in silence."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as oracle

from ensembles import scoring
from ensembles.fusion import Outputs, softmax
from ensembles.methods import METHODS, method
from ensembles.predictions import Floats, PredictionsError, Test, Validation
from ensembles.scoring import Comparison, compare
from tests.ensembles.factory import make_predictions

FEW = ("average", "accuracy", "exponential", "vote", "single_best")


@pytest.fixture(scope="module")
def splits() -> tuple[Validation, Test]:
    return make_predictions(m=6, n=100, c=4, seed=3)


@pytest.fixture(scope="module")
def comparison(splits: tuple[Validation, Test]) -> Comparison:
    return compare(*splits)


def test_every_method_of_the_catalogue_is_scored(comparison: Comparison) -> None:
    assert {score.method for score in comparison.scores} == {*METHODS, "oracle"}
    assert comparison.skipped == ()
    assert set(comparison.combiners) == set(METHODS)
    assert set(comparison.test_probabilities) == {*METHODS, "oracle"}
    assert set(comparison.validation_probabilities) == {*METHODS, "oracle"}


def test_scores_are_sorted_and_the_oracle_is_last_and_not_ranked(comparison: Comparison) -> None:
    *ranked, last = comparison.scores
    assert last.method == "oracle"
    assert not last.ranked
    assert all(score.ranked for score in ranked)
    accuracies = [score.test_accuracy for score in ranked]
    assert accuracies == sorted(accuracies, reverse=True)
    assert last.test_accuracy >= max(accuracies)


@pytest.mark.parametrize("name", ["average", "exponential_calibrated", "stacking", "vote"])
def test_a_score_is_what_scikit_learn_finds(
    name: str, comparison: Comparison, splits: tuple[Validation, Test]
) -> None:
    validation, test = splits
    score, combiner = comparison.score(name), comparison.combiners[name]
    assert score.val_accuracy == oracle.accuracy_score(
        validation.labels, combiner(validation.logits).argmax(axis=1)
    )
    unique = ~test.duplicate
    assert 0 < unique.sum() < 100
    for suffix, rows in (("", np.ones(100, dtype=bool)), ("_unique", unique)):
        labels, p = test.labels[rows], combiner(test.logits)[rows]
        chosen = p.argmax(axis=1)
        expected = {
            "test_accuracy": oracle.accuracy_score(labels, chosen),
            "balanced_accuracy": oracle.balanced_accuracy_score(labels, chosen),
            "macro_f1": oracle.f1_score(labels, chosen, average="macro"),
            "log_loss": oracle.log_loss(labels, p, labels=range(4)),
            "brier": oracle.brier_score_loss(labels, p, labels=range(4), scale_by_half=False),
            "top2": oracle.top_k_accuracy_score(labels, p, k=2, labels=range(4)),
        }
        if name == "vote":
            del expected["top2"]  # shares of votes tie, which scikit-learn breaks the other way
        for what, value in expected.items():
            assert getattr(score, what + suffix) == pytest.approx(value, abs=1e-12), what


def test_scores_name_the_members_that_take_part(
    comparison: Comparison, splits: tuple[Validation, Test]
) -> None:
    for score in comparison.scores[:-1]:
        combiner = comparison.combiners[score.method]
        assert score.member_names == tuple(splits[0].members[i] for i in combiner.chosen)
        assert score.members == len(score.member_names)
        assert score.detail == combiner.detail


def test_every_member_is_scored_by_itself(
    comparison: Comparison, splits: tuple[Validation, Test]
) -> None:
    validation, test = splits
    assert [score.method for score in comparison.member_scores] == list(test.members)
    for i, score in enumerate(comparison.member_scores):
        assert score.val_accuracy == np.mean(validation.logits[i].argmax(1) == validation.labels)
        assert score.test_accuracy == np.mean(test.logits[i].argmax(1) == test.labels)
        assert score.family == "member"
        assert score.members == 1


def test_the_oracle_is_right_where_any_member_is(splits: tuple[Validation, Test]) -> None:
    _, test = splits
    p = scoring.oracle_probabilities(Outputs(test.logits), test.labels)
    some = (test.logits.argmax(axis=-1) == test.labels).any(axis=0)
    np.testing.assert_array_equal(p.argmax(axis=1) == test.labels, some)
    np.testing.assert_allclose(p[~some], softmax(test.logits[:, ~some]).mean(axis=0), atol=1e-12)


@pytest.mark.parametrize(("right", "images"), [(0, 9), (9, 9), (1, 2), (7, 10), (2500, 3589)])
def test_the_interval_is_the_bootstraps(right: int, images: int) -> None:
    expected = stats.binom.ppf([0.025, 0.975], images, right / images) / images
    assert scoring.interval(right, images) == pytest.approx(tuple(expected))


def test_the_interval_agrees_with_drawing() -> None:
    hits = np.arange(500) < 350
    drawn = stats.bootstrap(
        (hits,), np.mean, method="percentile", n_resamples=5000, rng=np.random.default_rng(0)
    ).confidence_interval
    assert scoring.interval(350, 500) == pytest.approx(tuple(drawn), abs=0.005)


def test_without_copies_the_unique_figures_are_the_same(splits: tuple[Validation, Test]) -> None:
    validation, test = splits
    clean = dataclasses.replace(test, duplicate=np.zeros(100, dtype=bool))
    score = compare(validation, clean, ["average"]).score("average")
    assert score.test_accuracy_unique == score.test_accuracy
    assert score.ece_unique == score.ece


def test_with_copies_only_there_are_no_unique_figures(splits: tuple[Validation, Test]) -> None:
    validation, test = splits
    copied = dataclasses.replace(test, duplicate=np.ones(100, dtype=bool))
    score = compare(validation, copied, ["average"]).score("average")
    assert np.isnan(score.test_accuracy_unique)
    assert np.isnan(score.log_loss_unique)
    assert 0 < score.test_accuracy < 1


def test_the_test_labels_decide_nothing_but_the_scores(splits: tuple[Validation, Test]) -> None:
    validation, test = splits
    lied = dataclasses.replace(test, labels=(test.labels + 1) % 4)
    honest, other = compare(validation, test, FEW), compare(validation, lied, FEW)
    for name in FEW:
        np.testing.assert_array_equal(
            honest.test_probabilities[name], other.test_probabilities[name]
        )


def test_methods_that_cannot_be_fitted_are_named_with_the_reason() -> None:
    validation, test = make_predictions(m=1, n=40, c=4)
    found = compare(validation, test, ["single_best", "average"])
    assert [score.method for score in found.scores] == ["single_best", "oracle"]
    (skipped,) = found.skipped
    assert (skipped.method, skipped.label) == ("average", "Simple average")
    assert skipped.reason == (
        "the method 'average' was given one member: accepted are at least two"
    )


def test_a_class_missing_from_validation_skips_only_what_needs_it(
    splits: tuple[Validation, Test],
) -> None:
    validation, test = splits
    without = validation.take(validation.labels != 2)
    found = compare(without, test)
    skipped = {one.method for one in found.skipped}
    assert skipped == {name for name in METHODS if name.startswith(("per_class", "stacking"))}


def test_families_reach_the_committee(splits: tuple[Validation, Test]) -> None:
    validation, test = splits
    names = validation.members
    families = dict.fromkeys(names[:3], "left") | dict.fromkeys(names[3:], "right")
    found = compare(validation, test, ["committee_average_mean"], families=families)
    assert found.score("committee_average_mean").detail == "2 families"


def test_a_users_own_method_is_compared_like_any_other(splits: tuple[Validation, Test]) -> None:
    own = dataclasses.replace(method("average"), name="mine", label="Mine")
    found = compare(*splits, [own, "average"])
    mine, ours = found.score("mine"), found.score("average")
    assert dataclasses.replace(mine, method="average", label=ours.label) == ours


def reversed_members(test: Test) -> Test:
    return test.select(test.members[::-1])


def renamed_classes(test: Test) -> Test:
    return dataclasses.replace(test, classes=("a", "b", "c", "d"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            reversed_members,
            "the validation split has the members net0-a, net0-b, net1-a, net1-b, net2-a, net2-b "
            "but the test split has net2-b, net2-a, net1-b, net1-a, net0-b, net0-a: accepted are "
            "the same members in the same order",
        ),
        (
            renamed_classes,
            "the validation split has the classes class0, class1, class2, class3 but the test "
            "split has a, b, c, d: accepted are the same classes in the same order",
        ),
    ],
)
def test_splits_that_do_not_match_are_refused(
    change: Callable[[Test], Test], message: str, splits: tuple[Validation, Test]
) -> None:
    validation, test = splits
    with pytest.raises(PredictionsError) as caught:
        compare(validation, change(test), FEW)
    assert str(caught.value) == message


def test_the_splits_cannot_be_exchanged(splits: tuple[Validation, Test]) -> None:
    validation, test = splits
    with pytest.raises(TypeError) as caught:
        compare(validation, validation, FEW)
    assert str(caught.value) == "methods are scored on Test predictions, not on Validation"
    with pytest.raises(TypeError, match="combiners are fitted on Validation predictions"):
        compare(test, test, FEW)


def test_a_missing_score_is_answered_with_what_there_is(splits: tuple[Validation, Test]) -> None:
    found = compare(*splits, ["average"])
    with pytest.raises(PredictionsError) as caught:
        found.score("vote")
    assert str(caught.value) == "there is no score of 'vote': accepted are average, oracle"


def test_probabilities_are_kept_by_method(
    comparison: Comparison, splits: tuple[Validation, Test]
) -> None:
    def same(left: Floats, right: Floats) -> None:
        np.testing.assert_allclose(left, right, atol=1e-12)

    validation, test = splits
    for name in FEW:
        combiner = comparison.combiners[name]
        same(comparison.test_probabilities[name], combiner(test.logits))
        same(comparison.validation_probabilities[name], combiner(validation.logits))
