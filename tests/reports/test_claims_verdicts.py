"""Which word a published figure or a conclusion gets beside ours, and why."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from ensembles.scoring import compare
from reports import claims
from reports.claims import claims_rows
from reports.claims_judge import difference_bounds, judge
from reports.claims_ours import EXACT, Absent, Bench, Ours
from reports.claims_statements import Statement
from reports.published import Figure
from tests.reports.claims_cases import METHODS, claim, nine, others, plain_averages, renamed

# Figures


def figure(value: float = 0.60, **changes: object) -> Figure:
    fields = {
        "report": "r",
        "place": "Table 1",
        "kind": "result",
        "subject": "m",
        "metric": "accuracy",
        "value": value,
        "unit": 0.01,
        "split": "test",
        "dataset": "fer2013",
    }
    return Figure(**{**fields, **changes})


@pytest.mark.parametrize(
    ("changes", "bounds", "verdict"),
    [
        ({}, (0.58, 0.61), "reproduced"),
        ({}, (0.606, 0.63), "better"),
        ({}, (0.604, 0.63), "reproduced"),  # what rounding leaves open
        ({}, (0.57, 0.594), "not reproduced"),
        ({"precision": "about"}, (0.57, 0.594), "reproduced"),
        ({"metric": "log_loss"}, (0.50, 0.55), "better"),
        ({"metric": "log_loss"}, (0.65, 0.70), "not reproduced"),
        ({"split": "train"}, (0.65, 0.70), "not reproduced"),  # more overfitting is not better
        ({"precision": "above"}, (0.55, 0.605), "reproduced"),
        ({"precision": "above"}, (0.55, 0.599), "not reproduced"),
        ({"precision": "below"}, (0.595, 0.65), "reproduced"),
        ({"precision": "below"}, (0.605, 0.65), "not reproduced"),
        ({"metric": "best_size", "value": 8.0, "unit": 1.0}, (8, 8), "reproduced"),
        ({"metric": "best_size", "value": 8.0, "unit": 1.0}, (7, 7), "not reproduced"),
    ],
)
def test_the_rule(changes: dict[str, object], bounds: tuple[float, float], verdict: str) -> None:
    found = Ours(sum(bounds) / 2, *bounds, EXACT if bounds[0] == bounds[1] else "bootstrap")
    assert judge(figure(**changes), found, None)[0] == verdict


def test_the_reason_is_one_sentence_with_the_numbers() -> None:
    found = Ours(0.62, 0.60, 0.64, "bootstrap")
    assert judge(figure(0.55), found, None)[1] == (
        "The difference is +0.0700 (+0.0450 to +0.0950): ours is better beyond chance and rounding."
    )
    assert difference_bounds(figure(0.55), found) == pytest.approx((0.045, 0.095))
    assert judge(figure(35000, metric="images"), Ours.exact(35887), None)[1] == (
        "Ours is 35,887, beyond rounding."
    )
    assert judge(figure(0.65, precision="above"), found, None)[1] == (
        "Ours is 0.62 (0.6000 to 0.6400); claimed is more than 0.65, which ours excludes."
    )
    assert judge(figure(), found, "Because.") == ("not comparable", "Because.")
    assert judge(figure(), Absent("Not there."), None) == ("not comparable", "Not there.")


# Conclusions


def test_conclusions_about_the_nine() -> None:
    study, comparison = nine()
    rows = claims_rows(Bench(study, comparison))
    gain = claim(rows, "An ensemble is better")
    assert gain.ours is not None
    assert gain.ours_low is not None
    assert (gain.verdict == "reproduced") == (gain.ours_low > 0)
    bench = Bench(study, comparison)
    table = {frozenset(k): v for k, v in plain_averages(study.test).items()}
    helped = [
        table[s | {m}] > a for s, a in table.items() for m in study.test.members if m not in s
    ]
    assert claim(rows, "Adding a member almost").ours == pytest.approx(np.mean(helped))
    assert claim(rows, "The best average is of 8").ours == len(bench.best_subset)
    lead = min(
        comparison.score("average").test_accuracy - comparison.score(m).test_accuracy
        for m in ("accuracy", "per_class", "exponential")
    )
    assert claim(rows, "Simple averaging is better").ours == pytest.approx(lead)
    room = 0.01 - max(
        abs(comparison.score("average").test_accuracy - comparison.score(m).test_accuracy)
        for m in ("accuracy", "per_class", "exponential")
    )
    assert claim(rows, "Weighted averages stay").ours == pytest.approx(room)


def test_claimed_accuracies_meet_what_is_measured() -> None:
    study, comparison = others()
    rows = claims_rows(Bench(study, comparison))
    row = claim(rows, "The test accuracy is 83.2 %")
    assert row.verdict == "not reproduced"
    assert "not above 0.8315" in row.reason
    assert row.reason.endswith(
        "The supports of the published table are those of the training split."
    )
    assert claim(rows, "The test accuracy on ExpW").verdict == ("not comparable")
    there = dataclasses.replace(study, dataset="expw")
    assert claim(claims_rows(Bench(there, comparison)), "The test accuracy on ExpW").verdict == (
        "not reproduced"
    )


def test_a_tie_is_no_proof() -> None:
    study = renamed(("six-m3", "six-m6"))
    same = study.test.logits.copy()
    same[1] = same[0]
    study = dataclasses.replace(study, test=dataclasses.replace(study.test, logits=same))
    comparison = compare(study.validation, study.test, METHODS)
    row = claim(claims_rows(Bench(study, comparison)), "Model 3 is slightly better")
    assert row.ours == 0
    assert row.verdict == "not reproduced"


@pytest.mark.parametrize(
    ("rule", "found", "verdict", "reason"),
    [
        (
            {"threshold": 0.025, "reached": True},
            (0.02, 0.01, 0.03),
            "not reproduced",
            "Ours is 0.02 (0.0100 to 0.0300), not above 0.025; the interval leaves it open.",
        ),
        (
            {"threshold": 0.025, "reached": True},
            (0.03, 0.02, 0.04),
            "reproduced",
            "Ours is 0.03 (0.0200 to 0.0400), above 0.025; the interval leaves it open.",
        ),
        (
            {"threshold": 0.025, "reached": True},
            (0.03, 0.026, 0.04),
            "reproduced",
            "Ours is 0.03 (0.0260 to 0.0400), above 0.025.",
        ),
        (
            {"threshold": 0.025, "reached": True},
            (0.01, 0.005, 0.02),
            "not reproduced",
            "Ours is 0.01 (0.0050 to 0.0200), not above 0.025.",
        ),
        (
            {},
            (0.01, -0.01, 0.03),
            "not reproduced",
            "Ours is 0.01 (-0.0100 to 0.0300), a tie within chance; the interval leaves it open.",
        ),
        (
            {},
            (0.01, 0.005, 0.03),
            "reproduced",
            "Ours is 0.01 (0.0050 to 0.0300), above 0 beyond chance.",
        ),
        (
            {},
            (-0.02, -0.03, -0.01),
            "not reproduced",
            "Ours is -0.02 (-0.0300 to -0.0100), not above 0.",
        ),
        (
            {"equal": 8},
            (6.0, 4.0, 8.0),
            "not reproduced",
            "Ours is 6 (4.0000 to 8.0000), claimed is 8; the interval leaves it open.",
        ),
        (
            {"equal": 8},
            (8.0, 7.0, 9.0),
            "reproduced",
            "Ours is 8 (7.0000 to 9.0000), claimed is 8; the interval leaves it open.",
        ),
        ({"equal": 8}, (8.0, 8.0, 8.0), "reproduced", "Ours is 8, claimed is 8."),
        (
            {"equal": 8},
            (5.0, 4.0, 7.0),
            "not reproduced",
            "Ours is 5 (4.0000 to 7.0000), claimed is 8.",
        ),
    ],
)
def test_the_rule_of_conclusions(
    monkeypatch: pytest.MonkeyPatch,
    rule: dict[str, object],
    found: tuple[float, float, float],
    verdict: str,
    reason: str,
) -> None:
    measured = Ours(*found, EXACT if found[1] == found[2] else "bootstrap")
    statement = Statement(
        report="nine", place="p", claim="c", measured="m", ours=lambda _: measured, **rule
    )
    monkeypatch.setattr(claims, "STATEMENTS", (statement,))
    (row,) = claims_rows(Bench(*nine()))
    assert (row.verdict, row.reason) == (verdict, reason)
