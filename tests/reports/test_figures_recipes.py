"""Figures of epochs, optimizers and balancing: who is compared with whom, and what is drawn."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from reports.drawing import Drawing
from reports.figures_recipes import Group
from reports.findings import Findings
from reports.published import load
from reports.recipe_content import BALANCE, EPOCHS, OPTIMIZER, alike, compared_epochs, recipe_jobs
from reports.report import write_reports
from reports.study import MemberRecord, Study
from tests.reports import factory
from tests.reports.claims_cases import renamed
from tests.reports.test_figures import texts
from zoo.catalogue import load_catalogue
from zoo.job import fingerprint
from zoo.profiles import profile

LEAKY = ("leaky", "leaky-sgd", "leaky-momentum", "leaky-adadelta")
LENET = ("lenet", "lenet-balanced")
ADAM = {"optimizer": "adam", "learning_rate": 0.001, "epochs": 13, "balance": None, "dropout": 0.25}
RECIPES: Mapping[str, Mapping[str, Any]] = {
    "leaky": ADAM,
    "leaky-sgd": {**ADAM, "optimizer": "sgd", "learning_rate": 0.01},
    "leaky-momentum": {**ADAM, "optimizer": "momentum", "learning_rate": 0.01},
    "leaky-adadelta": {**ADAM, "optimizer": "adadelta", "learning_rate": 1.0},
    "lenet": {**ADAM, "epochs": 20},
    "lenet-balanced": {**ADAM, "epochs": 20, "balance": {"copies": 10}},
    "short": {**ADAM, "epochs": 5},
    "long": {**ADAM, "epochs": 50},
}
FEW = ("single_best",)


def study_of(*names: str, **changes: object) -> Study:
    """A study of members of these names with the recipes above; each family is one network."""
    study = renamed(names, images=210)
    records = [
        dataclasses.replace(
            record,
            recipe=RECIPES[record.name],
            architecture=record.name.split("-")[0] if "-" in record.name else record.name,
            history=record.history[: RECIPES[record.name]["epochs"]],
        )
        for record in study.records
    ]
    return dataclasses.replace(study, records=tuple(records), **changes)


def jobs_of(study: Study) -> Mapping[str, Any]:
    return recipe_jobs(Findings.of(study, FEW))


def names(groups: Sequence[Sequence[MemberRecord]]) -> list[list[str]]:
    return [[record.name for record in group] for group in groups]


# Who is compared


def test_members_alike_but_for_one_thing_form_a_group() -> None:
    records = study_of(*LEAKY, *LENET).records
    assert names(alike(records, OPTIMIZER)) == [list(LEAKY)]
    assert names(alike(records, BALANCE)) == [list(LENET)]
    assert alike(records, EPOCHS) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"architecture": "another"},
        {"architecture": ""},
        {"recipe": {}},
        {"recipe": {**RECIPES["leaky-sgd"], "dropout": 0.3}},
        {"recipe": {**ADAM, "learning_rate": 0.002}},  # the same optimizer
    ],
)
def test_members_that_differ_in_more_form_none(changes: dict[str, Any]) -> None:
    one, other = study_of("leaky", "leaky-sgd").records
    assert alike([one, dataclasses.replace(other, **changes)], OPTIMIZER) == []


def test_the_reports_that_compare_numbers_of_epochs_are_found_in_what_they_publish() -> None:
    found = {report.key: compared_epochs(report) for report in load()}
    assert found == {
        "nine": {},
        "lenet": {},
        "six": {},
        "leaky": {"leaky": (8, 13)},
        "vgg16": {"vgg16": (5, 10)},
    }


# Which figures there are


@pytest.mark.parametrize(
    ("members", "figures"),
    [
        ((*LEAKY, *LENET), {"accuracy_epochs", "accuracy_optimizers", "accuracy_balancing"}),
        (("leaky-sgd", "leaky-momentum"), {"accuracy_optimizers"}),
        (("leaky",), {"accuracy_epochs"}),
        (("lenet-balanced", "lenet"), {"accuracy_balancing"}),
        (("lenet", "leaky-sgd"), set()),
    ],
)
def test_a_figure_for_each_comparison_that_has_its_members(
    members: Sequence[str], figures: set[str]
) -> None:
    jobs = jobs_of(study_of(*members))
    assert set(jobs) == figures
    drawn = {name: job() for name, job in jobs.items()}
    assert all(isinstance(one, Drawing) and one.name == name for name, one in drawn.items())


def test_imported_members_are_compared_with_none() -> None:
    study = study_of(*LEAKY, *LENET)
    bare = tuple(dataclasses.replace(r, recipe={}, history=()) for r in study.records)
    assert jobs_of(dataclasses.replace(study, records=bare)) == {}


# What they show


def test_epochs_show_the_compared_ones_and_what_is_published() -> None:
    study = study_of("leaky")
    drawing = jobs_of(study)["accuracy_epochs"]()
    eighth = study.records[0].history[7]
    shown = texts(drawing)
    assert {f"{100 * eighth.train_accuracy:.1f} %", f"{100 * eighth.val_accuracy:.1f} %"} <= {
        *shown
    }
    assert {"82.0 %", "90.0 %", "published", "leaky"} <= {*shown}
    assert f"{100 * eighth.val_accuracy:.1f} % after epoch 8" in drawing.alt


def test_epochs_that_were_not_reached_are_left_out() -> None:
    study = study_of("leaky")
    record = dataclasses.replace(study.records[0], history=study.records[0].history[:4])
    drawing = jobs_of(dataclasses.replace(study, records=(record,), profile="quick"))[
        "accuracy_epochs"
    ]()
    assert "after epoch 4" in drawing.alt
    assert not {"82.0 %", "published"} & {*texts(drawing)}


def test_members_that_differ_in_epochs_alone_stand_in_order() -> None:
    study = study_of("long", "short")
    same = tuple(dataclasses.replace(r, architecture="same") for r in study.records)
    drawing = jobs_of(dataclasses.replace(study, records=same))["accuracy_epochs"]()
    shown = texts(drawing)
    assert shown.index("5 epochs") < shown.index("50 epochs")


def test_optimizers_say_their_rate_and_stand_best_first() -> None:
    findings = Findings.of(study_of(*LEAKY), FEW)
    drawing = recipe_jobs(findings)["accuracy_optimizers"]()
    assert {"adam, rate 0.001", "sgd, rate 0.01", "adadelta, rate 1"} <= {*texts(drawing)}
    best = max(findings.comparison.member_scores, key=lambda score: score.test_accuracy)
    assert drawing.alt.startswith(f"Test accuracy of the same network and recipe: {best.method} (")


def test_the_legend_says_that_training_accuracy_is_a_mean_over_an_epoch() -> None:
    jobs = jobs_of(study_of(*LEAKY, *LENET))
    for name, words in (
        ("accuracy_epochs", "training, mean over each epoch"),
        ("accuracy_optimizers", "training, mean over the last epoch"),
        ("accuracy_balancing", "training, mean over the last epoch"),
    ):
        assert words in texts(jobs[name]())


def test_balancing_shows_recalls_and_published_figures_that_count_other_images() -> None:
    findings = Findings.of(study_of(*LENET), FEW)
    job = recipe_jobs(findings)["accuracy_balancing"]
    (groups,) = job.args  # type: ignore[attr-defined]
    group: Group = groups[0]
    test = findings.study.test
    for i, outcome in enumerate(group.outcomes):
        right = test.logits[i].argmax(axis=1) == test.labels
        recalls = [right[test.labels == k].mean() for k in range(len(test.classes))]
        assert outcome.recalls == pytest.approx(recalls)
        assert outcome.accuracies["test"] == pytest.approx(right.mean())
    published = {(p.split, p.label): p for p in group.outcomes[0].published}
    assert published["train", ""].value == pytest.approx(0.9934, abs=5e-5)
    assert not published["train", ""].elsewhere
    assert published["test", ""].elsewhere  # 20 × PublicTest
    assert published["test", "happy"].value == 0.82
    shown = texts(job())
    assert {"balanced, 10 copies", "published, counts other images than it claims"} <= {*shown}


@pytest.mark.parametrize("changes", [{"profile": "quick"}, {"dataset": "faces"}])
def test_published_figures_stand_beside_comparable_ones_alone(changes: dict[str, Any]) -> None:
    drawing = jobs_of(study_of(*LENET, **changes))["accuracy_balancing"]()
    assert not any(text.startswith("published") for text in texts(drawing))


@pytest.mark.parametrize("name", ["paper", "quick"])
def test_the_members_of_the_zoo_are_compared_as_the_reports_compare_them(name: str) -> None:
    chosen = load_catalogue().select("lenet,leaky,six")
    used = profile(name)
    records = [
        dataclasses.replace(
            factory.imported(member.name),
            recipe=used.recipe(member).as_dict(),
            architecture=fingerprint(member, used.width),
        )
        for member in chosen
    ]
    assert names(alike(records, OPTIMIZER)) == [list(LEAKY)]
    assert names(alike(records, BALANCE)) == [list(LENET)]


def test_the_figures_stand_on_the_page(tmp_path: Path) -> None:
    study = study_of(*LEAKY, *LENET)
    write_reports(study, tmp_path, only=("page",), methods=("single_best", "average"))
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    for title in (
        "Accuracy against epochs",
        "Accuracy against optimizers",
        "Accuracy with and without balanced classes",
    ):
        assert f"<figcaption>{title}</figcaption>" in page
