"""Which word a published figure or a conclusion gets beside ours, and why."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from ensembles.scoring import compare
from ensembles.significance import bootstrap_means
from reports import claims
from reports.claims import claims_rows, papers_rows
from reports.claims_judge import difference_bounds, judge
from reports.claims_numbers import EXACT, Absent, Ours
from reports.claims_ours import Bench
from reports.claims_statements import STATEMENTS, Statement
from reports.published import Figure
from tests.reports.claims_cases import METHODS, claim, nine, others, paper, plain_averages, renamed

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


BEST_SIZE = {"kind": "ensemble", "metric": "best_size", "value": 8.0, "unit": 1.0}


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
        ({"precision": "above"}, (0.55, 0.66), "reproduced"),
        ({"precision": "above"}, (0.55, 0.64), "not reproduced"),  # though it reaches above
        ({"precision": "below"}, (0.55, 0.64), "reproduced"),
        ({"precision": "below"}, (0.55, 0.66), "not reproduced"),
        (BEST_SIZE, (8, 8), "reproduced"),
        (BEST_SIZE, (7, 7), "not reproduced"),
        (BEST_SIZE, (5, 9), "not reproduced"),  # 7, though the interval contains 8
        (BEST_SIZE, (7, 9), "reproduced"),
        ({"kind": "recipe", "metric": "epochs", "unit": 1.0}, (0.6, 0.6), "not comparable"),
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
        "Ours is 0.62 (0.6000 to 0.6400), not above 0.65."
    )
    assert judge(figure(0.63, precision="below"), found, None)[1] == (
        "Ours is 0.62 (0.6000 to 0.6400), at most 0.63; the interval leaves it open."
    )
    size = Ours(6.0, 4.0, 8.0, "bootstrap")
    assert judge(figure(**BEST_SIZE), size, None) == (
        "not reproduced",
        "Ours is 6 (4.0000 to 8.0000), claimed is 8; the interval leaves it open.",
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
    for start in ("Adding a member almost", "Adding a member helps even"):
        row = claim(rows, start)
        assert row.interval == "re-centred bootstrap over images"
        assert row.reason.endswith(
            "Chance in one test split turns small gains into losses and the other way round, so a "
            "share of it lies nearer to one half than among all images."
        )
    assert claim(rows, "The best average is of 8").ours == len(bench.best_subset)
    lead = min(
        comparison.score("average").test_accuracy - comparison.score(m).test_accuracy
        for m in ("accuracy", "per_class", "exponential")
    )
    assert claim(rows, "Simple averaging is better").ours == pytest.approx(lead)
    farthest = max(
        comparison.score("average").test_accuracy - comparison.score(m).test_accuracy
        for m in ("accuracy", "per_class", "exponential")
    )
    assert claim(rows, "Every weighted average is less").ours == pytest.approx(farthest)


def test_claimed_accuracies_meet_what_is_measured() -> None:
    study, comparison = others()
    rows = claims_rows(Bench(study, comparison))
    row = claim(rows, "The test accuracy is 83.2 %")
    assert (row.verdict, row.reason) == (
        "not comparable",
        "It was evaluated on training images: the supports of its table are Training's.",
    )
    assert row.ours is not None
    there = dataclasses.replace(study, dataset="expw")
    row = claim(claims_rows(Bench(there, comparison)), "The test accuracy on ExpW")
    assert row.verdict == "not reproduced"
    assert row.reason.startswith("The difference is -0.")
    assert row.reason.endswith(
        "ours is worse beyond chance and rounding. No per-class table supports it, and other work "
        "on ExpW reaches 72 to 76 %."
    )


def test_a_tie_is_no_better() -> None:
    study = renamed(("six-m3", "six-efficientnetb0"))
    same = study.test.logits.copy()
    same[1] = same[0]
    study = dataclasses.replace(study, test=dataclasses.replace(study.test, logits=same))
    comparison = compare(study.validation, study.test, METHODS)
    row = claim(claims_rows(Bench(study, comparison)), "The pretrained EfficientNetB0 is no better")
    assert (row.ours, row.verdict) == (0, "reproduced")


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
            {"threshold": 0.025, "rule": "above"},
            (0.02, 0.01, 0.03),
            "not reproduced",
            "Ours is 0.02 (0.0100 to 0.0300), not above 0.025; the interval leaves it open.",
        ),
        (
            {"threshold": 0.025, "rule": "above"},
            (0.03, 0.02, 0.04),
            "reproduced",
            "Ours is 0.03 (0.0200 to 0.0400), above 0.025; the interval leaves it open.",
        ),
        (
            {"threshold": 0.025, "rule": "above"},
            (0.03, 0.026, 0.04),
            "reproduced",
            "Ours is 0.03 (0.0260 to 0.0400), above 0.025.",
        ),
        (
            {"threshold": 0.025, "rule": "above"},
            (0.01, 0.005, 0.02),
            "not reproduced",
            "Ours is 0.01 (0.0050 to 0.0200), not above 0.025.",
        ),
        (
            {"threshold": 0.01, "rule": "at most"},
            (0.009, 0.004, 0.02),
            "reproduced",
            "Ours is 0.009 (0.0040 to 0.0200), at most 0.01; the interval leaves it open.",
        ),
        (
            {"threshold": 0.01, "rule": "at most"},
            (0.02, 0.015, 0.03),
            "not reproduced",
            "Ours is 0.02 (0.0150 to 0.0300), above 0.01.",
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


def test_what_a_conclusion_repeats_is_read_from_the_report() -> None:
    found = {one.text: one.cited for one in STATEMENTS if one.cites}
    assert {text: figure.value for text, figure in found.items() if figure} == {
        "An ensemble is more than 2.5 points better than the best single network": 0.025,
        "Every weighted average is less than 1 point behind simple averaging": 0.01,
        "The best average is of 8 members": 8,
        "The test accuracy is 83.2 %": 0.832,
        "The test accuracy on ExpW is 91 %": 0.91,
    }
    assert not any("{" in one.text for one in STATEMENTS)


def same_word_benches() -> dict[str, Bench]:
    study, comparison = others()
    close = dataclasses.replace(study, dataset="expw")
    # Logits that are right more often than the report on ExpW says.
    sure = study.test.logits.copy()
    vgg16 = study.test.members.index("vgg16")
    sure[vgg16, np.arange(len(study.test.labels)), study.test.labels] += 4.0
    test = dataclasses.replace(study.test, logits=sure)
    return {
        "nine": Bench(*nine()),
        "others": Bench(study, comparison),
        "expw": Bench(close, comparison),
        "accurate": Bench(dataclasses.replace(close, test=test), comparison),
    }


def test_a_figure_and_a_conclusion_that_say_the_same_get_the_same_word() -> None:
    """Each conclusion that repeats a figure has the verdict, number and reason of that figure."""
    words = set()
    for bench in same_word_benches().values():
        rows, conclusions = papers_rows(bench), claims_rows(bench)
        for statement, one in zip(STATEMENTS, conclusions, strict=True):
            figure = statement.cited
            if figure is None:
                continue
            metric = figure.metric.replace("_", " ")
            same = [r for r in rows if (r.report, r.metric) == (figure.report, metric)]
            if metric == "behind average":  # of every weighted average, which must all keep it
                assert len(same) == 3
                assert {one.verdict} <= {r.verdict for r in same}
                assert (one.verdict == "reproduced") == all(r.verdict == "reproduced" for r in same)
                known = [r.ours for r in same if r.ours is not None]
                assert one.ours == pytest.approx(max(known)) if known else one.ours is None
                continue
            row = paper(
                same, subject=figure.subject, place=figure.place, claimed_split=figure.split
            )
            assert (row.ours, row.verdict) == (one.ours, one.verdict)
            assert row.reason == one.reason.removesuffix(statement.remark).rstrip()
            words.add((statement.text, one.verdict))
    assert {
        ("The best average is of 8 members", "not reproduced"),
        ("The test accuracy is 83.2 %", "not comparable"),
        ("The test accuracy on ExpW is 91 %", "not reproduced"),
        ("The test accuracy on ExpW is 91 %", "better"),
    } <= words


@pytest.mark.parametrize(
    ("start", "pairs", "sign"),
    [
        (
            "Simple averaging is better",
            [("average", name) for name in ("accuracy", "per_class", "exponential")],
            1,
        ),
        (
            "Accuracy-weighted averaging is the best",
            [("accuracy", name) for name in ("average", "per_class", "exponential")],
            1,
        ),
        (
            "Per-class weighting is consistently below",
            [(name, "per_class") for name in ("average", "accuracy", "exponential")],
            1,
        ),
        (
            "Every weighted average is less than",
            [(name, "average") for name in ("accuracy", "per_class", "exponential")],
            -1,
        ),
    ],
)
def test_claims_about_several_pairs_are_judged_on_each_pair(
    start: str, pairs: list[tuple[str, str]], sign: int
) -> None:
    bench = Bench(*nine())
    row = claim(claims_rows(bench), start)
    found = [bench.against(*pair) for pair in pairs]
    least = min(one.value for one in found if isinstance(one, Ours))
    lowest = min(one.low for one in found if isinstance(one, Ours))
    assert row.ours is not None and row.ours_low is not None and row.ours_high is not None
    assert row.ours == pytest.approx(sign * least)
    assert row.ours_low <= row.ours <= row.ours_high
    assert (row.ours_low if sign == 1 else -row.ours_high) == pytest.approx(lowest)
    assert row.interval == "paired bootstrap over images, pair by pair"


def test_the_least_gain_of_the_variations_is_that_of_one_pair() -> None:
    study, comparison = others()
    row = claim(claims_rows(Bench(study, comparison)), "Every variation of model 1")
    six = study.validation.select([f"six-m{i}" for i in range(1, 7)])
    right = six.logits.argmax(axis=2) == six.labels
    assert row.ours == pytest.approx((right[1:].mean(axis=1) - right[0].mean()).min())
    draws = bootstrap_means(right, seed=5)
    of_pairs = [np.quantile(draws[k] - draws[0], 0.025) for k in range(1, 6)]
    assert row.ours_low == pytest.approx(min(of_pairs), abs=4e-3)
    assert row.ours_high is not None and row.ours_high >= row.ours
