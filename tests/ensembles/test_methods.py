"""What holds for every method of the catalogue; a new method is tested by being in it."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensembles import methods
from ensembles.evidence import Evidence
from ensembles.methods import METHODS, Method
from ensembles.predictions import PredictionsError, Test, Validation
from tests.ensembles.factory import make_predictions

every_method = pytest.mark.parametrize("name", METHODS)
few = settings(max_examples=5, deadline=None)
seeds = st.integers(0, 1000)
# Weights found by an iterative solver agree as far as its tolerance goes.
SOLVED = {"learned": 2e-3}


def splits(seed: int = 0) -> tuple[Validation, Test]:
    """Six members of three families, sixty images, four classes."""
    return make_predictions(m=6, n=60, c=4, seed=seed)


def tolerance(method: Method) -> float:
    return SOLVED.get(method.family, 1e-4 if method.calibrated else 1e-9)


@every_method
@given(seed=seeds)
@few
def test_probabilities_are_probabilities(name: str, seed: int) -> None:
    validation, test = splits(seed)
    found = METHODS[name].fit(validation)(test.logits)
    assert found.shape == (60, 4)
    assert found.dtype == np.float64
    assert (found >= 0).all()
    np.testing.assert_allclose(found.sum(axis=1), 1.0, atol=1e-12)


@every_method
def test_no_method_can_be_fitted_on_the_test_split(name: str) -> None:
    _, test = splits()
    with pytest.raises(TypeError) as caught:
        METHODS[name].fit(test)
    assert str(caught.value) == (
        "combiners are fitted on Validation predictions, not on Test: the split that is reported "
        "must not choose its own weights"
    )


@every_method
@given(seed=seeds)
@few
def test_permuting_the_members_changes_nothing(name: str, seed: int) -> None:
    validation, test = splits(seed)
    order = np.random.default_rng(seed).permutation(6)
    names = tuple(validation.members[i] for i in order)
    method = METHODS[name]
    plain = method.fit(validation)
    permuted = method.fit(validation.select(names))
    np.testing.assert_allclose(
        permuted(test.select(names).logits), plain(test.logits), atol=tolerance(method)
    )
    assert {names[i] for i in permuted.chosen} == {validation.members[i] for i in plain.chosen}


@every_method
@given(seed=seeds)
@few
def test_permuting_the_classes_permutes_the_result(name: str, seed: int) -> None:
    validation, test = splits(seed)
    order = np.random.default_rng(seed).permutation(4)
    renamed = Validation.make(
        validation.logits[:, :, order],
        np.argsort(order)[validation.labels],
        members=validation.members,
    )
    method = METHODS[name]
    plain = method.fit(validation)(test.logits)
    permuted = method.fit(renamed)(test.logits[:, :, order])
    np.testing.assert_allclose(permuted, plain[:, order], atol=tolerance(method))


@every_method
def test_extreme_logits_give_probabilities(name: str) -> None:
    validation, test = splits()
    extreme = np.where(validation.logits > 0.5, 1e4, -1e4)
    combiner = METHODS[name].fit(Validation.make(extreme, validation.labels, members=test.members))
    for logits in (extreme, test.logits, np.where(test.logits > 0.5, 1e4, -1e4)):
        found = combiner(logits)
        assert np.isfinite(found).all()
        np.testing.assert_allclose(found.sum(axis=1), 1.0, atol=1e-12)


@every_method
def test_weights_sum_to_one_and_name_the_chosen(name: str) -> None:
    combiner = METHODS[name].fit(splits()[0])
    assert len(combiner.chosen) >= 1
    if combiner.weights is not None:
        assert (combiner.weights >= 0).all()
        np.testing.assert_allclose(combiner.weights.sum(axis=0), 1.0)
        positive = combiner.weights.reshape(6, -1).max(axis=1) > 0
        assert combiner.chosen == tuple(np.flatnonzero(positive))


@every_method
def test_labels_matter_only_where_the_method_says_so(name: str) -> None:
    validation, test = splits()
    method = METHODS[name]
    turned = Validation.make(
        validation.logits, (validation.labels + 1) % 4, members=validation.members
    )
    same = np.allclose(method.fit(turned)(test.logits), method.fit(validation)(test.logits))
    assert same or method.uses_validation
    assert method.uses_validation == (
        method.calibrated or method.name not in ("average", "geometric", "median", "vote", "borda")
    )


@every_method
def test_fitting_on_shared_evidence_equals_fitting_alone(name: str) -> None:
    validation, test = splits()
    shared = Evidence(validation)
    for other in ("exponential_calibrated", "committee_exponential_vote", name):
        METHODS[other].fit_on(shared)
    found = METHODS[name].fit_on(shared)(test.logits)
    alone = METHODS[name].fit(validation)(test.logits)
    # Not to the last bit: BLAS sums in another order where an array lies differently in memory.
    np.testing.assert_allclose(found, alone, rtol=1e-12)


@every_method
def test_methods_and_combiners_can_be_sent_to_another_process(name: str) -> None:
    validation, test = splits()
    method = pickle.loads(pickle.dumps(METHODS[name]))
    combiner = method.fit(validation)
    again = pickle.loads(pickle.dumps(combiner))
    np.testing.assert_array_equal(again(test.logits), combiner(test.logits))


@every_method
def test_a_single_member_is_refused_by_all_but_the_reference(name: str) -> None:
    validation, _ = make_predictions(m=1, n=40, c=4)
    if METHODS[name].family == "reference":
        assert METHODS[name].fit(validation).chosen == (0,)
        return
    with pytest.raises(PredictionsError) as caught:
        METHODS[name].fit(validation)
    assert str(caught.value) == (
        f"the method {name!r} was given one member: accepted are at least two"
    )


def test_names_labels_and_sources_are_there_and_unique() -> None:
    assert set(methods.CORE) <= set(METHODS)
    assert all(name == one.name for name, one in METHODS.items())
    assert len({one.label for one in METHODS.values()}) == len(METHODS)
    assert all(one.source for one in METHODS.values())


def test_calibrated_twins_say_so() -> None:
    for name, one in METHODS.items():
        assert one.calibrated == name.endswith("_calibrated")
        assert one.calibrated == ("temperatures: Guo et al. 2017" in one.source)


def test_a_calibrated_method_is_the_plain_one_on_scaled_logits() -> None:
    validation, test = splits()
    combiner = METHODS["accuracy_calibrated"].fit(validation)
    assert combiner.temperatures is not None
    scale = combiner.temperatures[:, None, None]
    scaled = Validation.make(validation.logits / scale, validation.labels)
    expected = METHODS["accuracy"].fit(scaled)(test.logits / scale)
    np.testing.assert_allclose(combiner(test.logits), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "detail"),
    [
        ("exponential_q12.5", "q = 12.5"),
        ("exponential_q-3", "q = -3"),
        ("exponential_q7_logit", "q = 7"),
        ("top_4", "k = 4"),
        ("top_2_logit", "k = 2"),
    ],
)
def test_numbered_methods_exist_for_any_number(name: str, detail: str) -> None:
    one = methods.method(name)
    assert one.name == name
    assert one.fit(splits()[0]).detail == detail


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("exponentail", " (did you mean 'exponential'?)"),
        ("top_0", " (did you mean 'top_k'?)"),
        ("xyz", ""),
    ],
)
def test_an_unknown_method_is_answered_with_help(name: str, hint: str) -> None:
    with pytest.raises(PredictionsError) as caught:
        methods.method(name)
    assert str(caught.value) == (
        f"there is no method {name!r}{hint}: accepted are exponential_q<number>, top_<number>, "
        + ", ".join(METHODS)
    )
