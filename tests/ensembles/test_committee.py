"""The hierarchical committee against both levels written out."""

from __future__ import annotations

import numpy as np
import pytest

from ensembles import committee, weighting
from ensembles.evidence import Evidence
from ensembles.fusion import softmax
from ensembles.predictions import PredictionsError, Validation
from tests.ensembles.factory import make_predictions

NAMES = ("deep-a", "deep-b", "shallow-a", "shallow-b", "shallow-c", "lenet")


def split() -> Validation:
    return make_predictions(m=6, n=80, members=NAMES)[0]


def message(caught: pytest.ExceptionInfo[PredictionsError]) -> str:
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "family"),
    [("deep-a", "deep"), ("wide-net-2", "wide-net"), ("lenet", "lenet"), ("-a", "-a")],
)
def test_the_family_is_the_name_up_to_its_last_dash(name: str, family: str) -> None:
    assert committee.family_of(name) == family


@pytest.mark.parametrize("across", ["mean", "median", "vote"])
def test_averages_inside_then_across(across: str) -> None:
    validation = split()
    p = softmax(validation.logits)
    families = np.stack([p[:2].mean(axis=0), p[2:5].mean(axis=0), p[5]])
    found = committee.committee(Evidence(validation), "average", across)(validation.logits)
    if across == "mean":
        np.testing.assert_allclose(found, families.mean(axis=0), atol=1e-12)
    elif across == "median":
        middle = np.median(families, axis=0)
        np.testing.assert_allclose(found, middle / middle.sum(axis=1, keepdims=True), atol=1e-12)
    else:
        choices = families.argmax(axis=-1)
        for n in range(len(found)):
            votes = np.bincount(choices[:, n], minlength=5)
            np.testing.assert_allclose(found[n], votes / 3, atol=1e-8)
            if votes.max() == 1:  # three families disagree: the most confident one decides
                assert found[n].argmax() == choices[families[:, n].max(axis=1).argmax(), n]


def test_each_family_searches_its_own_exponent() -> None:
    validation = split()
    found = committee.committee(Evidence(validation), "exponential", "mean")
    inside = [
        weighting.exponential(Evidence(validation.select(NAMES[rows])))
        for rows in (slice(0, 2), slice(2, 5))
    ]
    assert found.detail == f"3 families: deep {inside[0].detail}, shallow {inside[1].detail}"
    weights = [inside[0].weights, inside[1].weights, np.ones(1)]
    np.testing.assert_allclose(found.weights, np.concatenate(weights) / 3)


def test_families_can_be_given() -> None:
    validation = split()
    mapping = dict.fromkeys(NAMES, "one") | {"lenet": "two", "deep-b": "two"}
    found = committee.families_of(Evidence(validation, mapping))
    assert found == {"one": (0, 2, 3, 4), "two": (1, 5)}


def test_a_member_without_a_family_is_refused() -> None:
    with pytest.raises(PredictionsError) as caught:
        committee.families_of(Evidence(split(), {"deep-a": "deep"}))
    assert message(caught) == (
        "the member 'deep-b' has no architecture family: accepted is one family for every member"
    )


def test_a_committee_needs_two_levels() -> None:
    wanted = "accepted are at least two families, one of them with two members"
    with pytest.raises(PredictionsError) as caught:
        committee.committee(Evidence(split().select(NAMES[:2])))
    assert message(caught) == f"2 members are of 1 architecture family: {wanted}"
    with pytest.raises(PredictionsError) as caught:
        committee.committee(Evidence(split().select(("deep-a", "lenet"))))
    assert message(caught) == f"2 members are of 2 architecture families: {wanted}"
