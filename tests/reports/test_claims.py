"""Published figures beside ours: which rows there are, and what is compared with what."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from ensembles import metrics
from ensembles.fusion import softmax
from ensembles.scoring import compare
from reports.audit_splits import FER2013, Origin
from reports.claims import claims_rows, claims_table, measured_on, papers_rows, papers_table
from reports.claims_ours import Bench
from reports.claims_statements import STATEMENTS
from reports.formatting import SUFFIXES, render
from reports.published import load
from reports.study import Missing
from tests.reports import factory
from tests.reports.claims_cases import (
    METHODS,
    claim,
    nine,
    nine_rows,
    others,
    others_rows,
    paper,
    plain_averages,
    renamed,
)

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
        assert [row.claim for row in rows] == [s.text for s in STATEMENTS]
        assert all(row.ours is not None for row in rows if row.verdict != "not comparable")


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


def test_what_is_not_comparable_has_no_difference() -> None:
    row = paper(nine_rows(), report="vgg16", metric="images", place="Abstract")
    assert (row.published, row.ours, row.verdict) == (100_000, 35_887, "not comparable")
    for row in (*nine_rows(), *others_rows()):
        bounds = (row.difference, row.difference_low, row.difference_high)
        assert (bounds == (None, None, None)) == (row.verdict == "not comparable")
        assert (row.interval == "") == (row.verdict == "not comparable")


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
    assert paper(rows, subject="six-m1", metric="steps per epoch").ours == 225
    assert paper(rows, report="six", metric="images", label="happy").reason == (
        "Ours is 7,215, beyond rounding."
    )


def test_settings_are_no_results() -> None:
    same = "It is a setting, not a result; ours is the same."
    rows = others_rows()
    unknown = "It is a setting, not a result. A recipe of this project does not record it."
    for wanted, ours, reason in (
        ({"subject": "six-m1", "metric": "batch size"}, 128, same),
        ({"report": "six", "metric": "image side"}, 48, same),
        ({"report": "six", "metric": "classes"}, 7, same),
        (
            {"subject": "lenet", "metric": "learning rate"},
            0.001,
            "It is a setting, not a result; ours is 0.001.",
        ),
        ({"subject": "vgg16", "metric": "epochs at first"}, None, unknown),
    ):
        row = paper(rows, **wanted)
        assert (row.verdict, row.ours, row.reason) == ("not comparable", ours, reason)
    # What is counted in the data, or in the networks as built, can come out another way.
    assert paper(nine_rows(), report="nine", metric="images").verdict == "reproduced"
    assert paper(nine_rows(), metric="members").reason == same


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
    study = dataclasses.replace(study, missing=(Missing("lenet", "out of memory"),))
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
        "The report speaks of 9 members; this study has 4 of that group.",
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
        "It is a setting, not a result. A recipe of this project does not record it."
    )
    assert paper(rows, report="nine", metric="images").reason == (
        "The class counts of this study are not known."
    )


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
