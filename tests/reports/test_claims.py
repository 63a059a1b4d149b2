"""Published figures beside ours: what is compared with what, and which word it gets."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import cache
from itertools import combinations

import numpy as np
import pytest
from scipy.stats import bootstrap

from ensembles import metrics
from ensembles.fusion import softmax
from ensembles.predictions import Test, Validation
from ensembles.scoring import Comparison, compare
from reports.audit_splits import FER2013, Origin
from reports.claims import (
    ClaimRow,
    PaperRow,
    claims_rows,
    claims_table,
    measured_on,
    papers_rows,
    papers_table,
)
from reports.claims_judge import difference_bounds, judge
from reports.claims_ours import EXACT, Absent, Answers, Bench, Ours
from reports.claims_statements import STATEMENTS
from reports.findings import Findings
from reports.formatting import SUFFIXES, render
from reports.published import Figure, load
from reports.study import Study
from tests.reports import factory

METHODS = ("single_best", "average", "accuracy", "per_class", "exponential")
OTHERS = ("lenet", "lenet-balanced", "leaky", "leaky-4conv", "six-efficientnetb0", "vgg16")


def renamed(names: Sequence[str], *, images: int = 400, **changes: object) -> Study:
    """A study whose members bear the names of the catalogue."""
    study = factory.study(len(names), images=images)

    def split(kind: type, old: Validation | Test) -> object:
        return kind.make(
            old.logits,
            old.labels,
            members=names,
            classes=old.classes,
            sample_ids=old.sample_ids,
            duplicate=old.duplicate,
        )

    return dataclasses.replace(
        study,
        records=tuple(
            dataclasses.replace(r, name=n, groups=("nine",) if n in factory.NINE else ())
            for r, n in zip(study.records, names, strict=True)
        ),
        validation=split(Validation, study.validation),
        test=split(Test, study.test),
        **changes,
    )


@cache
def nine() -> tuple[Study, Comparison]:
    study = factory.study(images=1000)
    return study, compare(study.validation, study.test, METHODS)


@cache
def others() -> tuple[Study, Comparison]:
    six = tuple(f"six-m{i}" for i in range(1, 7))
    study = renamed((*OTHERS, *six))
    return study, compare(study.validation, study.test, METHODS)


@cache
def nine_rows() -> list[PaperRow]:
    return papers_rows(Bench(*nine()))


@cache
def others_rows() -> list[PaperRow]:
    return papers_rows(Bench(*others()))


def paper(rows: Sequence[PaperRow], **wanted: object) -> PaperRow:
    found = [r for r in rows if all(getattr(r, k) == v for k, v in wanted.items())]
    assert len(found) == 1
    return found[0]


def claim(rows: Sequence[ClaimRow], start: str) -> ClaimRow:
    (found,) = [row for row in rows if row.claim.startswith(start)]
    return found


# Which rows there are


def test_every_published_figure_has_its_row() -> None:
    rows = nine_rows()
    figures = [f for report in load() for f in report.figures]
    assert [(r.report, r.place, r.published) for r in rows] == [
        (f.report, f.place, f.value) for f in figures
    ]
    assert all(row.reason.endswith(".") for row in rows)
    assert all(row.ours is not None for row in rows if row.verdict != "not comparable")


def test_every_conclusion_has_its_row() -> None:
    for study, comparison in (nine(), others()):
        rows = claims_rows(Bench(study, comparison))
        assert [row.claim for row in rows] == [s.claim for s in STATEMENTS]
        assert all(row.ours is not None for row in rows if row.verdict != "not comparable")


# The rule


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


# What is compared with what


def test_the_audit_says_where_tables_were_measured() -> None:
    found = measured_on()
    assert found["leaky", "test"] == Origin(("train",), official=True)
    assert found["lenet", "test"] == Origin(("validation",), 20, official=True)
    assert found["six-m6", "test"] == Origin(("test",), official=True)
    assert found["lenet-balanced", "test"].balanced


def test_figures_measured_on_training_images_are_not_comparable() -> None:
    study, _ = others()
    row = paper(others_rows(), subject="leaky", place="Section 3.3 and Conclusion")
    assert row.verdict == "not comparable"
    assert row.reason == (
        "It was evaluated on training images: the supports of its table are Training's."
    )
    at = study.test.members.index("leaky")
    assert row.our_split == "test"
    assert row.ours == np.mean(study.test.logits[at].argmax(axis=1) == study.test.labels)


def test_figures_of_public_test_are_compared_on_validation() -> None:
    study, _ = others()
    rows = others_rows()
    row = paper(rows, subject="lenet", place="Table 2", metric="accuracy")
    at = study.validation.members.index("lenet")
    predicted = study.validation.logits[at].argmax(axis=1)
    assert row.claimed_split == "test"
    assert row.our_split == "validation"
    assert row.ours == np.mean(predicted == study.validation.labels)
    assert row.verdict != "not comparable"
    assert row.reason.endswith(
        "Published as test, but the supports of its table are 20 × PublicTest, so ours is measured "
        "on the validation split."
    )
    support = paper(rows, subject="lenet", place="Table 3", metric="support", label="angry")
    assert support.ours == 20 * int(np.sum(study.validation.labels == 0))


def test_the_balanced_table_is_not_comparable() -> None:
    row = paper(others_rows(), subject="lenet-balanced", place="Table 5", metric="accuracy")
    assert row.verdict == "not comparable"
    assert row.reason == (
        "Its table counts a balanced set of copies (220 × the smallest class of PublicTest), which "
        "is not the official test split."
    )


def test_members_recipes_and_training_are_found() -> None:
    study, _ = others()
    rows = others_rows()
    training = paper(rows, subject="six-m3", metric="accuracy", claimed_split="train")
    assert training.ours == study.records[8].history[-1].train_accuracy
    f1 = paper(rows, subject="six-m6", metric="f1", label="disgust")
    report = metrics.classification_report(
        study.test.logits[11].argmax(axis=1), study.test.labels, 7
    )
    assert f1.ours == pytest.approx(report.f1[1])
    assert paper(rows, subject="six-m6", metric="weighted precision").ours == pytest.approx(
        report.weighted.precision
    )
    assert paper(rows, subject="six-m6", metric="macro recall").ours == pytest.approx(
        report.macro.recall
    )
    loss = paper(rows, subject="six-m6", metric="log loss", claimed_split="validation")
    assert loss.ours == pytest.approx(
        metrics.log_loss(softmax(study.validation.logits[11]), study.validation.labels)
    )
    assert paper(rows, subject="six-m1", metric="batch size").verdict == "reproduced"
    assert paper(rows, subject="six-m1", metric="steps per epoch").ours == 225
    assert paper(rows, report="six", metric="images", label="happy").reason == (
        "Ours is 7,215, beyond rounding."
    )


def test_the_nine_and_their_ensembles() -> None:
    study, comparison = nine()
    rows = nine_rows()
    accuracies = (study.test.logits.argmax(axis=2) == study.test.labels).mean(axis=1)
    best = [r for r in rows if r.metric == "best accuracy"]
    assert [r.ours for r in best] == [pytest.approx(accuracies.max())] * 2
    assert paper(rows, metric="members above 0.55").ours == np.sum(accuracies > 0.55)
    gain = paper(rows, metric="gain")
    average = comparison.score("average").test_accuracy
    assert gain.ours == pytest.approx(average - accuracies.max())
    assert gain.interval == "paired bootstrap over images"
    assert paper(rows, subject="fcn-a", metric="parameters").verdict == "reproduced"


def plain_averages(split: Validation | Test) -> dict[tuple[str, ...], float]:
    """Accuracy of the average of every subset, the plain way."""
    probabilities = softmax(split.logits)
    return {
        tuple(split.members[i] for i in subset): float(
            np.mean(probabilities[list(subset)].mean(axis=0).argmax(axis=1) == split.labels)
        )
        for size in range(1, len(split.members) + 1)
        for subset in combinations(range(len(split.members)), size)
    }


def test_the_best_subset_is_chosen_on_validation() -> None:
    study, comparison = nine()
    bench = Bench(study, comparison)
    plain = plain_averages(study.validation)
    assert plain[bench.best_subset] == max(plain.values())
    assert paper(nine_rows(), metric="best size").ours == len(bench.best_subset)
    weak = [m for m in bench.best_subset if bench.right(m).mean() <= 0.602]
    assert paper(nine_rows(), metric="weak in best 0.602").ours == len(weak)


def test_ensembles_of_the_nine_leave_other_members_out() -> None:
    study = renamed((*factory.NINE, "leaky"))
    methods = ("average", "accuracy", "per_class", "exponential")
    comparison = compare(study.validation, study.test, METHODS)
    alone = compare(study.validation.select(factory.NINE), study.test.select(factory.NINE), methods)
    rows = papers_rows(Bench(study, comparison))
    row = paper(rows, subject="average", metric="accuracy", precision="about")
    assert row.ours == alone.score("average").test_accuracy
    assert row.ours != comparison.score("average").test_accuracy
    assert row.verdict != "not comparable"


# When nothing can be compared


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"profile": "quick"},
            "Ours comes from the quick profile: narrowed networks, few epochs.",
        ),
        (
            {"dataset": "faces", "synthetic": True},
            "Ours is measured on another dataset (faces, drawn faces instead of fer2013).",
        ),
        (
            {"class_counts": {**FER2013, "test": (1, 2, 3, 4, 5, 6, 7)}},
            "Ours is measured on other splits of FER2013 than the official ones.",
        ),
    ],
)
def test_another_study_is_not_comparable(changes: dict[str, object], reason: str) -> None:
    study, comparison = nine()
    rows = papers_rows(Bench(dataclasses.replace(study, **changes), comparison))
    row = paper(rows, subject="deep-a", metric="accuracy")
    assert (row.verdict, row.reason) == ("not comparable", reason)
    assert row.ours is not None
    helps = claim(
        claims_rows(Bench(dataclasses.replace(study, **changes), comparison)), "An ensemble is b"
    )
    assert helps.verdict == "not comparable"
    assert helps.ours is not None


def test_missing_members_say_why() -> None:
    study, comparison = nine()
    study = dataclasses.replace(study, missing=(("lenet", "out of memory"),))
    rows = papers_rows(Bench(study, comparison))
    assert paper(rows, subject="lenet", place="Table 2", metric="accuracy").reason == (
        "The member lenet is not in this study (out of memory)."
    )
    assert claim(claims_rows(Bench(study, comparison)), "The network overfits").reason == (
        "The member lenet is not in this study (out of memory)."
    )


def test_fewer_than_nine_members_do_not_stand_for_them() -> None:
    study = renamed(factory.NINE[:4])
    comparison = compare(study.validation, study.test, METHODS)
    row = paper(papers_rows(Bench(study, comparison)), metric="gain")
    assert (row.verdict, row.reason) == (
        "not comparable",
        "The report speaks of nine members; this study has 4 of that group.",
    )


def test_networks_without_their_pretrained_weights() -> None:
    study, comparison = others()
    records = tuple(
        dataclasses.replace(r, pretrained=False) if r.name == "six-efficientnetb0" else r
        for r in study.records
    )
    rows = papers_rows(Bench(dataclasses.replace(study, records=records), comparison))
    row = paper(rows, subject="six-efficientnetb0", metric="accuracy", claimed_split="test")
    assert (row.verdict, row.reason) == (
        "not comparable",
        "Ours was trained without the pretrained weights that the report started from.",
    )


def test_imported_members_without_history_or_parameters() -> None:
    study, comparison = nine()
    bare = factory.from_logits(study.validation, study.test, dataset="fer2013")
    rows = papers_rows(Bench(bare, comparison))
    assert paper(rows, subject="deep-a", metric="parameters").reason == (
        "The parameters of this member are not known, for it was imported."
    )
    assert paper(rows, subject="deep-a", metric="epochs").reason == (
        "A recipe of this project does not record it."
    )
    assert paper(rows, report="nine", metric="images").reason == (
        "The class counts of this study are not known."
    )


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


# Intervals


def test_paired_interval_is_that_of_the_bootstrap() -> None:
    study, comparison = nine()
    bench = Bench(study, comparison)
    left, right = bench.right("average"), bench.right("deep-a")
    found = bench.against("average", "deep-a")
    assert isinstance(found, Ours)
    oracle = bootstrap(
        (left.astype(float) - right,), np.mean, method="percentile", rng=1, n_resamples=4000
    ).confidence_interval
    assert found.value == pytest.approx(left.mean() - right.mean())
    assert found.low == pytest.approx(oracle.low, abs=0.004)
    assert found.high == pytest.approx(oracle.high, abs=0.004)


def test_differences_are_those_of_the_table_of_pairs() -> None:
    study, comparison = nine()
    paired = Findings(study, comparison).paired
    left, right = (paired.names.index(name) for name in ("deep-a", "fcn-c"))
    found = Bench(study, comparison).against("deep-a", "fcn-c")
    assert isinstance(found, Ours)
    assert (found.value, found.low, found.high) == pytest.approx(
        (
            paired.difference[left, right],
            paired.difference_low[left, right],
            paired.difference_high[left, right],
        )
    )


@pytest.mark.parametrize(
    ("metric", "label"),
    [("f1", "sad"), ("macro_f1", ""), ("recall", "happy"), ("log_loss", ""), ("accuracy", "")],
)
def test_intervals_are_those_of_resampled_images(metric: str, label: str) -> None:
    study, _ = nine()
    found = Answers.of(study.test, "deep-a").measure(metric, label)
    assert isinstance(found, Ours)
    rng = np.random.default_rng(7)
    values = []
    for _ in range(400):
        sample = study.test.take(rng.integers(0, len(study.test.labels), len(study.test.labels)))
        again = _plain(sample, metric, label)
        values.append(again)
    low, high = np.quantile(values, [0.025, 0.975])
    width = high - low
    assert found.value == pytest.approx(_plain(study.test, metric, label))
    assert found.low == pytest.approx(low, abs=0.2 * width)
    assert found.high == pytest.approx(high, abs=0.2 * width)


def _plain(test: Test, metric: str, label: str) -> float:
    logits = test.logits[test.members.index("deep-a")]
    if metric == "log_loss":
        return metrics.log_loss(softmax(logits), test.labels)
    report = metrics.classification_report(logits.argmax(axis=1), test.labels, 7)
    if metric == "accuracy":
        return report.accuracy
    if metric == "macro_f1":
        return report.macro.f1
    return float(getattr(report, metric)[test.classes.index(label)])


# As tables


def test_both_tables_in_every_format() -> None:
    study, comparison = nine()
    for table in (papers_table(Bench(study, comparison)), claims_table(Bench(study, comparison))):
        for form in SUFFIXES.values():
            text = render(table, form)
            assert "not comparable" in text
    frame = papers_table(Bench(study, comparison)).frame
    assert len(frame) == sum(len(report.figures) for report in load())
    assert set(frame["verdict"]) <= {"reproduced", "better", "not reproduced", "not comparable"}
